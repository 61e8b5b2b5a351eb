"""`HTTPServer` waits for slow clients as Tornado's does: hours pass on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tornado_served import serving

from waterspout.tornado.web import Application, RequestHandler, stream_request_body

HOUR = 3600.0
LARGE = 8 * 1024 * 1024


class Ahead(asyncio.SelectorEventLoop):
    """A loop whose clock can be set forward."""

    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    async def skip(self, seconds: float) -> None:
        """Let *seconds* pass, and the server's clock notice it."""
        self._ahead += seconds
        for _ in range(5):
            await asyncio.sleep(0)


class Whole(RequestHandler):
    """Counts a body that came whole, or sends a large answer."""

    def post(self) -> None:
        self.write(str(len(self.request.body)))

    def get(self) -> None:
        self.write(b"x" * LARGE)


@stream_request_body
class Streamed(RequestHandler):
    """Counts a body as it comes."""

    def prepare(self) -> None:
        self.count = 0

    def data_received(self, chunk: bytes) -> None:
        self.count += len(chunk)

    def post(self) -> None:
        self.write(str(self.count))


Step = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Ahead], Awaitable[bytes]]


def converse(step: Step, **options: Any) -> bytes:
    """Return what *step* returns, which gets a connection to a server with *options*."""

    async def test() -> bytes:
        application = Application([("/", Whole), ("/streamed", Streamed)])
        async with serving(application, **options) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
            try:
                return await step(reader, writer, asyncio.get_running_loop())  # type: ignore[arg-type]
            finally:
                writer.close()

    with asyncio.Runner(loop_factory=Ahead) as runner:
        return runner.run(test())


@pytest.mark.parametrize("path", [b"/", b"/streamed"])
def test_a_body_may_come_as_slowly_as_it_likes(path: bytes) -> None:
    async def step(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, loop: Ahead
    ) -> bytes:
        writer.write(b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" % path)
        writer.write(b"Connection: close\r\n\r\n")
        for _ in range(4):
            writer.write(b"a\r\nline line\n\r\n")
            await loop.skip(HOUR)
        writer.write(b"0\r\n\r\n")
        return await reader.read()

    assert converse(step).endswith(b"\r\n\r\n40")


def test_body_timeout_ends_one_that_is_too_slow() -> None:
    async def step(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, loop: Ahead
    ) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        await writer.drain()
        for _ in range(5):  # until the handler waits for it
            await loop.skip(5)
        return await reader.read()

    assert converse(step, body_timeout=10) == b""


@pytest.mark.parametrize(
    ("options", "whole"), [({}, True), ({"idle_connection_timeout": 9}, False)]
)
@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost"])
def test_a_header_section_may_take_as_long_as_a_connection_may_be_idle(
    options: dict[str, float], whole: bool, start: bytes
) -> None:
    async def step(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, loop: Ahead
    ) -> bytes:
        writer.write(start)
        await loop.skip(0)  # until the server has it
        await loop.skip(HOUR / 2)
        if not whole:
            return await reader.read()
        request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        writer.write(request.removeprefix(start))
        return await reader.readline()

    received = converse(step, **options)
    assert received.startswith(b"HTTP/1.1 200 ") == whole
    assert whole or received == b""


def test_who_does_not_read_its_answer_is_waited_for() -> None:
    async def step(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, loop: Ahead
    ) -> bytes:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        for _ in range(4):
            await loop.skip(HOUR)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        return await reader.read()

    assert converse(step).count(b"x") >= LARGE
