"""HTTP/1.0 clients of an `HTTPServer`, as Tornado treats them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from tornado_served import exchange, run, serving

from waterspout.tornado.web import Application, RequestHandler

LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])


class Echo(RequestHandler):
    def get(self) -> None:
        self.write("hello")

    def post(self) -> None:
        self.write(self.request.body)


class Waiting(RequestHandler):
    """Waits until its client has gone, or 10 seconds."""

    def initialize(self, gone: asyncio.Event, began: asyncio.Event) -> None:
        self.gone = gone
        self.began = began

    async def get(self) -> None:
        self.began.set()
        await asyncio.wait_for(self.gone.wait(), 10)

    def on_connection_close(self) -> None:
        self.gone.set()


def head_of(answer: bytes) -> list[bytes]:
    return answer.partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize(
    ("field", "said"),
    [(b"", []), (b"Connection: keep-alive\r\n", [b"Connection: Keep-Alive"])],
)
def test_what_an_answer_says_of_the_connection(field: bytes, said: list[bytes]) -> None:
    async def test() -> bytes:
        async with serving(Application([("/", Echo)])) as port:
            request = b"GET / HTTP/1.0\r\n" + field + b"\r\n"
            last = b"GET / HTTP/1.0\r\n\r\n" if field else b""
            return await exchange(port, request + last)

    first, *others = (run(test)).split(b"HTTP/1.1 200 OK")[1:]
    assert [line for line in head_of(first) if line.startswith(b"Connection")] == said
    assert len(others) == len(said)
    assert not any(b"Connection" in other for other in others)


def test_chunks_are_read_and_end_the_connection() -> None:
    """SECURITY: what is behind them may be the body's for somebody else (RFC 9112 §6.1)."""

    async def test() -> bytes:
        async with serving(Application([("/", Echo)])) as port:
            return await exchange(
                port,
                b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.0\r\n\r\n",
            )

    received = run(test)
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"\r\n\r\nhello")
    assert b"Keep-Alive" not in received


@LOOPS
def test_who_stops_sending_has_gone(loop_factory: Any) -> None:
    async def test() -> None:
        gone, began = asyncio.Event(), asyncio.Event()
        routes = [("/", Waiting, {"gone": gone, "began": began})]
        async with serving(Application(routes)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await began.wait()
            writer.write_eof()
            await gone.wait()
            assert await reader.read() == b""
            writer.close()

    run(test, loop_factory)


@LOOPS
def test_who_has_its_answer_may_stop_sending(loop_factory: Any) -> None:
    async def test() -> bytes:
        async with serving(Application([("/", Echo)])) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            received = await reader.readuntil(b"\r\n\r\nhello")
            writer.write_eof()
            received += await reader.read()
            writer.close()
            return received

    assert run(test, loop_factory).endswith(b"\r\n\r\nhello")
