"""Streamed answers: files, generators and async generators, piece by piece as the client
reads.

A `def` generator advances in a worker thread, an async one on the loop, always in the
request's own context. A slow reader pauses it; a client that goes away closes it, on
the right thread, within a moment.

The head of the answer leaves with the first piece, so an error before it is still answered
with 500. A later one cuts the connection: a short body without its end tells the client.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected

from ..carry import AsyncContextStream
from ..drivers import SYNC, drive
from ..http.written import BrokenOff
from ..lanes import Lanes
from ..log import printable
from . import answers

if TYPE_CHECKING:
    from .connection import Connection
    from .exchange import Exchange
    from .outgoing import Outgoing

_logger = logging.getLogger("waterspout.server")

_END: Any = object()
_TURN = 8  # pieces of an async body until others have their turn


async def send_stream(
    connection: Connection, exchange: Exchange, response: Any, outgoing: Outgoing
) -> None:
    """Write a streamed answer, then close its body and, for a request that ran in a thread,
    its context."""
    body = pieces(connection.server.lanes, response, exchange.context)
    exchange.endless = response.mimetype == "text/event-stream"
    exchange.streaming = True
    try:
        if not exchange.abandoned:
            await _write_all(connection, exchange, outgoing, body)
    except BaseException as error:
        if answers.ends_from_outside(exchange, error):
            raise
        if _is_fault(connection, exchange, error) and not connection.server.ends_by(error):
            _fail(connection, exchange, error)
    finally:
        await asyncio.shield(connection.server.keep(_end(connection, exchange, body)))
        if connection.running is exchange:  # it was cut short
            connection.close(read_on=False)


def _is_fault(connection: Connection, exchange: Exchange, error: BaseException) -> bool:
    """Whether *error* is one of the program that is not logged yet, not the client's leaving."""
    if isinstance(error, BrokenOff):
        return False
    left = connection.lost or exchange.abandoned
    return not (left and isinstance(error, (ClientDisconnected, ConnectionError)))


def _fail(connection: Connection, exchange: Exchange, error: BaseException) -> None:
    """Answer an error in the first step of a body; cut the connection after a later one."""
    if exchange.status:
        _logger.error(
            "Error while streaming the answer to %s %s",
            exchange.incoming.method,
            printable(exchange.incoming.path),
            exc_info=error,
        )
        connection.abort()
        return
    app = connection.app
    response = answers.internal_error(app, exchange, error, connection.server)
    connection.deliver(exchange, response, answers.encoded(app, exchange, response))


async def _write_all(
    connection: Connection, exchange: Exchange, outgoing: Outgoing, body: AsyncPieces | SyncPieces
) -> None:
    left = outgoing.length
    chunked = left is None and exchange.incoming.version == "1.1"
    if not answers.has_body(outgoing.status):
        chunked = False
        left = 0
    elif left is None and not chunked:
        exchange.keep_alive = False
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    try:
        piece = await first_piece(body)
        connection.write_now(connection.head_bytes(exchange, outgoing, framing))
        while piece is not None:
            if piece:
                if left is not None:
                    piece = piece[:left]
                    left -= len(piece)
                connection.write_now(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                exchange.sent += len(piece)
                await connection.drain()
                if left == 0:
                    break
            piece = await anext(body, None)
        await connection.drain()
    except asyncio.CancelledError:
        if not (connection.server.stopping and exchange.endless):
            raise
        exchange.keep_alive = False  # events end with the server: a complete answer
        if not exchange.status:
            connection.write_now(connection.head_bytes(exchange, outgoing, framing))
    if chunked:
        connection.write_now(b"0\r\n\r\n")
    if left:
        _logger.error(
            "The body of %s %s ended %d bytes before its Content-Length",
            exchange.incoming.method,
            printable(exchange.incoming.path),
            left,
        )
        exchange.keep_alive = False
    connection._done(exchange)


async def first_piece(body: AsyncPieces | SyncPieces) -> bytes | None:
    """Return what the head of an answer waits for: the first piece of its body, None if there is
    none. One that was sent by itself, by a handler's `flush`, waits for nothing."""
    at_once = getattr(body.response.response, "head_is_due", False)
    return b"" if at_once else await anext(body, None)


def pieces(
    lanes: Lanes, response: Any, context: contextvars.Context | None
) -> AsyncPieces | SyncPieces:
    """Return the body of a streamed response as an async iterator with `aclose`. *context* is
    that of a request which ran in a worker thread."""
    if hasattr(response.response, "__aiter__"):  # it may be Werkzeug's own class
        return AsyncPieces(response, context)
    return SyncPieces(lanes, response, context)


class AsyncPieces:
    """Advances an async body on the loop. One that never waits lets others have their turn,
    and the loop notice that the client has gone."""

    def __init__(self, response: Any, context: contextvars.Context | None) -> None:
        self.response = response
        self._count = 0
        source: Any = response.response
        if context is not None:
            source = AsyncContextStream(source, context)
        self._iterator: AsyncIterator[Any] = aiter(source)

    def __aiter__(self) -> AsyncPieces:
        return self

    async def __anext__(self) -> bytes:
        self._count += 1
        if self._count % _TURN == 0:
            await asyncio.sleep(0)
        piece = await self._iterator.__anext__()
        return piece if type(piece) is bytes else _as_bytes(piece)

    async def aclose(self) -> None:
        """Close the body."""
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()
        answers.close_response(self.response)


class SyncPieces:
    """Advances a `def` body in a worker thread, one piece at a time."""

    def __init__(self, lanes: Lanes, response: Any, context: contextvars.Context | None) -> None:
        # A file waits for the disk only, a generator for whatever the program does.
        self._lane = lanes.files if response.direct_passthrough else lanes.work
        self._files = lanes.files
        self._context = context or contextvars.copy_context()
        self.response = response
        self._iterator: Iterator[Any] = iter(response.iter_encoded())
        self._step: asyncio.Future[Any] | None = None

    def __aiter__(self) -> SyncPieces:
        return self

    async def __anext__(self) -> bytes:
        run = self._lane.run(self._context.run, next, self._iterator, _END)
        self._step = asyncio.ensure_future(run)
        piece = await asyncio.shield(self._step)
        if piece is _END:
            raise StopAsyncIteration
        return piece if type(piece) is bytes else _as_bytes(piece)

    async def aclose(self) -> None:
        """Close the body, in a worker thread and the request's context."""
        if self._step is not None and not self._step.done():
            # NOTE: the client left during a step; its thread is still in generator and context.
            await asyncio.wait([self._step])
        await self._files.run(self._context.run, answers.close_response, self.response)


def _as_bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"The pieces of a body are bytes or str, not {type(piece).__name__}.")


async def _end(connection: Connection, exchange: Exchange, body: Any) -> None:
    try:
        await body.aclose()
    except GeneratorExit:
        raise
    except BaseException:
        _logger.exception("Error while closing a streamed body")
    ctx = exchange.ctx
    context = exchange.context
    if ctx is None or context is None:
        return  # it ran on the loop, which ends the context itself
    if ctx.outlasts_body():
        closing = answers.close_quietly(connection.app, ctx, SYNC)
        await connection.server.lanes.ends.run(context.run, drive, closing)
