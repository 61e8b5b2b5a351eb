"""Streams on the native server and a real socket: what a browser would see."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from waterspout import App, g, request, send_from_directory, session, sse, stream_template_string
from waterspout.server import serve_in_thread

Write = Callable[[str, str], Any]


class Visitor:
    """A client that reads an answer as it comes."""

    def __init__(self, address: tuple[str, int], path: str, *fields: str) -> None:
        self.socket = socket.create_connection(address, timeout=20)
        self.unread = b""
        lines = [f"GET {path} HTTP/1.1", "Host: test", "Connection: close", *fields, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())

    def read_until(self, wanted: bytes) -> bytes:
        """Return what has come up to *wanted*; fail if the answer ends before."""
        while wanted not in self.unread:
            piece = self.socket.recv(65536)
            assert piece, self.unread
            self.unread += piece
        data, _, self.unread = self.unread.partition(wanted)
        return data + wanted

    def read_all(self) -> bytes:
        with self.socket:
            while piece := self.socket.recv(65536):
                self.unread += piece
        return self.unread


Ask = Callable[..., Visitor]


@pytest.fixture
def ended() -> dict[str, threading.Event]:
    return {"body": threading.Event(), "request": threading.Event()}


@pytest.fixture
def live(app: App, ended: dict[str, threading.Event], write: Write) -> Iterator[Ask]:
    write("pub/a.txt", "0123456789")
    app.teardown_request(lambda error: ended["request"].set())

    async def silent() -> AsyncIterator[str]:
        try:
            yield f"{request.path} {g.x} {session['n']}"
            await asyncio.Event().wait()
        finally:
            ended["body"].set()

    def polling() -> Iterator[str | None]:
        never = threading.Event()
        try:
            yield f"{request.path} {g.x} {session['n']}"
            while True:
                never.wait(0.02)
                yield None
        finally:
            ended["body"].set()

    @app.get("/async")
    async def in_async() -> Any:
        g.x, session["n"] = 1, 2
        return sse(silent(), heartbeat=0.05)

    @app.get("/sync")
    def in_sync() -> Any:
        g.x, session["n"] = 1, 2
        return sse(polling())

    @app.get("/page")
    async def page() -> Any:
        return stream_template_string(
            "{{ request.path }}{% for n in range(3) %}-{{ n }}{% endfor %}"
        )

    @app.get("/file")
    def file() -> Any:
        return send_from_directory("pub", "a.txt")

    with serve_in_thread(app) as server:
        port = int(server.urls[0].rstrip("/").rpartition(":")[2])
        yield partial(Visitor, ("127.0.0.1", port))


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_events_arrive_and_a_client_that_leaves_ends_the_generator(
    live: Ask, ended: dict[str, threading.Event], path: str
) -> None:
    visitor = live(path)
    assert b"Content-Type: text/event-stream" in visitor.read_until(b":\n\n")
    visitor.read_until(f"data: {path} 1 2\n\n".encode())
    visitor.read_until(b":\n\n")  # a sign of life in the silence
    assert not ended["request"].is_set()
    visitor.socket.close()
    assert ended["body"].wait(10)
    assert ended["request"].wait(10)


def test_a_template_is_streamed(live: Ask) -> None:
    data = live("/page").read_all()
    assert b"Transfer-Encoding: chunked" in data
    assert b"/page" in data
    assert data.endswith(b"0\r\n\r\n")


def test_a_file_and_a_part_of_it(live: Ask) -> None:
    assert live("/file").read_all().endswith(b"\r\n\r\n0123456789")
    data = live("/file", "Range: bytes=2-4").read_all()
    assert data.startswith(b"HTTP/1.1 206 ")
    assert b"Content-Range: bytes 2-4/10\r\n" in data
    assert data.endswith(b"\r\n\r\n234")
    assert live("/file", "Range: bytes=50-").read_all().startswith(b"HTTP/1.1 416 ")
