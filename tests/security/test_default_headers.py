"""The header fields of the modern preset are in every answer, whoever made it, and a program's own
win."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from security_doors import SERVERS, WITH_SOCKETS, Door
from security_sites import AROUND, INSIDE

from waterspout import App

Open = Callable[[str, str], Door]

inside = pytest.mark.parametrize("kind", INSIDE)
#: A mounted App has its own settings.
around = tuple(kind for kind in AROUND if kind != "app")

MODERN = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Content-Security-Policy": "frame-ancestors 'self'",
}


@pytest.mark.parametrize("kind", INSIDE + around)
def test_every_program_has_the_fields(open_door: Open, kind: str) -> None:
    said = open_door("modern", kind).ask("/text")
    assert said.status == 200
    assert {name: said.get(name) for name in MODERN} == MODERN


ANSWERS = [
    ("/text-async", "GET", 200),
    ("/nowhere", "GET", 404),
    ("/text", "DELETE", 405),
    ("/text", "OPTIONS", 200),
    ("/forbidden", "GET", 403),
    ("/data", "POST", 413),
    ("/login", "GET", 200),
    ("/stream", "GET", 200),
]


@inside
def test_every_kind_of_answer_has_the_fields(open_door: Open, kind: str) -> None:
    door = open_door("modern", kind)
    for path, method, status in ANSWERS:
        body = b"x" * 2_000_000 if status == 413 else None
        said = door.ask(path, method, body=body)
        assert (path, said.status) == (path, status)
        assert {name: said.get(name) for name in MODERN} == MODERN, path


@inside
@pytest.mark.parametrize("door_kind", SERVERS)  # a test client hands the error to the test
def test_an_error_has_the_fields(open_door: Open, kind: str) -> None:
    said = open_door("modern", kind).ask("/fails")
    assert said.status == 500
    assert {name: said.get(name) for name in MODERN} == MODERN


@pytest.mark.parametrize("door_kind", WITH_SOCKETS)  # the others wait for the view
@pytest.mark.parametrize("kind", INSIDE[:3])
def test_an_answer_of_the_server_has_the_fields(open_door: Open, kind: str) -> None:
    """504, because the view's time was over."""
    said = open_door("modern", kind).ask("/late")
    assert said.status == 504
    assert {name: said.get(name) for name in MODERN} == MODERN


@inside
def test_a_programs_own_field_wins(open_door: Open, kind: str) -> None:
    said = open_door("modern", kind).ask("/own-field")
    assert said.get("X-Content-Type-Options") == "own"
    assert said.get("X-Frame-Options") == "SAMEORIGIN"
    assert said.get("Content-Security-Policy") is None
    assert said.get("Referrer-Policy") == MODERN["Referrer-Policy"]


@inside
def test_a_moved_program_has_none(open_door: Open, kind: str) -> None:
    for path in ("/text", "/text-async", "/nowhere", "/login"):
        said = open_door("compat", kind).ask(path)
        assert [name for name in MODERN if said.get(name) is not None] == []


def test_a_handlers_own_field_wins(open_door: Open) -> None:
    said = open_door("modern", "handlers").ask("/own-field")
    assert said.get("X-Content-Type-Options") == "own"
    assert said.get("Referrer-Policy") == MODERN["Referrer-Policy"]


def test_the_setting_may_be_anything() -> None:
    app = App("fields")
    app.config["DEFAULT_HEADERS"] = {"Permissions-Policy": "camera=()"}
    app.config["TESTING"] = True
    app.add_url_rule("/", view_func=lambda: "")
    answer = app.test_client().get("/")
    assert answer.headers["Permissions-Policy"] == "camera=()"
    assert "Referrer-Policy" not in answer.headers
    for wrong in ({"A b": "1"}, {"A": "1\r\nSet-Cookie: a=1"}, {"Set-Cookie": "a=1"}):
        app.config["DEFAULT_HEADERS"] = wrong
        with pytest.raises(ValueError, match="DEFAULT_HEADERS"):
            app.test_client().get("/")
