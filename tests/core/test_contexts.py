"""Contexts and their proxies, in requests, outside them, in threads and tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from core_ways import Way

from waterspout import (
    App,
    after_this_request,
    copy_current_request_context,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    session,
    url_for,
)
from waterspout.context.request_context import app_ctx, request_ctx

OUTSIDE: list[tuple[str, Callable[[], Any], str]] = [
    ("request", lambda: request.path, "request context"),
    ("session", lambda: session["x"], "request context"),
    ("request_ctx", lambda: request_ctx.request, "request context"),
    ("current_app", lambda: current_app.name, "application context"),
    ("g", lambda: g.x, "application context"),
    ("app_ctx", lambda: app_ctx.app, "application context"),
    ("after_this_request", lambda: after_this_request(lambda r: r), "request context"),
    ("copy", lambda: copy_current_request_context(lambda: None), "request context"),
    ("url_for", lambda: url_for("x"), "application context"),
]


@pytest.mark.parametrize(("name", "use", "word"), OUTSIDE, ids=[row[0] for row in OUTSIDE])
def test_outside_the_error_says_what_is_missing(
    name: str, use: Callable[[], Any], word: str
) -> None:
    """It names the kind of context; the proxies say how to make one, too."""
    with pytest.raises(RuntimeError, match=word.split(maxsplit=1)[0]) as caught:
        use()
    text = str(caught.value)
    if name in ("request", "session", "request_ctx"):
        assert "Working outside of request context" in text
        assert "testing" in text
    if name in ("current_app", "g", "app_ctx"):
        assert "Working outside of application context" in text
        assert "app.app_context()" in text


def test_without_a_context_nothing_is_there() -> None:
    assert not has_request_context()
    assert not has_app_context()
    assert not request
    assert not current_app
    assert repr(request) == "<LocalProxy unbound>"


def test_contexts_by_hand(app: App) -> None:
    """`app_context`, `test_request_context`, nested and popped in order."""
    seen: list[str] = []
    app.teardown_appcontext(lambda error: seen.append("app"))
    app.teardown_request(lambda error: seen.append("request"))
    with app.app_context():
        g.x = 1
        assert has_app_context()
        assert not has_request_context()
        with app.test_request_context("/a?b=c", method="POST", json={"d": 1}):
            # Within the same app's context, the request borrows its `g`.
            assert (request.args["b"], request.json, g.x) == ("c", {"d": 1}, 1)
            assert request.url == "http://localhost/a?b=c"
        assert seen == ["request"]
        with app.app_context():
            assert "x" not in g
        assert seen == ["request", "app"]
        assert g.x == 1
    assert seen == ["request", "app", "app"]


def test_a_request_context_is_entered_again(app: App) -> None:
    """Teardown runs at the last exit, and with the error that left the block."""
    seen: list[Any] = []
    app.teardown_request(seen.append)
    ctx = app.test_request_context("/")
    error = ValueError("out of the block")
    with pytest.raises(ValueError, match="out of"), ctx:
        with ctx:
            assert request_ctx._get_current_object() is ctx  # type: ignore[attr-defined]
        assert seen == []
        raise error
    assert seen == [error]


def test_wrong_order_of_pops_is_an_error(app: App) -> None:
    first, second = app.app_context(), app.app_context()
    first.push()
    second.push()
    with pytest.raises(AssertionError, match="Popped wrong app context"):
        first.pop(None)
    assert not has_app_context()


def test_g_is_a_namespace(app: App) -> None:
    with app.app_context():
        assert (g.get("x"), g.get("x", 1), "x" in g) == (None, 1, False)
        assert (g.setdefault("x", 2), g.x, list(g)) == (2, 2, ["x"])
        assert (g.pop("x"), g.pop("x", 3)) == (2, 3)
        with pytest.raises(KeyError):
            g.pop("x")
        with pytest.raises(AttributeError):
            g.x
        with pytest.raises(AttributeError):
            del g.x
        assert repr(g) == "<flask.g of 'core'>"


def test_many_requests_at_once_have_their_own(app: App, served: Way) -> None:
    """Request, session and g of each are its own, before and after a wait."""
    together = threading.Barrier(8)
    arrived: set[int] = set()
    everybody = asyncio.Event()

    def before(number: int) -> None:
        g.number = number
        session["number"] = number

    def after() -> dict[str, Any]:
        return {"path": request.path, "g": g.number, "session": session["number"]}

    def view(number: int) -> dict[str, Any]:
        before(number)
        together.wait(10)
        return after()

    async def view_async(number: int) -> dict[str, Any]:
        before(number)
        arrived.add(number)
        if len(arrived) == 8:
            everybody.set()
        await asyncio.wait_for(everybody.wait(), 10)
        return after()

    app.add_url_rule("/<int:number>", "view", view_async if served.asynchronous else view)
    ask = served.serve(app)
    with ThreadPoolExecutor(8) as people:
        said = list(people.map(lambda number: ask(f"/{number}"), range(8)))
    assert [app.json.loads(answer.body) for answer in said] == [
        {"path": f"/{number}", "g": number, "session": number} for number in range(8)
    ]


def test_work_in_a_thread_of_the_programs_own(app: App, way: Way) -> None:
    """`copy_current_request_context` takes request and session there; `g` is a new one,
    and nothing is left behind."""

    @app.get("/work")
    @way.fn
    def view() -> dict[str, Any]:
        session["user"] = "me"
        g.here = True

        @copy_current_request_context
        def work() -> list[Any]:
            return [request.path, session["user"], "here" in g, current_app.name]

        with ThreadPoolExecutor(1) as pool:
            with_copy = pool.submit(work).result(10)
            without = pool.submit(has_request_context).result(10)
        return {"with": with_copy, "without": without}

    said = app.json.loads(way.serve(app)("/work").body)
    assert said == {"with": ["/work", "me", False, "core"], "without": False}


def test_tasks_of_an_async_view_are_in_its_context(app: App, door: Way) -> None:
    """What a view awaits or starts sees its request."""

    @app.get("/tasks")
    async def view() -> dict[str, Any]:
        async def part(number: int) -> str:
            await asyncio.sleep(0)
            g.parts.append(number)
            return f"{request.path}{number}"

        g.parts = []
        found = await asyncio.gather(*(part(number) for number in range(3)))
        in_thread = await asyncio.to_thread(lambda: request.path)
        return {"found": found, "parts": g.parts, "thread": in_thread}

    assert app.json.loads(door.serve(app)("/tasks").body) == {
        "found": ["/tasks0", "/tasks1", "/tasks2"],
        "parts": [0, 1, 2],
        "thread": "/tasks",
    }


def test_context_variables_of_hooks_reach_the_view(app: App, way: Way) -> None:
    """A program's own context variable set in a hook is seen by view and teardown, and
    not by the next request."""
    user: ContextVar[str] = ContextVar("user", default="nobody")
    seen: list[str] = []

    @app.before_request
    @way.fn
    def before() -> None:
        seen.append(user.get())
        user.set("somebody")

    app.get("/")(way.fn(user.get))

    @app.teardown_request
    @way.fn
    def after(error: BaseException | None) -> None:
        seen.append(user.get())
        user.set("nobody")

    ask = way.serve(app)
    assert [ask("/").text for _ in range(2)] == ["somebody"] * 2
    way.end()
    assert seen == ["nobody", "somebody"] * 2


def test_copies_of_a_request_context(app: App) -> None:
    with app.test_request_context("/orig") as ctx:
        session_there = session._get_current_object()  # type: ignore[attr-defined]
        copied = ctx.copy()
        with copied:
            assert request.path == "/orig"
            assert session._get_current_object() is session_there  # type: ignore[attr-defined]
