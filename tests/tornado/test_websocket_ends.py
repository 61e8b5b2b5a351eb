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
