"""The signals an application sends, with what and in which order."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from core_ways import Way

from waterspout import App, current_app, flash, render_template_string, request, signals

NAMES = (
    "appcontext_pushed",
    "request_started",
    "before_render_template",
    "template_rendered",
    "message_flashed",
    "got_request_exception",
    "request_finished",
    "request_tearing_down",
    "appcontext_tearing_down",
    "appcontext_popped",
)
Seen = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def listen() -> Iterator[Callable[[App, Way], Seen]]:
    """Listen to all signals of an app until the test ends."""
    with ExitStack() as stack:

        def connect(app: App, way: Way) -> Seen:
            seen: Seen = []
            for name in NAMES:

                def receive(sender: App, name: str = name, **said: Any) -> None:
                    assert sender is app
                    seen.append((name, said))

                stack.enter_context(getattr(signals, name).connected_to(way.fn(receive), app))
            return seen

        yield connect


def page() -> str:
    flash("hello", "greeting")
    return render_template_string("{{ who }}", who="you")


def fail() -> str:
    raise ZeroDivisionError("on purpose")


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/plain", 200, "pushed started finished tearing tearing popped"),
        ("/nowhere", 404, "pushed started finished tearing tearing popped"),
        ("/fail", 500, "pushed started got finished tearing tearing popped"),
        (
            "/page",
            200,
            "pushed started flashed before rendered finished tearing tearing popped",
        ),
    ],
)
def test_signals_of_a_request(
    app: App,
    way: Way,
    listen: Callable[[App, Way], Seen],
    path: str,
    status: int,
    expected: str,
) -> None:
    """Receivers may be of the kind the views are; all get what is documented."""
    app.get("/plain")(way.fn(lambda: "plain"))
    app.get("/page")(way.fn(page))
    app.get("/fail")(way.fn(fail))
    ask = way.serve(app)
    # Rendering and flashing are calls of a `def` function, whose receivers are called at once.
    seen = listen(app, Way(way.asynchronous and path != "/page", False))
    assert ask(path).status == status
    assert [_short(name) for name, _ in seen] == expected.split()
    said = dict(seen)
    assert said["request_finished"]["response"].status_code == status
    error = said["request_tearing_down"]["exc"]
    assert said["appcontext_tearing_down"]["exc"] is error
    assert isinstance(error, ZeroDivisionError) == (path == "/fail")
    if path == "/fail":
        assert said["got_request_exception"]["exception"] is error
    if path == "/page":
        assert said["message_flashed"] == {"message": "hello", "category": "greeting"}
        assert said["template_rendered"]["context"]["who"] == "you"
        assert said["template_rendered"]["template"].name is None


def _short(name: str) -> str:
    special = {"template_rendered": "rendered", "message_flashed": "flashed"}
    words = name.split("_")
    return special.get(name) or (words[1] if words[0] in ("request", "appcontext") else words[0])


def test_a_signals_receiver_sees_the_request(app: App, way: Way) -> None:
    """The receiver runs in the request's context and may change the response."""

    def sign(sender: App, response: Any, **extra: Any) -> None:
        response.headers["X-Path"] = f"{current_app.name} {request.path}"

    app.get("/here")(way.fn(lambda: "text"))
    ask = way.serve(app)
    with signals.request_finished.connected_to(sign, app):
        assert ask("/here").headers["X-Path"] == "core /here"
    assert "X-Path" not in ask("/here").headers


def test_signals_of_a_context_without_a_request(
    app: App, listen: Callable[[App, Way], Seen]
) -> None:
    seen = listen(app, Way(asynchronous=False, on_server=False))
    with app.app_context():
        assert [name for name, _ in seen] == ["appcontext_pushed"]
    assert [name for name, _ in seen[1:]] == ["appcontext_tearing_down", "appcontext_popped"]


def test_other_apps_are_not_heard(app: App, listen: Callable[[App, Way], Seen]) -> None:
    seen = listen(app, Way(asynchronous=False, on_server=False))
    other = App("other")
    assert other.test_client().get("/").status_code == 404
    assert seen == []


def test_signals_are_watched_while_a_receiver_is_connected() -> None:
    app, other = App("one"), App("other")

    def receive(sender: App, **said: Any) -> None: ...

    assert not signals.watched
    with signals.request_finished.connected_to(receive, app):
        assert signals.watched
    assert not signals.watched
    for sender in (app, other):
        signals.request_started.connect(receive, sender)
    signals.request_started.disconnect(receive, app)
    assert signals.watched
    signals.request_started.disconnect(receive, other)
    assert not signals.watched
    signals.appcontext_popped.connect(receive)
    del receive
    gc.collect()
    assert not signals.watched
