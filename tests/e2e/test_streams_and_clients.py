"""Generators and event streams end with their client, and keep its pace."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from e2e_clients import SECONDS, Visitor, ask
from e2e_servers import Serve

from waterspout import App, Response, g, request, session, sse

PIECE = b"x" * 32_768


class Ends:
    """Where and when generators end."""

    def __init__(self) -> None:
        self.made = 0
        self.thread = ""
        self.closed = threading.Event()
        self.torn_down = threading.Event()

    def close(self) -> None:
        self.thread = threading.current_thread().name
        self.closed.set()


@pytest.fixture
def ends(app: App) -> Ends:
    ends = Ends()
    app.teardown_request(lambda error: ends.torn_down.set())
    return ends


@pytest.fixture
def streams(app: App, ends: Ends) -> App:
    """Streams of every kind. They tell the request's path first."""

    def hello() -> str:
        return f"hello {request.path} {g.x} {session['n']};"

    def begin() -> None:
        g.x, session["n"] = 1, 2

    def endless() -> Iterator[Any]:
        try:
            yield hello()
            while True:
                ends.made += 1
                yield PIECE
        finally:
            ends.close()

    def polling() -> Iterator[Any]:
        """Wait with a time limit, and yield nothing."""
        never = threading.Event()
        try:
            yield hello()
            while not never.wait(0.02):
                yield b""
        finally:
            ends.close()

    async def endless_async() -> AsyncIterator[Any]:
        try:
            yield hello()
            while True:
                ends.made += 1
                yield PIECE
        finally:
            ends.close()

    async def silent() -> AsyncIterator[Any]:
        try:
            yield hello()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ends.close()

    makers = {
        "def-endless": endless,
        "def-polling": polling,
        "async-endless": endless_async,
        "async-silent": silent,
    }
    for name, make in makers.items():

        def in_def(make: Any = make) -> Any:
            begin()
            return make()

        async def in_async(make: Any = make) -> Any:
            begin()
            return make()

        async def as_events(make: Any = make) -> Any:
            begin()
            return sse(make(), heartbeat=None)

        app.add_url_rule(f"/def/{name}", f"def-{name}", in_def)
        app.add_url_rule(f"/async/{name}", f"async-{name}", in_async)
        app.add_url_rule(f"/sse/{name}", f"sse-{name}", as_events)
    return app


PATHS = [
    f"/{way}/{name}"
    for way in ("def", "async", "sse")
    for name in ("def-endless", "def-polling", "async-endless", "async-silent")
]


@pytest.mark.parametrize("path", PATHS)
def test_a_generator_ends_with_its_client(
    streams: App, ends: Ends, serve: Serve, path: str
) -> None:
    """Its `finally` runs, also where it yields nothing, in its request; then the teardown."""
    with serve(streams) as port:
        with Visitor(port) as visitor:
            visitor.send(path)
            visitor.read_until(f"hello {path} 1 2;".encode())
            assert not ends.torn_down.is_set()
        assert ends.closed.wait(SECONDS)
        assert ends.torn_down.wait(SECONDS)
    loop_thread = "/def-" not in path
    assert ("waterspout-" in ends.thread and "server" not in ends.thread) != loop_thread


@pytest.mark.parametrize("path", ["/def/def-endless", "/async/async-endless"])
def test_a_slow_client_pauses_the_generator(
    streams: App, ends: Ends, serve: Serve, path: str
) -> None:
    """It makes no more than the buffers take, goes on when the client reads, and is closed
    between two yields when the client leaves."""
    with serve(streams) as port:
        with Visitor(port) as visitor:
            visitor.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            visitor.send(path)
            visitor.read_until(b"hello")
            paused_at = when_still(ends)
            assert paused_at * len(PIECE) < 32 * 1024 * 1024
            for _ in range(400):
                visitor.socket.recv(65536)
            assert when_still(ends) > paused_at
            assert not ends.closed.is_set()
        assert ends.closed.wait(SECONDS)
        assert ends.torn_down.wait(SECONDS)


def when_still(ends: Ends) -> int:
    """Return how many pieces were made when for a while no more are."""
    deadline = time.monotonic() + SECONDS
    made, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        if ends.made != made:
            made, since = ends.made, time.monotonic()
        elif time.monotonic() - since > 0.3:
            return made
        time.sleep(0.01)
    raise AssertionError(f"{ends.made} pieces, and no end")


def test_an_endless_generator_does_not_stop_the_others(
    streams: App, ends: Ends, native: Serve
) -> None:
    """An async generator that never waits holds neither the loop nor the end of its client."""

    @streams.get("/other")
    async def other() -> str:
        return "other"

    with native(streams) as port, Visitor(port) as greedy, Visitor(port) as patient:
        greedy.send("/async/async-endless")
        greedy.read_until(b"hello")
        reading = threading.Thread(target=read_on, args=(greedy,))
        reading.start()
        for _ in range(20):
            assert patient.ask("/other").text == "other"
        assert reading.is_alive()
        greedy.socket.shutdown(socket.SHUT_RDWR)
        reading.join(SECONDS)
        assert ends.closed.wait(SECONDS)


def read_on(visitor: Visitor) -> None:
    try:
        while visitor.socket.recv(1 << 20):
            pass
    except OSError:
        pass


@pytest.mark.parametrize("path", ["/def", "/async"])
def test_a_body_that_cannot_be_begun_is_500(app: App, serve: Serve, path: str) -> None:
    class Body:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise ZeroDivisionError

    app.add_url_rule("/def", "def", lambda: Response(Body()))

    @app.get("/async")
    async def in_async() -> Response:
        return Response(Body())

    with serve(app) as port:
        assert ask(port, path).status == 500


def test_closing_needs_no_view_thread(app: App, ends: Ends, native: Serve) -> None:
    """The generator of a client that left is closed although every view thread is taken."""
    gate = threading.Event()
    arrived = threading.Semaphore(0)

    @app.get("/hold")
    def hold() -> str:
        arrived.release()
        gate.wait(SECONDS)
        return "held"

    @app.get("/stream")
    def stream() -> Any:
        def made() -> Iterator[bytes]:
            try:
                while True:
                    yield PIECE
            finally:
                ends.close()

        return made()

    with native(app) as port:
        visitors = [Visitor(port) for _ in range(40)]
        try:
            with Visitor(port) as leaver:
                leaver.send("/stream")
                leaver.read_until(b"x" * 1000)
                for visitor in visitors:
                    visitor.send("/hold")
                for _ in visitors:
                    assert arrived.acquire(timeout=SECONDS)
            assert ends.closed.wait(SECONDS)
            assert ends.torn_down.wait(SECONDS)
        finally:
            gate.set()
            for visitor in visitors:
                visitor.leave()
