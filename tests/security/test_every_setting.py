"""Every setting of an application that keeps something out holds behind every door, and through
every kind of mount."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from security_doors import Door
from security_sites import AROUND, INSIDE

Open = Callable[[str, str], Door]

inside = pytest.mark.parametrize("kind", INSIDE)
everywhere = pytest.mark.parametrize("kind", INSIDE + AROUND)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def cookie_of(door: Door, path: str, name: str = "session") -> str:
    """Return what a browser would send back after *path*."""
    said = door.ask(path)
    assert said.status == 200, said
    found = re.search(rf"{name}=([^;]*)", said.get("Set-Cookie") or "")
    assert found, said
    return f"{name}={found[1]}"


# -- hosts -----------------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize("host", ["shop.example", "shop.example:8000", "a.shop.test"])
def test_a_trusted_host_is_answered(open_door: Open, kind: str, host: str) -> None:
    said = open_door("hosts", kind).ask("/text", fields={"Host": host})
    assert (said.status, said.body) == (200, b"text")


@everywhere
@pytest.mark.parametrize("host", ["evil.example", "shop.example.evil.test", "127.0.0.1:80"])
def test_another_host_is_refused(open_door: Open, kind: str, host: str) -> None:
    said = open_door("hosts", kind).ask("/text", fields={"Host": host})
    assert said.status == 400
    assert b"text" not in said.body.replace(b"text/", b"")


@everywhere
def test_another_host_sends_nothing(open_door: Open, kind: str) -> None:
    said = open_door("hosts", kind).ask("/data", "POST", {"Host": "evil.example"}, b"1234")
    assert said.status == 400


@inside
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/text-async", "/nowhere", "/login"])
def test_no_route_is_without_the_question_for_the_host(
    open_door: Open, kind: str, method: str, path: str
) -> None:
    said = open_door("hosts", kind).ask(path, method, {"Host": "evil.example"})
    assert said.status == 400
    assert said.get("Set-Cookie") is None


# -- bodies ----------------------------------------------------------------------------------------


@everywhere
def test_a_body_within_the_limit_is_taken(open_door: Open, kind: str) -> None:
    said = open_door("body", kind).ask("/data", "POST", body=b"x" * 900)
    assert (said.status, said.body) == (200, b"900")


@pytest.mark.parametrize("kind", [*INSIDE, *(kind for kind in AROUND if kind != "app")])
def test_a_body_above_the_limit_is_refused(open_door: Open, kind: str) -> None:
    door = open_door("body", kind)
    assert door.ask("/data", "POST", body=b"x" * 1100).status == 413


@pytest.mark.parametrize("kind", INSIDE[:3])  # Tornado's container knows bodies with a length only
@pytest.mark.parametrize("path", ["/data", "/data-async"])
def test_a_body_in_chunks_above_the_limit_is_refused(
    open_door: Open, door_kind: str, kind: str, path: str
) -> None:
    if "client" in door_kind:
        pytest.skip("a test client makes no HTTP")
    said = open_door("body", kind).ask(path, "POST", body=b"x" * 1100, chunked=True)
    assert said.status == 413


@inside
@pytest.mark.parametrize(
    ("settings", "parts", "status"),
    [
        ("form", {"a": "1", "b": "2"}, 200),
        ("form", {"a": "x" * 600}, 413),
        ("form", {"a": "1", "b": "1", "c": "1", "d": "1"}, 413),
        ("form-size", {"a": "x" * 40, "b": "x" * 40}, 200),
        ("form-size", {"a": "x" * 70, "b": "x" * 70}, 413),
    ],
)
def test_forms_have_their_limits(
    open_door: Open, kind: str, settings: str, parts: dict[str, str], status: int
) -> None:
    piece = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(piece.format(*item) for item in parts.items()) + "--b--\r\n"
    fields = {"Content-Type": "multipart/form-data; boundary=b"}
    said = open_door(settings, kind).ask("/form", "POST", fields, body.encode())
    assert said.status == status


# -- the session and other cookies -----------------------------------------------------------------


@inside
def test_the_session_cookie_has_the_flags_it_is_told(open_door: Open, kind: str) -> None:
    said = open_door("cookie", kind).ask("/login")
    sent = said.get("Set-Cookie") or ""
    assert sent.startswith("sid=")
    assert sent.partition("; ")[2] == (
        "Domain=shop.example; Secure; Path=/in; SameSite=Strict; Partitioned"
    )


@inside
def test_the_session_cookie_of_the_modern_preset(open_door: Open, kind: str) -> None:
    said = open_door("modern", kind).ask("/login")
    assert (said.get("Set-Cookie") or "").partition("; ")[2] == "HttpOnly; Path=/; SameSite=Lax"
    assert said.get("Cache-Control") == "private"
    assert said.get("Vary") == "Cookie"


@inside
@pytest.mark.filterwarnings("ignore:The 'session' cookie is too large")
def test_a_cookie_that_browsers_drop_is_an_error(open_door: Open, kind: str) -> None:
    """SESSION_COOKIE_OVERSIZE and COOKIE_PREFIX_CHECK of the modern preset."""
    for path in ("/large-session", "/prefixed-cookie"):
        assert open_door("modern", kind).ask(path).status == 500
        assert open_door("compat", kind).ask(path).status == 200


@inside
def test_a_session_of_an_old_key_is_read(open_door: Open, kind: str) -> None:
    cookie = cookie_of(open_door("old-key", kind), "/login")
    said = open_door("new-key", kind).ask("/who", fields={"Cookie": cookie})
    assert said.body == b"ann"
    fresh = cookie_of(open_door("new-key", kind), "/login")
    assert open_door("old-key", kind).ask("/who", fields={"Cookie": fresh}).body == b"None"


@inside
def test_a_session_of_another_key_is_none(open_door: Open, kind: str) -> None:
    cookie = cookie_of(open_door("old-key", kind), "/login")
    said = open_door("modern", kind).ask("/who", fields={"Cookie": cookie})
    assert (said.status, said.body) == (200, b"None")


# -- tokens ----------------------------------------------------------------------------------------


@inside
def test_a_form_repeats_the_token_of_its_cookie(open_door: Open, kind: str) -> None:
    door = open_door("cookie", kind)
    said = door.ask("/token")
    token = said.body.decode()
    cookie = {"Cookie": (said.get("Set-Cookie") or "").partition(";")[0]}
    assert cookie["Cookie"].startswith("__Host-csrf=")
    good = f"csrf_token={token}".replace("|", "%7C").encode()
    assert door.ask("/guarded", "POST", {**cookie, **FORM}, good).status == 200
    for fields, body in (({}, good), (cookie, b""), (cookie, b"csrf_token=1"), (cookie, b"a=1")):
        assert door.ask("/guarded", "POST", {**fields, **FORM}, body).status == 400


# -- errors ----------------------------------------------------------------------------------------


@inside
@pytest.mark.parametrize("settings", ["modern", "compat"])
def test_an_error_says_nothing_of_the_inside(open_door: Open, settings: str, kind: str) -> None:
    if open_door(settings, kind).kind in ("client", "async-client"):
        pytest.skip("a test client hands the error to the test")
    said = open_door(settings, kind).ask("/fails")
    assert said.status == 500
    assert b"internal word" not in said.body
    assert b"Traceback" not in said.body
