"""Methods that nobody has registered, and CONNECT: they are for the program, as in Tornado."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from tornado_served import exchange, run, serving

from waterspout.tornado.iostream import StreamClosedError
from waterspout.tornado.web import Application, RequestHandler

LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
CLOSE = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Plain(RequestHandler):
    def get(self) -> None:
        self.write("plain")


class Wide(RequestHandler):
    """Takes methods of its own."""

    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "BREW", "VERSION-CONTROL")

    def brew(self) -> None:
        self.write(f"{self.request.method} {self.request.body.decode()}")


setattr(Wide, "version-control", Wide.brew)


class Tunnel(RequestHandler):
    """A forward proxy."""

    SUPPORTED_METHODS = ("CONNECT",)

    async def connect(self) -> None:
        host, _, port = self.request.uri.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        client: Any = self.detach()
        await client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        backward = asyncio.create_task(_pass_on(reader, client))
        try:
            while True:
                writer.write(await client.read_bytes(1024, partial=True))
        except StreamClosedError:
            writer.close()
        await backward


async def _pass_on(reader: asyncio.StreamReader, client: Any) -> None:
    while data := await reader.read(1024):
        await client.write(data)
    client.close()


def application() -> Application:
    return Application([("/", Plain), ("/wide", Wide), (r"[^/]+:\d+", Tunnel)])


@pytest.mark.parametrize("method", ["BREW", "GE", "GETS", "PLAY", "get", "PROPFIND", "CONNECT"])
def test_a_method_that_no_handler_takes_is_405(method: str) -> None:
    async def test() -> bytes:
        async with serving(application()) as port:
            return await exchange(port, method.encode() + b" /" + CLOSE)

    assert run(test).startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize("method", ["BREW", "VERSION-CONTROL"])
def test_a_handler_takes_methods_of_its_own_with_bodies(method: str) -> None:
    request = b"%b /wide HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" % method.encode()

    async def test() -> bytes:
        async with serving(application()) as port:
            return await exchange(port, request * 2 + b"GET /" + CLOSE)

    received = run(test)
    assert received.count(b"HTTP/1.1 200 ") == 3
    assert received.count(b"\r\n\r\n%b body" % method.encode()) == 2
    assert received.endswith(b"\r\n\r\nplain")


@pytest.mark.parametrize("fields", [b" HTTP/1.1\r\nHost: a\r\n\r\n", b" HTTP/1.0\r\n\r\n"])
@LOOPS
def test_connect_makes_a_tunnel(fields: bytes, loop_factory: Any) -> None:
    """What the client sends behind the request is not read as HTTP, be it in one segment."""

    async def test() -> bytes:
        async with serving(Application([("/", Plain)])) as inner, serving(application()) as port:
            target = b"127.0.0.1:%d" % inner
            return await exchange(port, b"CONNECT " + target + fields + b"GET /" + CLOSE)

    received = run(test, loop_factory)
    assert received.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\nplain")


def test_connect_that_is_refused_ends_nothing() -> None:
    async def test() -> bytes:
        async with serving(Application([(".*", Plain)])) as port:
            start = b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"
            return await exchange(port, start + b"GET /" + CLOSE)

    received = run(test)
    assert received.startswith(b"HTTP/1.1 405 ")
    assert received.endswith(b"\r\n\r\nplain")


@pytest.mark.parametrize(
    "raw",
    [
        b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc",
        b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT b HTTP/1.1\r\nHost: b\r\n\r\n",
        b"CONNECT u@b:443 HTTP/1.1\r\nHost: b\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\nHost: b\r\n\r\n",
    ],
)
def test_connect_that_is_none_is_400(raw: bytes) -> None:
    async def test() -> bytes:
        async with serving(application()) as port:
            return await exchange(port, raw)

    assert run(test) == b"HTTP/1.1 400 Bad Request\r\n\r\n"
