"""One request and its response on a connection: their state, and the request's body.

A body is collected in memory up to a threshold and in a temporary file beyond it,
written by the thread pool *files* while the socket is paused; or, on a route that streams, it
goes through a `Channel` that pauses the client.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import ClientDisconnected, HTTPException

from ..http.multipart_split import boundary_of
from ..http.spooled_body import SpooledBody, open_spool, write_pieces
from ..security.origins import SAFE_METHODS
from .http1.body_buffer import BodyBuffer

if TYPE_CHECKING:
    from ..concurrency.thread_pools import Lane
    from ..context.request_context import RequestContext
    from ..dispatch.drivers import LoopDriver
    from ..dispatch.plan import Plan
    from ..http.message import Incoming
    from .access_log import Access
    from .http1.parser import RequestParser
    from .memory_budget import Budget

#: Bytes of a body that are written to a temporary file at once.
SPOOL_THRESHOLD = 512 * 1024
#: A body whose length is known is kept in memory up to so many bytes.
MOST_IN_MEMORY = 1024 * 1024 + 64 * 1024
#: Bytes of a streamed body that may wait for the view before the client is paused.
CHANNEL_LIMIT = 64 * 1024


class BodySource(Protocol):
    """A connection, as far as the body of a request comes from it."""

    server: Any
    loop: asyncio.AbstractEventLoop
    budget: Budget

    def send_continue(self) -> None: ...
    def hold_reading(self) -> None: ...
    def release_reading(self) -> None: ...


class Exchange:
    """A request being received or handled. Without slots: most fields are never set, and the
    class's defaults cost nothing."""

    ctx: RequestContext | None = None
    plan: Plan | None = None
    #: The `contextvars.Context` that all code of the request runs in.
    context: Context | None = None
    driver: LoopDriver | None = None
    task: asyncio.Task[object] | None = None
    #: The task that sends the response while the endpoint still works (`task`).
    early: asyncio.Task[object] | None = None
    #: Called when the client disconnects before its response is sent.
    on_gone: Callable[[], object] | None = None
    #: The budget in which the bytes of its body are counted while they wait in memory.
    budget: Budget | None = None
    #: Most bytes of a body, None for no limit; and the bytes that have arrived.
    limit: int | None = None
    received = 0
    #: Bytes of it that may wait in memory before they are written to the disk.
    most_in_memory = SPOOL_THRESHOLD
    #: Whether the request runs while its body arrives, through `channel`.
    streams = False
    #: Whether the whole request has arrived.
    complete = False
    #: Whether reading is paused: bytes after the request may be no HTTP (`Connection.detach`).
    held = False
    #: The client's socket, if the request may switch to another protocol. The client's socket for
    #: the program (`lent_socket.LentSocket`).
    lent: Any = None
    #: Whether the pool *files* is writing the body to its temporary file.
    spooling = False
    channel: Channel | None = None
    #: Whether the response is a stream of events, which ends when the server stops.
    endless = False
    #: The body that is sent piece by piece. The pieces of a streamed body (`http1.body_pieces`).
    pieces: Any = None
    #: Whether the body is sent piece by piece; the header section leaves with the first one.
    streaming = False
    #: When its header section was complete, by `time.perf_counter`: uvloop's clock counts whole
    #: milliseconds. Set if there is an access log.
    started = 0.0
    status = 0
    #: Status line and header fields of the response, without those that the connection adds; the
    #: value of Content-Length may be missing at the end.
    head = b""
    sent = 0
    #: The part of its body that waits in memory; a single piece as bytes.
    _buffer: BodyBuffer | bytes | None = None
    _file: IO[bytes] | SpooledBody | None = None

    #: The message; set by the maker of the exchange.
    incoming: Incoming
    keep_alive = True
    #: Whether the request has a body.
    bodied = False
    #: Whether the client has its response (504) or has gone; the view's response is dropped then.
    abandoned = False
    timer: asyncio.TimerHandle | None = None

    @property
    def is_head(self) -> bool:
        """Whether the response has no body."""
        return self.incoming.method == "HEAD"

    def is_wanted(self) -> bool:
        """Return False while the program makes a piece of the body that will not be sent."""
        return self.pieces is None or self.pieces.is_wanted()

    def log(self, access_log: Access) -> None:
        """Write the response to the access log."""
        log: Any = access_log
        if self.context is not None:
            # In a copy of the request's context, since the thread may still be in that.
            log = partial(self.context.copy().run, log)
        incoming = self.incoming
        log(
            incoming.client[0] if incoming.client else "",
            incoming.method,
            incoming.target,
            incoming.version,
            self.status,
            self.sent,
            perf_counter() - self.started,
            incoming.headers,
            self.head,
        )

    def ends_with_client(self) -> bool:
        """Whether the view is cancelled when the client disconnects: as the route says, else as
        CANCEL_ON_DISCONNECT does, where the method is safe (RFC 9110 §9.2.1)."""
        policy = None if self.plan is None else self.plan.on_disconnect
        if policy is None:
            ctx = self.ctx
            return (
                self.incoming.method in SAFE_METHODS
                and ctx is not None
                and bool(ctx.app.config["CANCEL_ON_DISCONNECT"])
            )
        return policy == "cancel"

    def collect(self, data: bytes) -> bool:
        """Keep a piece of the body; True if enough waits to be spooled."""
        size = len(data)
        self.received += size
        buffer = self._buffer
        if buffer is None:
            # PERF: most bodies are one piece, for which a buffer would cost 2 µs.
            self._buffer = data
            if self.budget is not None:
                self.budget.used += size
            return size > self.most_in_memory
        if isinstance(buffer, bytes):
            first = self._take_waiting()
            buffer = self._buffer = BodyBuffer(self.budget)
            buffer.add(first)
        buffer.add(data)
        return buffer.size > self.most_in_memory

    def _take_waiting(self) -> bytes:
        """Return the part that waits in memory, and remove it."""
        buffer, self._buffer = self._buffer, None
        if not isinstance(buffer, bytes):
            return b"" if buffer is None else buffer.take_all()
        if self.budget is not None:
            self.budget.used -= len(buffer)
        return buffer

    async def spool(self, files: Lane) -> None:
        """Write the part in memory to the temporary file, in the pool *files*. Raises `OSError`."""
        if isinstance(self._buffer, BodyBuffer):
            pieces = self._buffer.take_pieces()
            self._buffer = None
        else:
            pieces = [self._take_waiting()]
        await files.run(self._write, pieces)

    def _write(self, pieces: list[bytes]) -> None:
        if self._file is None:
            boundary = boundary_of(self.incoming.headers)
            self._file = open_spool() if boundary is None else SpooledBody(boundary)
        # Past the file's own buffer: a full disk shows here, not when the body is read.
        if isinstance(self._file, SpooledBody):
            self._file.add(pieces)
        else:
            write_pieces(self._file.fileno(), pieces)

    def finish_body(self) -> None:
        """Set the body on the message."""
        if isinstance(self._file, SpooledBody):
            self._file.finish()
            self.incoming.body = io.BufferedReader(self._file)
        elif self._file is not None:
            self._file.seek(0)
            self.incoming.body = self._file
        elif self._buffer is not None:
            self.incoming.body = self._take_waiting()

    def open_channel(self, connection: BodySource) -> Channel:
        """Send the body, from its first byte on, through a channel."""
        self.channel = channel = Channel(connection)
        self.incoming.channel = channel
        self.incoming.body = ChannelReader(channel, connection.loop)  # type: ignore[assignment]
        waiting = self._take_waiting()
        if waiting:
            channel.feed(waiting)
        return channel

    @property
    def unwritten(self) -> bool:
        """Whether a part of the body still has to be written to the temporary file."""
        return self._file is not None and self._buffer is not None and not self.spooling

    def discard_body(self) -> None:
        """Free the received part of the body; called again after spooling, if that is under way."""
        if isinstance(self._buffer, bytes):
            self._take_waiting()
        self._buffer = None
        if self._file is not None and not self.spooling:
            with suppress(OSError):  # of a full disk, on which data was still to be written
                self._file.close()
            self._file = None


