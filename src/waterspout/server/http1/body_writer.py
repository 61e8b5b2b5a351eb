"""Send streamed responses piece by piece, as the client reads.

The header section leaves with the first piece, so an error before it becomes a 500. A later error
closes the connection: the client sees that the body is incomplete.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected

from ...concurrency.request_thread import RequestThread, run_beside, see_through, task_in
from ...concurrency.thread_pools import LaneFull
from ...http.prepared import BrokenOff, Pieces
from ...log import printable
from .. import error_responses as answers
from ..exchange import gone
from .body_pieces import PAUSE, TURN, AsyncPieces, SyncPieces, first_pieces, pieces
from .file_body import FileBody, can_copy, copy_part, file_body

if TYPE_CHECKING:
    from ...concurrency.streaming import Beat
    from ..exchange import Exchange
    from ..interfaces import ConnectionView
    from .response_encoder import Outgoing

_logger = logging.getLogger("waterspout.server")

Body = AsyncPieces | SyncPieces | FileBody

#: Types whose bodies continue until the client disconnects: server-sent events, camera pictures.
_ENDLESS = frozenset({"text/event-stream", "multipart/x-mixed-replace"})


async def send_stream(
    connection: ConnectionView,
    exchange: Exchange,
    response: Any,
    outgoing: Outgoing,
    thread: RequestThread,
) -> None:
    """Write a streamed response and close its body; awaited by the request's task.

    A `def` body is in the request's context while it is sent, so who sends it is in another one.
    """
    body: Body
    try:
        body = file_body(connection, response, outgoing, thread) or pieces(response, thread)
    except LaneFull as error:
        connection.refuse_busy(exchange, error)
        await answers.close_in_thread(response, thread)
        return
    sending = _send(connection, exchange, outgoing, body)
    if isinstance(body, AsyncPieces):
        await sending
    else:
        await run_beside(sending, body.context)


async def _send(
    connection: ConnectionView,
    exchange: Exchange,
    outgoing: Outgoing,
    body: Body,
) -> None:
    exchange.pieces = body
    exchange.endless = body.response.mimetype in _ENDLESS
    exchange.streaming = True
    try:
        if not exchange.abandoned:
            if isinstance(body, FileBody):
                await _write_file(connection, exchange, outgoing, body)
            else:
                await _write_all(connection, exchange, outgoing, body)
    except BaseException as error:
        if answers.ends_from_outside(exchange, error):
            raise
        if _is_fault(connection, exchange, error) and not connection.server.ends_by(error):
            _fail(connection, exchange, error)
    finally:
        ending = task_in(body.context, _end(body))
        await see_through(connection.server.keep(ending, exchange.is_wanted))
        if connection.running is exchange:  # it was cut short
            connection.close(read_on=False)


def _is_fault(connection: ConnectionView, exchange: Exchange, error: BaseException) -> bool:
    """Whether *error* is an unlogged one of the program, not the client's disconnection."""
    if isinstance(error, BrokenOff):
        return False
    left = connection.lost or connection.shut or exchange.abandoned
    return not (left and isinstance(error, (ClientDisconnected, ConnectionError)))


def _fail(connection: ConnectionView, exchange: Exchange, error: BaseException) -> None:
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
    connection.deliver(exchange, answers.encoded(app, exchange, response))


