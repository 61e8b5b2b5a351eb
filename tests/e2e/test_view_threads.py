"""`def` views never hold up the loop, nor each other's ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from e2e_clients import SECONDS, Visitor, ask, crowd
from e2e_servers import Serve
from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

from waterspout import App, Request, Response, abort, g, request
from waterspout.server import Threads, serve_in_thread
from waterspout.sessions import SecureCookieSession, SessionInterface, SessionMixin


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds threads; opened at the end in any case."""
    event = threading.Event()
    yield event
    event.set()


def use_pool(app: App, *, opened_by: str) -> Any:
    """Give the application a pool of five connections, each kept from first use to teardown."""
    engine = create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=5,
        max_overflow=0,
        pool_timeout=SECONDS,
        connect_args={"check_same_thread": False},
    )

    def connection() -> Any:
        if "connection" not in g:
            g.connection = engine.connect()
        return g.connection

    if opened_by == "hook":

        @app.before_request
        def open_early() -> None:
            connection()

    elif opened_by == "session":

        class Sessions(SessionInterface):
            def open_session(self, app: App, request: Request) -> SecureCookieSession:
                connection()
                return SecureCookieSession({"seen": True})

            def save_session(self, app: App, session: SessionMixin, response: Response) -> None:
                connection()

        app.session_interface = Sessions()

    @app.teardown_appcontext
    def give_back(error: BaseException | None) -> None:
        if (taken := g.pop("connection", None)) is not None:
            taken.close()

    @app.get("/query")
    def query() -> str:
        time.sleep(0.001)
        return str(connection().execute(text("select 42")).scalar())

    return engine


def add_async_hooks(app: App) -> None:
    @app.after_request
    async def after_async(response: Any) -> Any:
        return response


def add_def_hooks(app: App) -> None:
    @app.after_request
    def after(response: Any) -> Any:
        response.headers["X-After"] = "1"
        return response


def add_all_hooks(app: App) -> None:
    add_def_hooks(app)
    add_async_hooks(app)

    @app.before_request
    async def before_async() -> None:
        g.early = True


@pytest.mark.parametrize("opened_by", ["view", "hook", "session"])
@pytest.mark.parametrize("add_hooks", [add_def_hooks, add_async_hooks, add_all_hooks])
def test_many_requests_on_few_connections(
    app: App, serve: Serve, add_hooks: Callable[[App], None], opened_by: str
) -> None:
    """200 requests at once, each holding one of five connections until its teardown, which must
    not wait behind views that wait for a connection. On one way all is `def`, on the others
    `async def` hooks make it go to and fro."""
    engine = use_pool(app, opened_by=opened_by)
    add_hooks(app)
    try:
        with serve(app) as port:
            answers = crowd(port, *[["/query"]] * 200)
        assert {(answer.status, answer.text) for answer in answers} == {(200, "42")}
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # QueuePool has it
    finally:
        engine.dispose()


def test_def_functions_up_to_the_view_share_a_thread(app: App, serve: Serve) -> None:
    """An `async def` hook between them does not part them, and nobody takes the thread then."""

    @app.before_request
    def first() -> None:
        g.thread = threading.get_ident()

    @app.before_request
    async def between() -> None:
        await asyncio.sleep(0.001)

    @app.get("/same")
    def same() -> dict[str, bool]:
        return {"same": g.thread == threading.get_ident()}

    with serve(app) as port:
        assert {answer.text for answer in crowd(port, *[["/same"] * 5] * 20)} == {'{"same":true}'}


@pytest.mark.parametrize("path", ["/early", "/broken", "/async", "/nowhere", "/leave"])
def test_the_thread_is_given_back(app: App, path: str) -> None:
    """There is one: whichever way a request ends between its `def` functions, the next is
    answered."""
    between = threading.Semaphore(0)

    @app.before_request
    def first() -> None: ...

    @app.before_request
    async def second() -> Any:
        between.release()
        if request.path == "/early":
            return "early"
        if request.path == "/broken":
            abort(418)
        if request.path == "/leave":
            await asyncio.Event().wait()
        return None

    @app.before_request
    def third() -> None: ...

    @app.get("/async")
    async def asynchronous() -> str:
        return "async"

    @app.get("/early")
    @app.get("/broken")
    @app.get("/leave")
    @app.get("/def")
    def synchronous() -> str:
        return "def"

    with serve_in_thread(app, threads=Threads(views_min=1, views_max=1)) as server:
        port = int(server.urls[0].rpartition(":")[2])
        for _ in range(3):
            with Visitor(port) as visitor:
                visitor.send(path)
                wait_for(between, 1)
                if path != "/leave":
                    visitor.read()
        assert ask(port, "/def").text == "def"


