"""What was answered leaves before the loop stops, also where the program stops it itself."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from waterspout import App, signals
from waterspout.server import Server, ServerSettings
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.ioloop import IOLoop
from waterspout.tornado.web import Application, RequestHandler
from waterspout.tornado.websocket import WebSocketHandler

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n"
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)
PATIENCE = 10


class Stopping(RequestHandler):
    def get(self) -> None:
        self.finish("goodbye")
        IOLoop.current().stop()


class StoppingFirst(RequestHandler):
    def get(self) -> None:
        IOLoop.current().stop()
        self.write("goodbye")


class StoppingLater(RequestHandler):
    """Is finished by a timer, while it waits."""

    async def get(self) -> None:
        IOLoop.current().call_later(0.001, self.end)
        await asyncio.Event().wait()

    def end(self) -> None:
        self.finish("goodbye")
        IOLoop.current().stop()


class StoppingStream(StoppingLater):
    """The same, when a part of its answer is sent."""

    async def get(self) -> None:
        self.set_header("Content-Length", len("well, goodbye"))
        self.write("well, ")
        await self.flush()
        await super().get()


class Socket(WebSocketHandler):
    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message("goodbye")
        IOLoop.current().stop()


def stopping_app() -> App:
    app = App("stopping")

    @app.get("/")
    async def view() -> str:
        asyncio.get_running_loop().stop()
        return "goodbye"

    return app


def run_forever(
    new_loop: Callable[[], asyncio.AbstractEventLoop], start: Any, sent: bytes
) -> bytes:
    """Run a loop until somebody stops it; return what a client that sent *sent* has got by then."""
    loop = new_loop()
    asyncio.set_event_loop(loop)
    try:
        port, end = start(loop)
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        client.sendall(sent)
        loop.call_later(PATIENCE, loop.stop)
        loop.run_forever()
        # What is written later, when the loop is closed, does not count.
        client.setblocking(False)
        got = b""
        try:
            while piece := client.recv(65536):
                got += piece
        except BlockingIOError:
            pass
        client.close()
        end(loop)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return got


def start_handlers(handler: type[RequestHandler]) -> Any:
    def start(loop: asyncio.AbstractEventLoop) -> Any:
        server = HTTPServer(Application([("/", handler)]))
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
        server.add_socket(sock)

        def end(loop: asyncio.AbstractEventLoop) -> None:
            server.stop()
            loop.run_until_complete(server.close_all_connections())

        return sock.getsockname()[1], end

    return start


def start_app(loop: asyncio.AbstractEventLoop) -> Any:
    server = Server(stopping_app(), ServerSettings(port=0))
    loop.run_until_complete(server.start())
    port = int(server.urls[0].rpartition(":")[2].rstrip("/"))
    return port, lambda loop: loop.run_until_complete(server.stop(1))


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize(
    ("start", "sent"),
    [
        (start_handlers(Stopping), ASK + b"\r\n"),
        (start_handlers(StoppingFirst), ASK + b"\r\n"),
        (start_handlers(StoppingLater), ASK + b"\r\n"),
        (start_handlers(StoppingStream), ASK + b"\r\n"),
        (start_handlers(Socket), ASK + UPGRADE + b"\r\n"),
        (start_app, ASK + b"\r\n"),
    ],
    ids=["handler", "handler-stops-first", "timer", "stream", "websocket", "view"],
)
def test_an_answer_leaves_before_the_loop_stops(new_loop: Any, start: Any, sent: bytes) -> None:
    assert run_forever(new_loop, start, sent).endswith(b"goodbye")


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize(
    "start", [start_handlers(Stopping), start_handlers(StoppingFirst), start_app]
)
def test_an_answer_leaves_when_def_functions_run_after_its_view(new_loop: Any, start: Any) -> None:
    seen = []

    def receive(sender: Any, **said: Any) -> None:
        time.sleep(0.02)  # for more turns than a loop runs at once
        seen.append(said)

    with signals.request_finished.connected_to(receive):
        assert run_forever(new_loop, start, ASK + b"\r\n").endswith(b"goodbye")
    assert len(seen) == 1


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_that_is_started_again_serves_on(new_loop: Any) -> None:
    loop = new_loop()
    asyncio.set_event_loop(loop)
    port, end = start_handlers(Stopping)(loop)
    answers = []

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            for _ in range(3):
                client.sendall(ASK + b"\r\n")
                answers.append(client.recv(65536).endswith(b"goodbye"))

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(3):
        loop.run_forever()
    thread.join()
    assert answers == [True] * 3
    end(loop)
    asyncio.set_event_loop(None)
    loop.close()
