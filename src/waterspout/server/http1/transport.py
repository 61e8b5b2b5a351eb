"""The transport side of a connection: flow control both ways, deadlines, closing.

A connection has one `deadline` for the client's next bytes, and a `write_deadline` for it to read;
the server's clock checks them once a second, there are no timers per request. Closing keeps the
response (RFC 9112 §9.6): after one that leaves part of a request unread, the write side is shut and
input is dropped for a while, because closing at once could destroy the response before the client
has read it.
"""

from __future__ import annotations

import asyncio
import logging
from fcntl import ioctl
from struct import Struct
from termios import FIONREAD
from typing import TYPE_CHECKING, cast

from ..exchange import gone

if TYPE_CHECKING:
    from ..interfaces import ServerView

_logger = logging.getLogger("waterspout.server")

NEVER = float("inf")
#: Bytes of responses that may wait for a slow reader before producers pause.
_HIGH_WATER = 256 * 1024
_COUNT = Struct("i")


class Outbox:
    """The connections that have something to write at the end of this turn of the loop.

    PERF: a turn answers many connections. Written one by one, each response wakes the reader
    behind it, and the two programs keep evicting each other from the caches; written
    together, a small response costs 2 µs less.
    """

    __slots__ = ("_loop_stops", "wires")

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self._loop_stops = False

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write everything at the end of the turn; called for the first connection of it."""
        if self._loop_stops:
            self.flush()
        else:
            loop.call_soon(self.flush)

    def loop_stops(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write everything at once from now on: the loop stops, and may not come to the end of the
        turn. If it starts again, as before."""
        self.flush()
        self._loop_stops = True
        loop.call_soon(self._loop_goes_on)

    def _loop_goes_on(self) -> None:
        self._loop_stops = False

    def flush(self) -> None:
        """Write everything."""
        wires = self.wires
        self.wires = []
        for wire in wires:
            data = wire.answer
            wire.answer = b""
            if data and not wire.shut:
                try:
                    wire.transport.write(data)
                except Exception as error:
                    wire.drop_faulty(error)


class FrameOutbox(Outbox):
    """The same for connections that have more to write than one response each: WebSockets.

    PERF: one call for all; a call for each connection would cost 5 % of a message.
    """

    __slots__ = ()

    def flush(self) -> None:
        """Have each connection write everything."""
        wires = self.wires
        self.wires = []
        for wire in wires:
            try:
                wire.flush()
            except Exception as error:
                wire.drop_faulty(error)


