"""The view of a client that left is cancelled or finished, and time limits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from e2e_clients import SECONDS, Visitor, ask
from e2e_servers import Serve

from waterspout import App, g, request


class Story:
    """What happened, in order; `wait` for the last of it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._more = threading.Condition()

    def note(self, text: str) -> None:
        with self._more:
            self.said.append(text)
            self._more.notify_all()

    def wait(self, text: str) -> list[str]:
        with self._more:
            assert self._more.wait_for(lambda: text in self.said, SECONDS), self.said
            return list(self.said)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def gate() -> Any:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def waiting(app: App, story: Story, gate: threading.Event) -> App:
    """Views that take long, and a database session that each opens."""

    @app.before_request
    async def open_session() -> None:
        g.db = "open"

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        if request.path != "/other":
            story.note(f"teardown {type(error).__name__}")

    @app.teardown_appcontext
    async def close_session(error: BaseException | None) -> None:
        if request.path != "/other":
            story.note(f"closed {g.pop('db')}")

    async def view() -> str:
        story.note("started")
        try:
            while not gate.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            story.note("cancelled")
            raise
        story.note("finished")
        return "finished"

    def in_thread() -> str:
        story.note("started")
        gate.wait(SECONDS)
        story.note("finished")
        return "finished"

    for name, function in {"async": view, "def": in_thread}.items():
        add = app.add_url_rule
        methods = ["GET", "POST"]
        add(f"/{name}", name, function, methods=methods)
        for policy in ("cancel", "finish"):
            add(
                f"/{name}/{policy}",
                f"{name}-{policy}",
                function,
                methods=methods,
                on_disconnect=policy,
            )
        add(f"/{name}/limit", f"{name}-limit", function, methods=methods, timeout=0.1)
    return app


CANCELLED = ["started", "cancelled", "teardown NoneType", "closed open"]
FINISHED = ["started", "finished", "teardown NoneType", "closed open"]


@pytest.mark.parametrize(
    ("method", "path", "outcome"),
    [
        ("GET", "/async", CANCELLED),
        ("POST", "/async", FINISHED),
        ("GET", "/async/finish", FINISHED),
        ("POST", "/async/cancel", CANCELLED),
        ("GET", "/def", FINISHED),
        ("POST", "/def", FINISHED),
    ],
)
def test_a_client_that_leaves(
    waiting: App,
    story: Story,
    gate: threading.Event,
    serve: Serve,
    method: str,
    path: str,
    outcome: list[str],
) -> None:
    """Safe methods are cancelled where the view waits, unsafe ones finish, and the route may say
    otherwise; a thread cannot be cancelled. The session is closed in every case."""
    with serve(waiting) as port:
        with Visitor(port) as visitor:
            visitor.send(path, method, b"" if method == "POST" else None)
            story.wait("started")
        if outcome is FINISHED:
            ask(port, "/other")  # the server has turned to others after the client left
            gate.set()
        assert story.wait("closed open") == outcome


@pytest.mark.parametrize("kind", ["async", "def"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_time_limit_is_504(
    waiting: App,
    story: Story,
    gate: threading.Event,
    serve: Serve,
    kind: str,
    method: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer comes while the view still runs; an async one is cancelled. The connection is
    free, the session is closed."""
    with serve(waiting) as port:
        answer = ask(port, f"/{kind}/limit", method, b"" if method == "POST" else None)
        assert answer.status == 504
        assert "finished" not in story.said
        if kind == "def":
            gate.set()
        said = story.wait("closed open")
        assert said == (CANCELLED if kind == "async" else FINISHED)
        gate.set()
        assert ask(port, f"/{kind}", method, b"" if method == "POST" else None).status == 200
    assert f"{method} /{kind}/limit took longer than its limit: 504" in caplog.text


def test_a_view_within_its_limit_is_not_disturbed(
    waiting: App, gate: threading.Event, serve: Serve
) -> None:
    gate.set()
    with serve(waiting) as port:
        for kind in ("async", "def"):
            assert ask(port, f"/{kind}/limit").text == "finished"


def test_a_view_can_wait_for_the_client_to_leave(app: App, story: Story, serve: Serve) -> None:
    @app.get("/", on_disconnect="finish")
    async def view() -> str:
        story.note("started")
        await request.disconnected()
        story.note("left")
        return "nobody reads this"

    with serve(app) as port:
        with Visitor(port) as visitor:
            visitor.send("/")
            story.wait("started")
        story.wait("left")


def test_a_critical_part_is_shielded(app: App, story: Story, serve: Serve) -> None:
    """`asyncio.shield` keeps what must not be cut."""
    gate = asyncio.Event()

    async def critical() -> None:
        await gate.wait()
        story.note("critical part done")

    @app.get("/")
    async def view() -> str:
        story.note("started")
        part = asyncio.ensure_future(critical())
        try:
            await asyncio.shield(part)
        except asyncio.CancelledError:
            story.note("cancelled")
            gate.set()
            await part
            raise
        return "never"

    with serve(app) as port:
        with Visitor(port) as visitor:
            visitor.send("/")
            story.wait("started")
        assert story.wait("critical part done") == ["started", "cancelled", "critical part done"]
