"""Blanks around a header value are no part of it (RFC 9110 §5.5), whoever reads it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tornado_served import exchange, run, serving

from waterspout import App, request
from waterspout.http.message import Incoming
from waterspout.server import ServerSettings
from waterspout.server.http1.parser import RequestParser
from waterspout.server.serving import Server
from waterspout.server.settings import Limits
from waterspout.tornado.httputil import HTTPServerRequest
from waterspout.tornado.web import Application, RequestHandler

VALUES = [b"x", b" x ", b"\tx\t", b"x  ", b"x \t", b"x\t ", b"\t x \t"]


class Show(RequestHandler):
    def get(self) -> None:
        self.write(repr([self.request.headers["X-A"], self.request.protocol]))


def function(asked: HTTPServerRequest) -> None:
    asked.connection.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    asked.connection.write(repr([asked.headers["X-A"], asked.protocol]).encode())
    asked.connection.finish()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("program", [Application([("/", Show)]), function])
def test_handlers_get_the_value_alone(program: Any, value: bytes) -> None:
    async def test() -> bytes:
        async with serving(program, xheaders=True) as port:
            return await exchange(
                port,
                b"GET / HTTP/1.1\r\nHost: a\r\nX-Scheme: https \r\n",
                b"X-A:" + value + b"\r\nConnection: close \r\n\r\n",
            )

    assert run(test).endswith(b"\r\n\r\n['x', 'https']")


class _Told:
    """Keeps the requests that the parser tells of."""

    def __init__(self) -> None:
        self.requests: list[Incoming] = []

    def on_request(self, incoming: Incoming) -> None:
        self.requests.append(incoming)

    def on_body(self, data: bytes) -> None:
        raise AssertionError("there is none")

    def on_end(self) -> None:
        pass


@pytest.mark.parametrize("value", VALUES)
def test_the_cut_of_the_bytes_changes_nothing(value: bytes) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a \r\nX-A:" + value + b"\r\nX-B: y\r\n\r\n"
    for cut in range(len(raw)):
        told = _Told()
        parser = RequestParser(told, Limits())
        parser.feed(raw[:cut])
        parser.feed(raw[cut:])
        (incoming,) = told.requests
        assert incoming.headers == [(b"Host", b"a"), (b"X-A", b"x"), (b"X-B", b"y")]


def shown() -> App:
    app = App("blanks")

    @app.get("/")
    async def show() -> list[str]:
        return [request.headers["X-A"], request.environ["HTTP_X_A"]]

    return app


@pytest.mark.parametrize("value", VALUES)
def test_views_get_the_value_alone(value: bytes) -> None:
    async def test() -> bytes:
        server = Server(shown(), ServerSettings(port=0))
        await server.start()
        try:
            port = int(server.urls[0].rpartition(":")[2])
            fields = b"X-A:" + value + b"\r\nConnection: close\r\n\r\n"
            return await exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\n" + fields)
        finally:
            await server.stop()

    assert run(test).endswith(b'["x","x"]')


@pytest.mark.parametrize("value", [b"x\t ", b" x"])
def test_asgi_servers_may_leave_blanks(value: bytes) -> None:
    """uvicorn's does, with httptools."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"a"), (b"x-a", value)],
    }

    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(shown()(scope, receive, send))
    assert b"".join(message.get("body", b"") for message in sent) == b'["x","x"]'