class Wire(asyncio.Protocol):
    """The transport side of one client connection: bytes in and out."""

    __slots__ = (
        "_can_write",
        "_counted",
        "_holds",
        "_on_lost",
        "_thrown_away",
        "_throws_until",
        "_unsent",
        "answer",
        "budget",
        "closing",
        "deadline",
        "idle",
        "idle_since",
        "limits",
        "loop",
        "lost",
        "opened",
        "outbox",
        "server",
        "shut",
        "stalled",
        "timeouts",
        "transport",
        "write_deadline",
    )

    def __init__(self, server: ServerView) -> None:
        self.server = server
        self.loop = server.loop
        self.limits = server.settings.limits
        self.timeouts = server.settings.timeouts
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # connection_made
        self.deadline = NEVER
        self.write_deadline = NEVER
        self.idle = True
        self.idle_since = self.opened = self.loop.time()
        #: No further request is read.
        self.closing = False
        #: The client is gone.
        self.lost = False
        #: Whether nothing more is written: the client is gone, or the write side is closed.
        self.shut = False
        #: What is written at the end of the loop's turn.
        self.answer = b""
        self.outbox = server.outbox
        self.budget = server.budget
        self._counted = 0  # bytes of what is unsent that stand in the budget
        #: Whether the client does not read what is written.
        self.stalled = False
        self._holds = 0  # reasons not to read
        self._can_write: asyncio.Event | None = None
        self._unsent = 0  # at the last look at a slow reader
        self._thrown_away: int | None = None  # bytes, once the write side is shut
        self._throws_until = NEVER
        self._on_lost: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        # uvloop's transports are of a class of their own.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.deadline = self.opened + self.timeouts.header

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by either side."""
        self.lost = self.shut = self.closing = True
        self.count_unsent(0)
        self.deadline = self.write_deadline = NEVER
        if self._can_write is not None:
            self._can_write.set()
        if self._on_lost is not None and not self._on_lost.done():
            self._on_lost.set_result(None)

    async def disconnected(self) -> None:
        """Wait until the client has gone."""
        if not self.lost:
            if self._on_lost is None:
                self._on_lost = self.loop.create_future()
            await asyncio.shield(self._on_lost)

    # -- writing ---------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write *data* at the end of this turn of the loop (`Outbox`); nothing once it is shut."""
        if self.answer:
            self.answer += data
            if len(self.answer) > _HIGH_WATER:
                self.flush()  # pipelined answers: a slow reader shows before all are made
            return
        self.answer = data
        wires = self.outbox.wires
        wires.append(self)
        if len(wires) == 1:
            self.outbox.begin(self.loop)

    def flush(self) -> None:
        """Write what `send` was given."""
        data = self.answer
        self.answer = b""
        if data and not self.shut:
            self.transport.write(data)

    def write_now(self, data: bytes) -> None:
        """Write *data* at once, so that a slow reader shows; for bodies made piece by piece."""
        if self.answer:
            self.flush()
        if not self.shut:
            self.transport.write(data)

    def send_large(self, head: bytes, body: bytes) -> None:
        """Write *head* and *body* at once: the transport passes both to the kernel together."""
        self.write_now(head)
        self.write_now(body)

    async def write_through(self, data: bytes) -> None:
        """Write *data* and wait until the kernel has all that was written. Raises
        `ClientDisconnected`."""
        transport = self.transport
        transport.set_write_buffer_limits(high=0)
        try:
            self.write_now(data)
            await self.drain()
        finally:
            transport.set_write_buffer_limits(high=_HIGH_WATER)

    def drop_faulty(self, error: Exception) -> None:
        """Drop a connection that could not be written to, and log why."""
        _logger.error("A connection was dropped: it could not be written to.", exc_info=error)
        self.shut = True
        self.abort()

    # -- flow ------------------------------------------------------------------------

    def hold_reading(self) -> None:
        """Stop reading from the client, for one more reason."""
        self._holds += 1
        if self._holds == 1 and not self.lost:
            self.transport.pause_reading()

    def release_reading(self) -> None:
        """Undo one `hold_reading`."""
        if self._holds:
            self._holds -= 1
            if not self._holds and not self.lost:
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The client reads too slowly: producers wait."""
        self.stalled = True
        if self._can_write is None:
            self._can_write = asyncio.Event()
        self._can_write.clear()
        self._watch_reader()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.stalled = False
        self.count_unsent(0)
        if self._can_write is not None:
            self._can_write.set()
        self.write_deadline = NEVER

    def _watch_reader(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        if self.stalled:
            self.count_unsent(self._unsent)
        self.write_deadline = self.loop.time() + self.timeouts.write if self._unsent else NEVER

    def count_unsent(self, size: int) -> None:
        """Note in the process's budget what a slow reader has not taken."""
        self.budget.used += size - self._counted
        self._counted = size

    async def drain(self) -> None:
        """Wait until more of a response may be written. Raises `ClientDisconnected`."""
        if self.stalled:
            assert self._can_write is not None
            await self._can_write.wait()
        if self.shut:
            raise gone()

    # -- ends ------------------------------------------------------------------------

    def close(self, *, read_on: bool) -> None:
        """Close when everything is written; with *read_on* after throwing input away for a
        while."""
        self.closing = True
        if self.lost or self._thrown_away is not None:
            return
        self.flush()
        self.shut = True
        if read_on and self.transport.can_write_eof():
            self._thrown_away = 0
            self._holds = 0
            try:
                self.transport.write_eof()
            except OSError:  # asyncio's: the client is gone, and the loop has not heard of it yet
                self.transport.abort()
                return
            self.transport.resume_reading()
            now = self.loop.time()
            self._throws_until = now + self.timeouts.unread_body
            self.deadline = min(now + self.timeouts.unread_idle, self._throws_until)
        else:
            self.transport.close()
            self.deadline = NEVER
            self._watch_reader()

    def throw_away(self, count: int) -> None:
        """Count *count* bytes of input that is dropped; too many end the connection."""
        if self._thrown_away is not None:
            self._thrown_away += count
            if self._thrown_away > self.limits.unread_body:
                self.transport.abort()
            else:
                now = self.loop.time()
                self.deadline = min(now + self.timeouts.unread_idle, self._throws_until)

    def close_if_idle(self) -> None:
        """Close unless a request has begun, even one whose bytes have not been read yet."""
        if self.idle and not self._has_unread():
            self.close(read_on=False)

    def _has_unread(self) -> bool:
        """Whether the kernel has input that the loop has not come to: closing would reset it."""
        sock = self.transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return False
        try:
            (count,) = _COUNT.unpack(ioctl(sock.fileno(), FIONREAD, bytes(_COUNT.size)))
        except OSError:
            return False
        return bool(count)

    def abort(self) -> None:
        """Drop the connection at once."""
        self.shut = True
        if not self.lost:
            self.transport.abort()

    def overdue(self) -> bool:
        """See to the deadlines of the transport; False if one of a request is left."""
        now = self.loop.time()
        if self.write_deadline <= now:
            unsent = self._unsent
            self._watch_reader()
            if self._unsent >= unsent:
                self.abort()
        if self.deadline > now:
            return True
        if self._thrown_away is not None:
            if self.write_deadline == NEVER:
                self._watch_reader()
            if self._unsent:  # the response is still on its way
                self.deadline = min(self.write_deadline, now + self.timeouts.unread_body)
            else:
                self.abort()
        elif self.idle:
            self.close_if_idle()
        else:
            return False
        return True
