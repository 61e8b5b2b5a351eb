"""Streamed answers: files, generators and async generators, piece by piece as the client
reads.

A `def` generator advances in a worker thread, an async one on the loop, always in the
request's own context. A slow reader pauses it; a client that goes away closes it, on
the right thread, within a moment.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected

from .. import pipeline
from ..pipeline import SYNC, drive
from . import answers

if TYPE_CHECKING:
    from .connection import Connection
    from .exchange import Exchange
    from .outgoing import Outgoing

_logger = logging.getLogger("waterspout.server")

_END: Any = object()


async def send_stream(
    connection: Connection, exchange: Exchange, response: Any, outgoing: Outgoing
) -> None:
    """Write a streamed answer, then close its body and, for a request that ran in a thread,
    its context."""
    body = _pieces(connection, exchange, response)
    try:
        if not exchange.abandoned:
            await _write_all(connection, exchange, outgoing, body)
    except (ClientDisconnected, ConnectionError):
        pass
    except Exception:
        # The status is sent: a short body, closed without its end, tells the client.
        _logger.exception(
            "Error while streaming the answer to %s %s",
            exchange.incoming.method,
            exchange.incoming.path,
        )
        connection.abort()
    finally:
        await asyncio.shield(
            connection.server.keep(_close_body(connection, exchange, response, body))
        )


async def _write_all(
    connection: Connection, exchange: Exchange, outgoing: Outgoing, body: AsyncIterator[bytes]
) -> None:
    left = outgoing.length
    chunked = left is None and exchange.incoming.version == "1.1"
    if not answers.has_body(outgoing.status):
        chunked = False
        left = 0
    elif left is None and not chunked:
        exchange.keep_alive = False
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    transport = connection.transport
    transport.write(connection.head_bytes(exchange, outgoing, framing))
    async for piece in body:
        if not piece:
            continue
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        exchange.sent += len(piece)
        await connection.drain()
        if left == 0:
            break
    await connection.drain()
    if chunked:
        transport.write(b"0\r\n\r\n")
    if left:
        _logger.error(
            "The body of %s %s ended %d bytes before its Content-Length",
            exchange.incoming.method,
            exchange.incoming.path,
            left,
        )
        exchange.keep_alive = False
    connection._done(exchange)


def _pieces(connection: Connection, exchange: Exchange, response: Any) -> AsyncIterator[bytes]:
    if response.is_async:
        pieces: AsyncIterator[bytes] = response.aiter_encoded()
        return pieces
    return _SyncPieces(connection, exchange, response)


class _SyncPieces:
    """Advances a `def` body in a worker thread, one piece at a time."""

    def __init__(self, connection: Connection, exchange: Exchange, response: Any) -> None:
        lanes = connection.server.lanes
        # A file waits for the disk only, a generator for whatever the program does.
        self._lane = lanes.files if response.direct_passthrough else lanes.views
        self._context = exchange.context or contextvars.copy_context()
        self._iterator: Iterator[Any] = iter(response.iter_encoded())

    def __aiter__(self) -> _SyncPieces:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._lane.run(self._context.run, next, self._iterator, _END)
        if piece is _END:
            raise StopAsyncIteration
        found: bytes = piece
        return found


async def _close_body(
    connection: Connection, exchange: Exchange, response: Any, body: Any
) -> None:
    app = connection.app
    try:
        if response.is_async:
            await body.aclose()
            source = response.response
            if hasattr(source, "aclose"):
                await source.aclose()
            response.close()
        else:
            context = body._context
            await body._lane.run(context.run, answers.close_response, response)
    except Exception:
        _logger.exception("Error while closing a streamed body")
    ctx = exchange.ctx
    if ctx is not None and exchange.context is not None:  # it ran in a worker thread
        if ctx.keep_context or app.config["STREAM_KEEPS_CONTEXT"]:
            await connection.server.lanes.views.run(
                exchange.context.run, _close_context, app, ctx
            )


def _close_context(app: Any, ctx: Any) -> None:
    drive(answers.close_quietly(app, ctx, SYNC))