def log_refused(
    access_log: Access | None, exchange: Exchange | None, parser: RequestParser, status: int
) -> None:
    """Log a request that ends with the connection: *exchange*, whose body was being
    received, or one whose header section *parser* has not accepted."""
    if access_log is None:
        return
    if exchange is not None:
        exchange.status = status
        exchange.log(access_log)
        return
    method, target = parser.unfinished
    client = parser.origin.client
    access_log(client[0] if client else "", method, target, "1.1", status, 0, 0.0, ())


class Channel:
    """A streamed request body, between the connection and the view."""

    def __init__(self, connection: BodySource) -> None:
        self._connection = connection
        self._buffer = BodyBuffer(connection.budget)
        self._holding = False
        self._ended = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        """Take a piece from the connection; with much waiting, the client is paused."""
        self._buffer.add(data)
        self._wake()
        if self._buffer.size > CHANNEL_LIMIT and not self._holding:
            self._holding = True
            self._connection.hold_reading()

    def end(self, error: BaseException | None = None) -> None:
        """Note that the body is complete, or with *error* that it never will be."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()

    async def receive(self) -> bytes:
        """Return the next piece, empty at the end of the body.

        Raises `ClientDisconnected` if the client went away, 413 above the limit.
        """
        self._connection.send_continue()
        buffer = self._buffer
        while not buffer.size:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = self._connection.server.loop.create_future()
            await self._waiter
        data = buffer.take_piece()
        if self._holding and buffer.size <= CHANNEL_LIMIT:
            self._holding = False
            self._connection.release_reading()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None


class Pieces(Protocol):
    """The source of a streamed body."""

    async def receive(self) -> bytes:
        """Return the next piece, empty at the end."""


class ChannelReader(io.RawIOBase):
    """A channel as a file, for `def` views of streaming routes: reading blocks the thread."""

    def __init__(self, channel: Pieces, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._channel = channel
        self._loop = loop
        self._piece = b""
        self._read = 0  # bytes of the piece

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes, waiting for them.

        Raises `RuntimeError` on the event loop's thread, which would wait for itself.
        """
        if self._read >= len(self._piece):
            if asyncio._get_running_loop() is self._loop:
                raise RuntimeError(
                    "This body arrives while the view runs, and an async view would wait for itself"
                    " here. Read it with 'async for chunk in request.chunks()'."
                )
            future = asyncio.run_coroutine_threadsafe(self._channel.receive(), self._loop)
            self._piece, self._read = future.result(), 0
        # An index, not a slice: slicing would copy the piece at every read.
        data = self._piece[self._read : self._read + len(buffer)]
        buffer[: len(data)] = data
        self._read += len(data)
        return len(data)


class RefusedBody(io.RawIOBase):
    """The body of a refused request under WSGI: reading it raises *error*."""

    def __init__(self, error: HTTPException) -> None:
        super().__init__()
        self._error = error

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Raise the error."""
        raise self._error


class InsufficientStorage(HTTPException):
    """507: a request body could not be stored (RFC 4918 §11.5)."""

    code = 507
    description = "The server is unable to store what is needed to take the request."


def gone() -> ClientDisconnected:
    """Return the error of a client that disconnected before its request was complete."""
    return ClientDisconnected("The client went away before the request was complete.")
