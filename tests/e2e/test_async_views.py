"""`async def` code runs on the server's one loop, and work outlives its view."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from e2e_clients import ask, crowd
from e2e_servers import Serve

from waterspout import App, current_app, request, run_in_thread, spawn
from waterspout.server import Timeouts


def test_all_async_code_runs_on_one_loop(app: App, serve: Serve) -> None:
    """Hooks, views, error handlers, teardown, lifespan, and what a `def` view calls."""
    loops: dict[str, Any] = {}

    async def note(place: str) -> None:
        loops[place] = asyncio.get_running_loop()

    @app.on_startup
    async def startup() -> None:
        await note("startup")

    @app.on_shutdown
    async def shutdown() -> None:
        await note("shutdown")

    @app.lifespan
    async def lifespan(app: App) -> AsyncIterator[None]:
        await note("lifespan")
        yield
        await note("lifespan's end")

    @app.before_request
    async def before() -> None:
        await note("before")

    @app.after_request
    async def after(response: Any) -> Any:
        await note("after")
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        await note("teardown")

    @app.teardown_appcontext
    async def teardown_app(error: BaseException | None) -> None:
        await note("appcontext")

    @app.errorhandler(ValueError)
    async def handler(error: ValueError) -> str:
        await note("handler")
        return "handled"

    @app.get("/view")
    async def view() -> str:
        await note("view")
        raise ValueError

    @app.get("/def")
    def in_thread() -> str:
        current_app.ensure_sync(note)("from a def view")
        return "done"

    with serve(app) as port:
        assert ask(port, "/view").text == "handled"
        assert ask(port, "/def").text == "done"
    assert len(loops) == 11
    assert len(set(map(id, loops.values()))) == 1, loops


def test_a_task_outlives_the_view_that_made_it(app: App, serve: Serve) -> None:
    """Plain tasks and spawned work go on after the answer, and see the request."""
    said: list[str] = []
    gates: dict[str, asyncio.Event] = {}

    async def work(name: str) -> str:
        gates[name] = asyncio.Event()
        await gates[name].wait()
        said.append(f"{name} {request.path}")
        return name

    kept: list[Any] = []

    @app.get("/task")
    async def task() -> str:
        kept.append(asyncio.create_task(work("task")))
        return "started"

    @app.get("/spawn")
    async def spawned() -> str:
        kept.append(spawn(work, "spawned"))
        return "started"

    @app.get("/spawn-from-def")
    def spawned_in_thread() -> str:
        kept.append(spawn(work("from def")))
        return "started"

    @app.get("/go")
    async def go() -> list[str]:
        for gate in gates.values():
            gate.set()
        for handle in kept:
            await (asyncio.wrap_future(handle) if not isinstance(handle, asyncio.Task) else handle)
        return sorted(said)

    with serve(app) as port:
        for path in ("/task", "/spawn", "/spawn-from-def"):
            assert ask(port, path).text == "started"
        expected = b'["from def /spawn-from-def","spawned /spawn","task /task"]'
        assert ask(port, "/go").body == expected


def test_a_stop_waits_for_spawned_work(app: App, serve: Serve) -> None:
    """`def` and `async def` work ends before the stop hooks run."""
    said: list[str] = []
    stopping = threading.Event()

    async def slow() -> None:
        await run_in_thread(stopping.wait, 10)
        said.append("async work")

    def slow_in_thread() -> None:
        stopping.wait(10)
        said.append("def work")

    @app.get("/")
    async def view() -> str:
        spawn(slow)
        spawn(slow_in_thread)
        # The work is let go only when nothing but the stop can be waiting for it.
        asyncio.get_running_loop().call_later(0.3, stopping.set)
        return "started"

    @app.on_shutdown
    async def shutdown() -> None:
        said.append("shutdown hook")

    with serve(app) as port:
        assert ask(port, "/", close=True).text == "started"
    assert sorted(said[:2]) == ["async work", "def work"]
    assert said[2:] == ["shutdown hook"]


def test_spawned_work_that_does_not_end_is_cancelled(
    app: App, native: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            said.append("cancelled")

    @app.get("/")
    async def view() -> str:
        spawn(endless)
        return "started"

    with native(app, timeouts=Timeouts(graceful=0.5, linger=0)) as port:
        ask(port, "/")
    assert said == ["cancelled"]
    assert "endless did not end in time and was cancelled" in caplog.text


def test_an_error_in_spawned_work_is_logged(
    app: App, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise ValueError("in the work")

    @app.get("/")
    async def view() -> str:
        spawn(fails)
        return "started"

    with caplog.at_level(logging.ERROR), serve(app) as port:
        assert ask(port, "/").status == 200
    assert "fails failed" in caplog.text
    assert "ValueError: in the work" in caplog.text


def test_a_thousand_views_wait_at_once(app: App, native: Serve) -> None:
    """Each view waits until a thousand wait; no thread is needed for them."""
    here = 0
    all_here = asyncio.Event()

    @app.get("/")
    async def view() -> str:
        nonlocal here
        here += 1
        if here == 1000:
            all_here.set()
        await all_here.wait()
        return str(threading.active_count())

    with native(app, backlog=1024) as port:
        threads = threading.active_count()
        answers = crowd(port, *[["/"]] * 1000)
    assert [answer.status for answer in answers] == [200] * 1000
    assert max(int(answer.text) for answer in answers) <= threads + 5


def test_a_client_made_at_startup_is_shared(app: App, serve: Serve) -> None:
    """A connection opened on the loop at startup is used by views of both kinds."""

    class Echo:
        """A client bound to the loop that it was made on."""

        async def open(self) -> None:
            self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
            port = self.server.sockets[0].getsockname()[1]
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
            self.turn = asyncio.Lock()

        async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line.upper())
            writer.close()

        async def ask(self, text: str) -> str:
            async with self.turn:
                self.writer.write(f"{text}\n".encode())
                return (await self.reader.readline()).decode().strip()

        async def close(self) -> None:
            self.writer.close()
            await self.writer.wait_closed()
            self.server.close()

    echo = Echo()
    app.on_startup(echo.open)
    app.on_shutdown(echo.close)

    @app.get("/async/<text>")
    async def view(text: str) -> str:
        return await echo.ask(text)

    @app.get("/def/<text>")
    def in_thread(text: str) -> str:
        return str(current_app.async_to_sync(echo.ask)(text))

    with serve(app) as port:
        answers = crowd(port, *[[f"/async/a{n}", f"/def/b{n}"] for n in range(20)])
    expected = {f"A{n}" for n in range(20)} | {f"B{n}" for n in range(20)}
    assert {answer.text for answer in answers} == expected
