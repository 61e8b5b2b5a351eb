"""Writing to a WebSocket whose other end has gone: one kind of error, on both sides and loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.testing import bind_unused_port
from waterspout.tornado.web import Application
from waterspout.tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    websocket_connect,
)

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


async def kind_of_end(write: Callable[[], Any]) -> str:
    """Write until it fails; return the error's name."""
    async with asyncio.timeout(10):
        while True:
            try:
                await write()
            except Exception as error:
                return type(error).__name__
            await asyncio.sleep(0)


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("how", ["abort", "close"])
def test_the_client_writes_on(new_loop: Any, how: str) -> None:
    """The server drops the connection, or closes it: the client's write, ping too, says closed."""

    class Leaves(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            if how == "close":
                self.close()
            else:
                assert self.ws_connection is not None
                self.ws_connection._abort()

    async def main() -> list[str]:
        sock, port = bind_unused_port()
        server = HTTPServer(Application([("/", Leaves)]))
        server.add_sockets([sock])
        client = await websocket_connect(f"ws://127.0.0.1:{port}/")
        ends = [await kind_of_end(lambda: client.write_message("a"))]
        for write in (lambda: client.write_message("b"), lambda: client.ping(b"c")):
            with pytest.raises(WebSocketClosedError):
                await write()  # type: ignore[misc]  # ping returns nothing, and never does here
        client.close()
        server.stop()
        await server.close_all_connections()
        return ends

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(main()) == [WebSocketClosedError.__name__]


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("how", ["abort", "close"])
def test_the_server_writes_on(new_loop: Any, how: str) -> None:
    """The client drops the connection, or closes it: the handler's write says closed, in a task of
    its own as well as in `on_close`."""
    ends: list[str] = []
    closed = asyncio.Event()

    class Talks(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            self.talking = asyncio.ensure_future(self.talk())

        async def talk(self) -> None:
            ends.append(await kind_of_end(lambda: self.write_message("a")))
            closed.set()

        def on_close(self) -> None:
            with pytest.raises(WebSocketClosedError):
                self.write_message("b")
            with pytest.raises(WebSocketClosedError):
                self.ping(b"c")

    async def main() -> None:
        sock, port = bind_unused_port()
        server = HTTPServer(Application([("/", Talks)]))
        server.add_sockets([sock])
        client = await websocket_connect(f"ws://127.0.0.1:{port}/")
        assert await client.read_message() == "a"
        if how == "close":
            client.close()
        else:
            client.stream.close()
        await asyncio.wait_for(closed.wait(), 10)
        client.close()
        server.stop()
        await server.close_all_connections()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    assert ends == [WebSocketClosedError.__name__]


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("size", [10, 500_000])
@pytest.mark.parametrize("how", ["open", "on_message", "after close", "stream"])
def test_what_was_written_before_an_error_arrives(new_loop: Any, how: str, size: int) -> None:
    """A handler writes and then fails, or closes the stream: the client gets what was written."""

    class Fails(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            if how == "open":
                self.speak()

        def on_message(self, message: str | bytes) -> None:
            self.speak()

        def speak(self) -> None:
            self.write_message("a")
            self.write_message("b" * size)
            if how == "stream":
                assert self.ws_connection is not None
                self.ws_connection.stream.close()
                return
            if how == "after close":
                self.close(4000, "why")
            raise KeyError

    async def main() -> tuple[list[Any], int | None]:
        sock, port = bind_unused_port()
        server = HTTPServer(Application([("/", Fails)]))
        server.add_sockets([sock])
        client = await websocket_connect(f"ws://127.0.0.1:{port}/")
        if how != "open":
            await client.write_message("go")
        async with asyncio.timeout(10):
            read = [await client.read_message() for _ in range(3)]
        client.close()
        server.stop()
        await server.close_all_connections()
        return read, client.close_code

    with asyncio.Runner(loop_factory=new_loop) as runner:
        read, code = runner.run(main())
    assert read == ["a", "b" * size, None]
    assert code == (4000 if how == "after close" else None)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_client_that_takes_nothing_does_not_keep_a_failed_handler(new_loop: Any) -> None:
    """It has as long as for a closing handshake, then the connection is dropped."""
    closed = asyncio.Event()

    class Fails(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            assert self.ws_connection is not None
            self.ws_connection._end._close_timeout = 0.1  # type: ignore[attr-defined]

        def on_message(self, message: str | bytes) -> None:
            self.write_message("b" * 10_000_000)
            raise KeyError

        def on_close(self) -> None:
            closed.set()

    async def main() -> None:
        sock, port = bind_unused_port()
        server = HTTPServer(Application([("/", Fails)]))
        server.add_sockets([sock])
        client = await websocket_connect(f"ws://127.0.0.1:{port}/")
        await client.write_message("go")
        client.stream._end.pause()
        async with asyncio.timeout(10):
            await closed.wait()
        client.stream._end.abort()
        client.close()
        server.stop()
        await server.close_all_connections()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