async def _write_all(
    connection: ConnectionView,
    exchange: Exchange,
    outgoing: Outgoing,
    body: AsyncPieces | SyncPieces,
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
        batch = await first_pieces(body)
        begin = getattr(body.response.response, "begin", None) if left is None else None
        connection.write_now(connection.head_bytes(exchange, outgoing, framing))
        source = body.response.response
        if type(source) is Pieces and left is not None:
            source.takes_files = can_copy(connection)
        while batch is not None:
            if left is not None and type(source) is Pieces and source.part is not None:
                left = await _write_part(connection, exchange, source, left)
            if left is not None:
                batch = [b"".join(batch)[:left]]
                left -= len(batch[0])
            data = _framed(batch) if chunked else b"".join(batch)
            if data:
                connection.write_now(data)
                exchange.sent += sum(map(len, batch))
                if connection.stalled or connection.shut:
                    await connection.drain()
            if left == 0:
                break
            if begin is not None:
                beat: Beat | None = begin(partial(_write_beat, connection, exchange, chunked))
                begin = None
                if beat is not None:
                    work = _write_events(connection, exchange, beat, chunked)
                    await run_beside(work, body.context)
                    break
            batch = await body.take()
        await connection.drain()
    except asyncio.CancelledError:
        if not (connection.server.stopping and exchange.endless):
            raise
        exchange.keep_alive = False  # events end with the server: a complete response
        if not exchange.status:
            connection.write_now(connection.head_bytes(exchange, outgoing, framing))
    if chunked:
        connection.write_now(b"0\r\n\r\n")
    if left:
        _note_missing(exchange, left)
    connection.exchange_done(exchange)


async def _write_part(
    connection: ConnectionView, exchange: Exchange, source: Pieces, left: int
) -> int:
    """Write the part of a file that is due, of which *left* bytes are wanted at the most; return
    how many bytes are left then."""
    part, source.part = source.part, None
    assert part is not None, "it is due"
    await connection.write_through(b"")
    sent = 0
    try:
        sent = await copy_part(connection, part, min(part.length, left))
    except (ConnectionError, TimeoutError):
        connection.abort()
        raise gone() from None
    finally:
        part.close()
        exchange.sent += sent
    if sent < min(part.length, left):
        incoming = exchange.incoming
        path = printable(incoming.path)
        _logger.error("%s %s became shorter while it was sent", incoming.method, path)
        raise BrokenOff
    return left - sent


async def _write_events(
    connection: ConnectionView, exchange: Exchange, beat: Beat, chunked: bool
) -> None:
    """Write the events of a stream until its end, or that of the server.

    PERF: a task of its own, as each event goes through all coroutines that its task has begun: 12
    within the request's.
    """
    encode = beat.encode
    now = beat.now
    last = 0.0
    together = 0
    async for event in beat.events:
        data = encode(event)
        connection.write_now(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        exchange.sent += len(data)
        if connection.stalled or connection.shut:
            await connection.drain()
        before = last
        beat.last = last = now()
        if last - before > PAUSE:  # it has waited
            together = 0
        elif (together := together + 1) % TURN == 0:
            await asyncio.sleep(0)
        if connection.server.stopping and exchange.endless:
            break


def _write_beat(
    connection: ConnectionView, exchange: Exchange, chunked: bool, comment: bytes
) -> None:
    """Write a comment between two events, unless the client has still something to read."""
    if exchange.status and not (connection.stalled or connection.shut):
        connection.write_now(_framed([comment]) if chunked else comment)
        exchange.sent += len(comment)


async def _write_file(
    connection: ConnectionView, exchange: Exchange, outgoing: Outgoing, body: FileBody
) -> None:
    assert outgoing.length is not None
    await connection.write_through(connection.head_bytes(exchange, outgoing))
    try:
        await body.send()
    except (ConnectionError, TimeoutError):
        connection.abort()
        raise gone() from None
    finally:
        exchange.sent = body.sent
    if body.sent < outgoing.length:
        _note_missing(exchange, outgoing.length - body.sent)
    connection.exchange_done(exchange)


def _note_missing(exchange: Exchange, count: int) -> None:
    _logger.error(
        "The body of %s %s ended %d bytes before its Content-Length",
        exchange.incoming.method,
        printable(exchange.incoming.path),
        count,
    )
    exchange.keep_alive = False


def _framed(batch: list[bytes]) -> bytes:
    """Return the pieces as chunks, each as one of its own: some clients take them as messages."""
    if len(batch) == 1:
        piece = batch[0]
        return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    parts: list[bytes] = []
    for piece in batch:
        if piece:  # an empty one would be the end
            parts += (b"%x\r\n" % len(piece), piece, b"\r\n")
    return b"".join(parts)


async def _end(body: Body) -> None:
    try:
        await body.aclose()
    except GeneratorExit:
        raise
    except BaseException:
        _logger.exception("Error while closing a streamed body")
