"""Every setting of an application that keeps something out holds behind every door, and through
every kind of mount."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from security_doors import SERVERS, WITH_SOCKETS, Door
from security_sites import AROUND, INSIDE
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from waterspout.config import SETTINGS
from waterspout.sessions import session_json_serializer

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
def test_a_trusted_host_is_answered(open_door: Open, kind: str) -> None:
    door = open_door("hosts", kind)
    for host in ("shop.example", "shop.example:8000", "a.shop.test"):
        said = door.ask("/text", fields={"Host": host})
        assert (host, said.status, said.body) == (host, 200, b"text")


@everywhere
def test_another_host_is_refused(open_door: Open, kind: str) -> None:
    door = open_door("hosts", kind)
    for host in ("evil.example", "shop.example.evil.test", "127.0.0.1:80"):
        said = door.ask("/text", fields={"Host": host})
        assert (host, said.status) == (host, 400)
        assert b"text" not in said.body.replace(b"text/", b"")


@everywhere
def test_another_host_sends_nothing(open_door: Open, kind: str) -> None:
    said = open_door("hosts", kind).ask("/data", "POST", {"Host": "evil.example"}, b"1234")
    assert said.status == 400


@inside
def test_no_route_is_without_the_question_for_the_host(open_door: Open, kind: str) -> None:
    door = open_door("hosts", kind)
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        for path in ("/text-async", "/nowhere", "/login"):
            said = door.ask(path, method, {"Host": "evil.example"})
            assert (method, path, said.status) == (method, path, 400)
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


@pytest.mark.parametrize("door_kind", SERVERS)  # a test client makes no HTTP
@pytest.mark.parametrize("kind", INSIDE[:3])  # Tornado's container knows bodies with a length only
@pytest.mark.parametrize("path", ["/data", "/data-async"])
def test_a_body_in_chunks_above_the_limit_is_refused(open_door: Open, kind: str, path: str) -> None:
    said = open_door("body", kind).ask(path, "POST", body=b"x" * 1100, chunked=True)
    assert said.status == 413


FORMS: list[tuple[str, dict[str, str], int]] = [
    ("form", {"a": "1", "b": "2"}, 200),
    ("form", {"a": "x" * 600}, 413),
    ("form", {"a": "1", "b": "1", "c": "1", "d": "1"}, 413),
    ("form-size", {"a": "x" * 40, "b": "x" * 40}, 200),
    ("form-size", {"a": "x" * 70, "b": "x" * 70}, 413),
]


@inside
def test_forms_have_their_limits(open_door: Open, kind: str) -> None:
    piece = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = {"Content-Type": "multipart/form-data; boundary=b"}
    for settings, parts, status in FORMS:
        body = "".join(piece.format(*item) for item in parts.items()) + "--b--\r\n"
        said = open_door(settings, kind).ask("/form", "POST", fields, body.encode())
        assert (parts, said.status) == (parts, status)


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
@pytest.mark.parametrize("door_kind", SERVERS)  # a test client hands the error to the test
@pytest.mark.parametrize("settings", ["modern", "compat"])
def test_an_error_says_nothing_of_the_inside(open_door: Open, settings: str, kind: str) -> None:
    said = open_door(settings, kind).ask("/fails")
    assert said.status == 500
    assert b"internal word" not in said.body
    assert b"Traceback" not in said.body


# -- files -----------------------------------------------------------------------------------------


@inside
def test_links_that_lead_out_of_a_folder_are_followed_only_if_told(
    open_door: Open, kind: str
) -> None:
    assert open_door("modern", kind).ask("/folder/inside.txt").body == b"inside"
    assert open_door("modern", kind).ask("/folder/link.txt").status == 404
    assert open_door("files", kind).ask("/folder/link.txt").body == b"outside"
    for settings in ("modern", "files"):
        for path in ("../outside.txt", "%2e%2e/outside.txt", "..%5coutside.txt", "%00", "/etc"):
            said = open_door(settings, kind).ask(f"/folder/{path}")
            status = 308 if path == "/etc" else 404  # two slashes are one
            assert (path, said.status) == (path, status)


class OfAnHourAgo(TimestampSigner):
    def get_timestamp(self) -> int:
        return int(time.time()) - 3600


@inside
def test_a_session_has_an_end(open_door: Open, kind: str) -> None:
    """By the time in its signature; a copied cookie ends too."""
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha1}
    signing = URLSafeTimedSerializer(
        "a key of the tests",
        salt="cookie-session",
        serializer=session_json_serializer,
        signer=OfAnHourAgo,
        signer_kwargs=how,
    )
    fields = {"Cookie": f"session={signing.dumps({'user': 'ann'})}"}
    assert open_door("modern", kind).ask("/who", fields=fields).body == b"ann"
    assert open_door("short", kind).ask("/who", fields=fields).body == b"None"


# -- WebSockets ------------------------------------------------------------------------------------

SOCKETS = pytest.mark.parametrize(("door_kind", "kind"), list(product(WITH_SOCKETS, INSIDE[:3])))


@SOCKETS
def test_a_websocket_of_another_host_is_refused(open_door: Open, door_kind: str, kind: str) -> None:
    door = open_door("hosts", kind)
    assert door.open_socket("/socket", None, {"Host": "shop.example"}) == 101
    assert door.open_socket("/socket", None, {"Host": "evil.example"}) == 400


@SOCKETS
def test_websockets_have_their_limits(open_door: Open, door_kind: str, kind: str) -> None:
    door = open_door("sockets", kind)
    with connect(door.address("/echo"), additional_headers=door.names) as ws:
        ws.send("x" * 10)
        assert ws.recv() == "x" * 10
        with pytest.raises(InvalidStatus) as refused:
            connect(door.address("/echo"), additional_headers=door.names)
        assert refused.value.response.status_code == 429
        ws.send("x" * 11)
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


# -- all of them -----------------------------------------------------------------------------------

#: Settings that keep something out, and where they are held on every door.
HELD = {
    "COOKIE_PREFIX_CHECK": "test_a_cookie_that_browsers_drop_is_an_error",
    "CROSS_SITE_CHECK": "test_pages_of_other_origins_are_refused",
    "CROSS_SITE_ORIGINS": "test_origins_that_are_named_are_taken",
    "CSRF_COOKIE_NAME": "test_a_form_repeats_the_token_of_its_cookie",
    "DEBUG": "test_an_error_says_nothing_of_the_inside",
    "DEFAULT_HEADERS": "test_every_kind_of_answer_has_the_fields",
    "MAX_CONTENT_LENGTH": "test_a_body_above_the_limit_is_refused",
    "MAX_COOKIE_SIZE": "test_a_cookie_that_browsers_drop_is_an_error",
    "MAX_FORM_MEMORY_SIZE": "test_forms_have_their_limits",
    "MAX_FORM_PARTS": "test_forms_have_their_limits",
    "MAX_FORM_SIZE": "test_forms_have_their_limits",
    "PERMANENT_SESSION_LIFETIME": "test_a_session_has_an_end",
    "PROPAGATE_EXCEPTIONS": "test_an_error_says_nothing_of_the_inside",
    "SECRET_KEY": "test_a_session_of_another_key_is_none",
    "SECRET_KEY_FALLBACKS": "test_a_session_of_an_old_key_is_read",
    "SEND_FILE_FOLLOW_SYMLINKS": "test_links_that_lead_out_of_a_folder_are_followed_only_if_told",
    "SESSION_COOKIE_DOMAIN": "test_the_session_cookie_has_the_flags_it_is_told",
    "SESSION_COOKIE_HTTPONLY": "test_the_session_cookie_has_the_flags_it_is_told",
    "SESSION_COOKIE_NAME": "test_the_session_cookie_has_the_flags_it_is_told",
    "SESSION_COOKIE_OVERSIZE": "test_a_cookie_that_browsers_drop_is_an_error",
    "SESSION_COOKIE_PARTITIONED": "test_the_session_cookie_has_the_flags_it_is_told",
    "SESSION_COOKIE_PATH": "test_the_session_cookie_has_the_flags_it_is_told",
    "SESSION_COOKIE_PRIVATE": "test_the_session_cookie_of_the_modern_preset",
    "SESSION_COOKIE_SAMESITE": "test_the_session_cookie_has_the_flags_it_is_told",
    "SESSION_COOKIE_SECURE": "test_the_session_cookie_has_the_flags_it_is_told",
    "TRUSTED_HOSTS": "test_another_host_is_refused",
    "WEBSOCKET_CHECK_ORIGIN": "test_websockets_are_for_pages_of_ours_in_both_presets",
    "WEBSOCKET_MAX_MESSAGE_SIZE": "test_websockets_have_their_limits",
    "WEBSOCKET_ORIGINS": "test_websockets_for_pages_of_named_origins",
    "WEBSOCKET_PER_CLIENT": "test_websockets_have_their_limits",
}
#: What the others begin with, or are: they say how something is done, not who may.
OTHERS = (
    "APPLICATION_ROOT AWAITABLE_VALUES CANCEL_ON_DISCONNECT CHECK_ROUTES EXPLAIN_ JINJA_ JSON_"
    " LOG_ PREFERRED_ PROVIDE_ SEND_FILE_MAX_AGE SEND_FILE_PRECOMPRESSED SERVER_NAME"
    " SESSION_REFRESH STREAM_ TEMPLATES_"
    " TESTING TORNADO_ TRACEBACK TRAP_ USE_X_SENDFILE VIEW_BEFORE_BODY"
    # one connection's pace: tests/websockets, tests/hostile/test_bursts.py
    " WEBSOCKET_CLOSE WEBSOCKET_COMPRESSION WEBSOCKET_IDLE WEBSOCKET_MAX_FRAGMENTS"
    " WEBSOCKET_MAX_UNSENT WEBSOCKET_MESSAGE_RATE WEBSOCKET_PING WEBSOCKET_QUEUE"
)


def test_every_setting_is_held_or_is_no_matter_of_safety() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    missing = [name for name, test in HELD.items() if f"def {test}(" not in tests]
    assert missing == []
    assert [name for name in HELD if name not in SETTINGS] == []
    others = tuple(OTHERS.split())
    unsorted = [name for name in SETTINGS if (name in HELD) == name.startswith(others)]
    assert unsorted == [], "Add each to HELD, with the test that holds it here, or to OTHERS."
