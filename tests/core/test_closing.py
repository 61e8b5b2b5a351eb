"""`AppContext.call_on_close`: what a context holds is given back when it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from core_ways import Way

from waterspout import App, app_ctx, current_app, spawn


def test_functions_are_called_at_the_end_newest_first(app: App, way: Way) -> None:
    """They run after the teardown functions, in the context, for each request its own."""
    notes: list[str] = []
    app.teardown_appcontext(way.fn(lambda error: notes.append("teardown")))

    def closing(number: int) -> Any:
        return way.fn(lambda: notes.append(f"{current_app.name} {number}"))

    def view() -> str:
        for number in (1, 2):
            app_ctx.call_on_close(closing(number))
        return "held"

    app.get("/held")(way.fn(view))
    app.get("/free")(way.fn(lambda: "free"))
    ask = way.serve(app)
    assert [ask("/held").text, ask("/free").text] == ["held", "free"]
    way.end()
    assert notes == ["teardown", "core 2", "core 1", "teardown"]


def test_they_are_called_without_teardown_functions(app: App, way: Way) -> None:
    notes: list[str] = []

    def view() -> str:
        app_ctx.call_on_close(way.fn(lambda: notes.append("closed")))
        return "done"

    app.get("/")(way.fn(view))
    assert way.serve(app)("/").text == "done"
    way.end()
    assert notes == ["closed"]


def test_one_that_fails_is_logged_and_the_others_run(
    app: App, door: Way, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[str] = []

    def fail() -> None:
        raise OSError("gone")

    @app.get("/")
    def view() -> str:
        app_ctx.call_on_close(lambda: notes.append("closed"))
        app_ctx.call_on_close(fail)
        return "done"

    with caplog.at_level(logging.ERROR):
        assert door.serve(app)("/").status == 200
        door.end()
    assert notes == ["closed"]
    assert [record.getMessage() for record in caplog.records] == [
        "Error in a function that was to be called on close"
    ]


def test_spawned_work_has_its_own(app: App, served: Way) -> None:
    """What a request holds is not given back twice, nor by the work that it has started."""
    notes: list[str] = []

    def work() -> None:
        app_ctx.call_on_close(lambda: notes.append("work"))

    def view() -> str:
        app_ctx.call_on_close(lambda: notes.append("request"))
        spawn(work)
        return "done"

    app.get("/")(served.fn(view))
    assert served.serve(app)("/").text == "done"
    served.end()
    assert sorted(notes) == ["request", "work"]


async def _pushed(app: App, notes: list[str]) -> None:
    async def close() -> None:
        await asyncio.sleep(0)
        notes.append(current_app.name)

    with app.app_context():
        app_ctx.call_on_close(close)
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})


def test_a_context_that_ends_on_the_loop_closes_in_a_task(app: App) -> None:
    """``with app.app_context():`` cannot wait in a coroutine."""
    notes: list[str] = []
    asyncio.run(_pushed(app, notes))
    assert notes == ["core"]