@contextmanager
def holding(port: int, count: int, path: str = "/hold") -> Iterator[list[Visitor]]:
    """Send *count* requests that stay."""
    visitors = [Visitor(port) for _ in range(count)]
    try:
        for visitor in visitors:
            visitor.send(path)
        yield visitors
    finally:
        for visitor in visitors:
            visitor.leave()


def add_held_view(app: App, gate: threading.Event) -> threading.Semaphore:
    """Add a `def` view that waits at the gate; each arrival releases the semaphore."""
    arrived = threading.Semaphore(0)

    @app.get("/hold")
    def hold() -> str:
        arrived.release()
        gate.wait(SECONDS)
        return "held"

    return arrived


def wait_for(arrived: threading.Semaphore, count: int) -> None:
    for _ in range(count):
        assert arrived.acquire(timeout=SECONDS)


def test_async_views_answer_while_every_thread_is_taken(
    app: App, serve: Serve, gate: threading.Event
) -> None:
    """So do inline views, and files are read: they have threads of their own."""
    arrived = add_held_view(app, gate)

    @app.get("/async")
    async def view() -> str:
        return "async"

    @app.get("/inline", inline=True)
    def inline() -> str:
        return threading.current_thread().name

    with serve(app) as port, holding(port, 45) as visitors:
        wait_for(arrived, 40)  # the lane's most
        assert {answer.text for answer in crowd(port, *[["/async"] * 20] * 5)} == {"async"}
        assert "views" not in ask(port, "/inline").text
        gate.set()
        assert {visitor.read().text for visitor in visitors} == {"held"}


def test_inline_views_run_on_the_loops_thread(app: App, native: Serve) -> None:
    """`inline=True`, per route; other `def` views run in worker threads."""

    @app.get("/inline", inline=True)
    def inline() -> str:
        return threading.current_thread().name

    @app.get("/def")
    def in_thread() -> str:
        return threading.current_thread().name

    with native(app) as port:
        assert ask(port, "/inline").text == "waterspout-server"
        assert ask(port, "/def").text == "waterspout-views"


def test_a_full_queue_is_503_with_retry_after(app: App, gate: threading.Event) -> None:
    arrived = add_held_view(app, gate)

    @app.before_request
    async def only_on_mixed_ways() -> None: ...

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    check_full_queue(app, arrived, gate, 503)


def test_a_full_queue_on_a_way_that_is_all_def(app: App, gate: threading.Event) -> None:
    arrived = add_held_view(app, gate)
    check_full_queue(app, arrived, gate, 503)


def check_full_queue(
    app: App, arrived: threading.Semaphore, gate: threading.Event, status: int
) -> None:
    """One thread, one place in the queue: the third request is refused, the others are not."""
    threads = Threads(views_min=1, views_max=1, queue=1)
    with serve_in_thread(app, threads=threads) as server:
        port = int(server.urls[0].rpartition(":")[2])
        with holding(port, 1) as (first,):
            wait_for(arrived, 1)
            with holding(port, 1) as (second,):
                while server.lanes.views.waiting < 1:
                    time.sleep(0.005)
                refused = ask(port, "/hold")
                assert (refused.status, refused.headers.get("retry-after")) == (status, "1")
                gate.set()
                assert (first.read().text, second.read().text) == ("held", "held")
        assert ask(port, "/hold").text == "held"


def test_threads_end_when_they_are_idle(app: App, gate: threading.Event) -> None:
    arrived = add_held_view(app, gate)
    with serve_in_thread(app, threads=Threads(views_min=2, views_max=20, idle=0.1)) as server:
        port = int(server.urls[0].rpartition(":")[2])
        lane = server.lanes.views
        with holding(port, 20) as visitors:
            wait_for(arrived, 20)
            assert lane.threads == 20
            gate.set()
            assert {visitor.read().text for visitor in visitors} == {"held"}
        deadline = time.monotonic() + SECONDS
        while lane.threads > 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert ask(port, "/hold").text == "held"
