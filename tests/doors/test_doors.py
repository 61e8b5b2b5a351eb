"""An application answers alike from every door.

The native server, gunicorn (WSGI), uvicorn, hypercorn and granian (ASGI) on real sockets, and
both test clients. Each answer is compared with what the case says, and, but for what is the
door's own, with the answer of the synchronous test client.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from doors_app import app, changed, wrapped
from doors_cases import CASES, JSON, NOTE, Case
from doors_client import Ask, Browser, ClientDoor, Door, SocketDoor


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_every_door_answers_alike(door: Door, case: Case) -> None:
    if case.wire_only and not isinstance(door, SocketDoor):
        pytest.skip("a test client makes no HTTP")
    said = door.ask(case.ask)
    assert said.status == case.status, said
    if case.body is not None:
        assert said.body == case.body
    if case.contains is not None:
        assert case.contains in said.body
    if case.json is not None:
        assert (said.get("Content-Type") or JSON).startswith((JSON, "text/x-why"))
        found = json.loads(said.body)
        if case.ask.target.startswith("/echo"):
            found = {key: found[key] for key in case.json}
        assert found == case.json
    for name, value in case.headers.items():
        assert said.get(name) == value
    if not case.wire_only:
        assert said.essence() == ClientDoor(app).ask(case.ask).essence()


# -- over several requests -------------------------------------------------------------------------


def test_cookies_are_set_read_and_deleted(door: Door) -> None:
    browser = Browser(door)
    said = browser.get("/cookies/set")
    plain, full = (said.get("Set-Cookie") or "").split(" | ")
    assert plain == "plain=1; Path=/"
    assert 'full="two words\\073 \\303\\251"; ' in full
    assert "Max-Age=60; Path=/cookies; SameSite=Lax" in full
    assert json.loads(browser.get("/cookies").body) == {"plain": "1", "full": "two words; é"}
    browser.get("/cookies/delete")
    assert json.loads(browser.get("/cookies").body) == {"full": "two words; é"}


def test_the_session_goes_from_request_to_request(door: Door) -> None:
    browser = Browser(door)
    assert json.loads(browser.get("/session").body) == {"words": None}
    assert browser.cookies == {}
    browser.get("/session/add/one")
    said = browser.get("/session/add/two")
    assert "HttpOnly; Path=/; SameSite=Lax" in (said.get("Set-Cookie") or "")
    read = browser.get("/session")
    assert json.loads(read.body) == {"words": ["one", "two"]}
    assert read.get("Vary") == "Cookie"
    assert read.get("Set-Cookie") is None
    browser.get("/session/clear")
    assert browser.cookies == {}


def test_a_session_of_one_door_is_good_at_another(door: Door) -> None:
    browser = Browser(door)
    browser.get("/session/add/moved")
    browser.door = ClientDoor(app)
    assert json.loads(browser.get("/session").body)["words"] == ["moved"]


def test_a_forged_session_is_none(door: Door) -> None:
    browser = Browser(door)
    browser.get("/session/add/one")
    browser.cookies["session"] = browser.cookies["session"][:-3] + "abc"
    assert json.loads(browser.get("/session").body)["words"] is None


def test_a_message_is_flashed_once(door: Door) -> None:
    browser = Browser(door)
    browser.get("/flash")
    messages = [["message", "one"], ["error", "two"]]
    assert json.loads(browser.get("/flashed").body) == messages
    assert json.loads(browser.get("/flashed").body) == []


def test_a_file_that_has_not_changed_is_not_sent(door: Door) -> None:
    first = door.ask(Ask("/static/note.txt"))
    etag = first.get("ETag")
    changed = first.get("Last-Modified")
    assert etag is not None
    assert changed is not None
    for condition in ({"If-None-Match": etag}, {"If-Modified-Since": changed}):
        said = door.ask(Ask("/static/note.txt", headers=condition))
        assert (said.status, said.body, said.get("ETag")) == (304, b"", etag)
        assert said.get("Content-Type") is None
    said = door.ask(Ask("/static/note.txt", headers={"If-None-Match": '"other"'}))
    assert (said.status, said.body) == (200, NOTE)
    ranged = {"Range": "bytes=0-0", "If-Range": '"other"'}
    assert door.ask(Ask("/static/note.txt", headers=ranged)).status == 200
    ranged["If-Range"] = etag
    assert door.ask(Ask("/static/note.txt", headers=ranged)).status == 206


def test_teardown_runs_once_for_every_request(door: Door) -> None:
    door.ask(Ask("/mixed/ended"))
    for path in ("view?user=a", "view-async?user=b", "view?stop", "fails?user=c"):
        door.ask(Ask(f"/mixed/{path}"))
    # Each reading is a request too, and tells of itself in the next.
    first, *rest = json.loads(door.ask(Ask("/mixed/ended")).body)
    assert first == "/mixed/ended nobody NoneType"
    assert rest == [
        "/mixed/view a NoneType",
        "/mixed/view-async b NoneType",
        "/mixed/view nobody NoneType",
        "/mixed/fails c NoneType",
    ]


# -- programs that change the doors ---------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_middleware_is_around_every_door(open_door: Callable[[str], Door], case: Case) -> None:
    """``app.wsgi_app = Middleware(app.wsgi_app)`` holds for ASGI and the native server too."""
    if case.wire_only:
        pytest.skip("compared with the test client, which makes no HTTP")
    said = open_door("wrapped").ask(case.ask)
    assert said.status == case.status, said
    assert said.get("X-Wrapped") == "yes"
    if case.body is not None:
        assert said.body == case.body
    expected = ClientDoor(wrapped).ask(case.ask).essence()
    assert said.essence() == expected


def test_middleware_changes_what_the_application_sees(
    open_door: Callable[[str], Door],
) -> None:
    said = open_door("wrapped").ask(Ask("/echo", headers={"X-Named": "by client"}))
    assert json.loads(said.body)["named"] == "by middleware"


CHANGED = [
    case
    for case in CASES
    if case.name
    in {"text returns", "dict async", "wrong method", "crash", "redirect", "stream stream"}
]


@pytest.mark.parametrize("case", CHANGED, ids=lambda case: case.name.replace(" ", "-"))
def test_a_subclass_has_its_own_stages(open_door: Callable[[str], Door], case: Case) -> None:
    """`response_class`, `make_response` and `process_response` of the program's own."""
    said = open_door("changed").ask(case.ask)
    assert said.status == case.status
    assert said.get("X-Processed") == case.ask.method
    assert said.get("X-Class") == "Plain"
    assert said.essence() == ClientDoor(changed).ask(case.ask).essence()


def test_a_subclass_has_its_own_return_values(open_door: Callable[[str], Door]) -> None:
    said = open_door("changed").ask(Ask("/set"))
    assert json.loads(said.body) == {"set": [1, 2, 3]}
    text = open_door("changed").ask(Ask("/returns/text"))
    assert text.get("Content-Type") == "text/plain; charset=utf-8"
    assert text.get("X-Class") == "Plain"


def test_a_class_of_the_program_has_absolute_locations(door: Door) -> None:
    """`autocorrect_location_header`, an attribute of Werkzeug's class."""
    said = door.ask(Ask("/absolute"))
    location = said.get("Location")
    assert said.status == 302
    assert location.startswith("http://")
    assert location.endswith("/other?a=1")
