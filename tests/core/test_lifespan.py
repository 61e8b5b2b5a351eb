"""Start and stop of an application, at every place that runs it.

How a failing start ends and what a process says is in `tests/server/test_lifecycle.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from core_ways import Way, ask_socket

from waterspout import App, current_app, g
from waterspout.server import serve_in_thread


def on_server(app: App) -> None:
    with serve_in_thread(app) as server:
        address = server.urls[0].removeprefix("http://").rstrip("/")
        assert ask_socket(address, "/").text == "seen by view"


def in_async_client(app: App) -> None:
    async def visit() -> None:
        async with app.test_client() as client:
            assert (await client.get("/")).text == "seen by view"

    asyncio.run(visit())


def as_asgi(app: App) -> None:
    """Speak the lifespan protocol to the ASGI callable, then a request."""

    async def talk() -> None:
        to_app: asyncio.Queue[Any] = asyncio.Queue()
        from_app: asyncio.Queue[Any] = asyncio.Queue()
        running = asyncio.create_task(
            app({"type": "lifespan", "asgi": {"version": "3.0"}}, to_app.get, from_app.put)
        )
        await to_app.put({"type": "lifespan.startup"})
        assert (await from_app.get())["type"] == "lifespan.startup.complete"
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        queue: asyncio.Queue[Any] = asyncio.Queue()
        await queue.put({"type": "http.request", "body": b"", "more_body": False})
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"me.test")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await app(scope, queue.get, send)
        assert b"".join(message.get("body", b"") for message in sent) == b"seen by view"
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await running

    asyncio.run(talk())


PLACES: list[Callable[[App], None]] = [on_server, in_async_client, as_asgi]


@pytest.mark.parametrize("run", PLACES)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async"])
def test_hooks_run_around_the_requests(
    app: App, run: Callable[[App], None], asynchronous: bool
) -> None:
    """Contexts and hooks in order, both kinds, with `current_app`; teardown after each
    phase; what the start set is there for the views."""
    notes: list[str] = []
    way = Way(asynchronous, on_server=False)
    app.teardown_appcontext(way.fn(lambda error: notes.append("teardown")))
    app.on_startup(way.fn(lambda: notes.append(f"start {current_app.name}")))
    app.on_shutdown(way.fn(lambda: notes.append("stop 1")))
    app.on_shutdown(way.fn(lambda: notes.append("stop 2")))
    if asynchronous:

        @app.lifespan
        async def around(app: App) -> AsyncIterator[None]:
            app.pool = "seen by view"  # type: ignore[attr-defined]
            notes.append("in")
            yield
            notes.append("out")

    else:

        @app.lifespan
        @contextlib.contextmanager
        def around_sync(app: App) -> Iterator[None]:
            app.pool = "seen by view"  # type: ignore[attr-defined]
            notes.append("in")
            yield
            notes.append("out")

    app.get("/")(way.fn(lambda: notes.append("view") or app.pool))  # type: ignore[attr-defined]
    run(app)
    assert notes == [
        *("in", "start core", "teardown"),
        *("view", "teardown"),
        *("stop 2", "stop 1", "teardown"),
        "out",
    ]


@pytest.mark.parametrize("run", PLACES)
def test_without_hooks_there_is_no_context(app: App, run: Callable[[App], None]) -> None:
    """Teardown functions of a program without hooks run for its requests only."""
    ended: list[str] = []
    app.teardown_appcontext(lambda error: ended.append(g.get("place", "nowhere")))

    @app.get("/")
    def view() -> str:
        g.place = "view"
        return "seen by view"

    run(app)
    assert ended == ["view"]


def test_a_server_may_start_an_app_twice(app: App) -> None:
    """One start and one stop for each run, also for an app that has answered before."""
    notes: list[str] = []
    app.on_startup(lambda: notes.append("start"))
    app.on_shutdown(lambda: notes.append("stop"))
    app.get("/")(lambda: "seen by view")
    for _ in range(2):
        on_server(app)
    assert notes == ["start", "stop"] * 2
