"""What a page of another site sends to change something is refused, behind every door
and through every mount; programs that are no browsers are not asked."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import urlsplit

import pytest
from security_doors import WITH_SOCKETS, Door
from security_sites import AROUND, INSIDE

from waterspout import App, request
from waterspout.flask import Flask
from waterspout.security.origins import refusal

Open = Callable[[str, str], Door]

inside = pytest.mark.parametrize("kind", INSIDE)
#: A mounted App has its own settings.
around = tuple(kind for kind in AROUND if kind != "app")
everywhere = pytest.mark.parametrize("kind", INSIDE + around)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OWN = "http://door.test"

TAKEN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://whatever.example"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": OWN},
    {"Origin": "https://door.test"},  # a proxy has ended TLS
]
REFUSED: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://sibling.door.test"},
    {"Sec-Fetch-Site": "anything"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://door.test:8080"},
    {"Origin": "http://door.test.evil.example"},
    {"Origin": "http://evil.example/door.test"},
    {"Origin": "http://[::1"},
]


@everywhere
def test_pages_of_ours_and_programs_are_taken(open_door: Open, kind: str) -> None:
    door = open_door("modern", kind)
    for fields in TAKEN:
        said = door.ask("/data", "POST", fields, b"1234")
        assert (fields, said.status, said.body) == (fields, 200, b"4")


@everywhere
def test_pages_of_other_origins_are_refused(open_door: Open, kind: str) -> None:
    door = open_door("modern", kind)
    for fields in REFUSED:
        said = door.ask("/data", "POST", fields, b"1234")
        assert (fields, said.status) == (fields, 403)
        assert b"a page of" in said.body


@inside
def test_every_kind_of_view_is_behind_the_check(open_door: Open, kind: str) -> None:
    door = open_door("modern", kind)
    for path in ("/data-async", "/form", "/guarded"):
        assert door.ask(path, "POST", REFUSED[0], b"").status == 403, path


@everywhere
def test_what_changes_nothing_may_come_from_anywhere(open_door: Open, kind: str) -> None:
    assert open_door("modern", kind).ask("/text", fields=REFUSED[0]).status == 200


@inside
def test_a_moved_program_is_not_asked(open_door: Open, kind: str) -> None:
    door = open_door("compat", kind)
    for fields in REFUSED:
        assert door.ask("/data", "POST", fields, b"1234").status == 200, fields


@everywhere
def test_origins_that_are_named_are_taken(open_door: Open, kind: str) -> None:
    door = open_door("origins", kind)
    for site in ({}, {"Sec-Fetch-Site": "cross-site"}):
        fields = {"Origin": "https://partner.example", **site}
        assert door.ask("/data", "POST", fields, b"1").status == 200
        fields = {"Origin": "https://partner.example.evil.test", **site}
        assert door.ask("/data", "POST", fields, b"1").status == 403


@inside
def test_a_route_may_be_for_other_sites(open_door: Open, kind: str) -> None:
    door = open_door("modern", kind)
    for path in ("/hook", "/hook-async"):
        said = door.ask(path, "POST", {**REFUSED[0], "Origin": "https://evil.example"}, b"12")
        assert (said.status, said.body) == (200, b"2")


def test_a_handlers_route_may_be_for_other_sites(open_door: Open) -> None:
    said = open_door("modern", "handlers").ask("/hook", "POST", REFUSED[0], b"12")
    assert (said.status, said.body) == (200, b"2")


@inside
def test_behind_a_proxy_that_changes_host_the_token_tells(open_door: Open, kind: str) -> None:
    """Without TLS a browser sends no Sec-Fetch-Site."""
    door = open_door("modern", kind)
    said = door.ask("/token")
    token = said.body.decode()
    cookie = (said.get("Set-Cookie") or "").partition(";")[0]
    fields = {"Origin": "http://shop.example", "Cookie": cookie}
    form = f"csrf_token={token}".replace("|", "%7C").encode()
    assert door.ask("/form", "POST", {**fields, **FORM}, form).status == 200
    assert door.ask("/form", "POST", {**fields, "X-CSRFToken": token}, b"").status == 200
    # The browser's own word counts more: a sibling domain can set cookies, and repeat them.
    sure = {**fields, **FORM, "Sec-Fetch-Site": "same-site"}
    assert door.ask("/form", "POST", sure, form).status == 403
    assert door.ask("/form", "POST", {**fields, **FORM}, b"csrf_token=1").status == 403


@pytest.mark.parametrize("door_kind", WITH_SOCKETS)
@pytest.mark.parametrize("kind", INSIDE[:3])
@pytest.mark.parametrize("settings", ["modern", "compat"])
def test_websockets_are_for_pages_of_ours_in_both_presets(
    open_door: Open, settings: str, kind: str
) -> None:
    door = open_door(settings, kind)
    for origin, fields, status in [
        (None, {}, 101),
        (OWN, {}, 101),
        ("https://evil.example", {"Sec-Fetch-Site": "same-origin"}, 101),
        ("https://evil.example", {}, 403),
        (OWN, {"Sec-Fetch-Site": "cross-site"}, 403),
        ("null", {}, 403),
    ]:
        assert door.open_socket("/socket", origin, fields) == status


@pytest.mark.parametrize("door_kind", WITH_SOCKETS)
@pytest.mark.parametrize("kind", INSIDE[:3])
def test_websockets_for_pages_of_named_origins(open_door: Open, kind: str) -> None:
    door = open_door("origins", kind)
    assert door.open_socket("/socket", "https://partner.example", {}) == 101
    assert door.open_socket("/socket", "https://evil.example", {}) == 403


@pytest.mark.parametrize("cls", [App, Flask])
def test_hooks_see_that_the_request_is_refused(cls: type[App]) -> None:
    """As for the other errors before a view: hooks and error handlers run, the view does not."""
    app = cls("refused")
    app.config["CROSS_SITE_CHECK"] = True
    trail: list[str] = []

    @app.before_request
    def before() -> None:
        trail.append(type(request.routing_exception).__name__)

    @app.errorhandler(403)
    def forbidden(error: Exception) -> tuple[str, int]:
        return "own page", 403

    @app.post("/")
    def view() -> str:
        trail.append("view")
        return "done"

    answer = app.test_client().post("/", headers=REFUSED[0])
    assert (answer.status_code, answer.text) == (403, "own page")
    assert trail == ["CrossSiteRequest"]


def test_no_text_is_an_error_or_taken_for_this_origin() -> None:
    chance = Random(7)
    parts = ["http", "https", "://", ":", "/", "@", "[", "]", "door.test", "evil", ".", "#", "?"]
    parts += ["\\", "%", "80", "99999999", " ", "\x00", "\xa0", "null", ",", "::1", "ß", "\u2100"]
    for _ in range(20_000):
        origin = "".join(chance.choices(parts, k=chance.randrange(8)))
        reason = refusal(None, origin, "http", "door.test", ())
        if reason is None:
            assert urlsplit(origin).hostname == "door.test", origin
