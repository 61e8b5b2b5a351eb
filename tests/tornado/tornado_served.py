"""An `HTTPServer` on a free port, and what it answers to bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.testing import bind_unused_port


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[int]:
    """Serve *app* with the options of `HTTPServer`; yield the port."""
    sock, port = bind_unused_port()
    server = HTTPServer(app, **options)
    server.add_sockets([sock])
    try:
        yield port
    finally:
        server.stop()
        await server.close_all_connections()


async def exchange(port: int, *pieces: bytes) -> bytes:
    """Send bytes, piece by piece; return everything up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    received = await reader.read()
    writer.close()
    return received


def run(test: Callable[[], Any], loop_factory: Any = None) -> Any:
    """Run *test* within 20 seconds, and return what it returns."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(asyncio.wait_for(test(), 20))
