"""WebSockets on our server: the connection of an accepted upgrade.

`Upgrading` is the client's upgrade until then. Accepting writes the 101, takes the transport
from the HTTP connection (`Connection.detach`) and gives it to a `SocketConnection`, so that HTTP
connections need no code for frames.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequest, ClientDisconnected, ServiceUnavailable

from ..websockets.errors import WebSocketClosed
from ..websockets.handshake import Handshake, offered_subprotocols
from ..websockets.limits import Capped, capped
from ..websockets.protocol import Link
from ..websockets.rate import Rate
from ..websockets.settings import SocketSettings
from ..websockets.transport import Header, Sink
from .http1.transport import NEVER, Wire

if TYPE_CHECKING:
    from ..http.message import Incoming
    from .http1.connection import Connection

__all__ = ["SocketConnection", "Upgrading"]

_logger = logging.getLogger("waterspout.websockets")

#: Bytes of frames that are written before the end of the loop's turn.
_AT_ONCE = 64 * 1024
_PING, _PONG = 9, 10


class SocketConnection(Wire):
    """The protocol of a client after its opening handshake."""

    __slots__ = (
        "_answer_due",
        "_close_timeout",
        "_frames",
        "_heard",
        "_held",
        "_next_ping",
        "_pong",
        "_size",
        "_user",
        "_waits_for_turn",
        "link",
        "served",
        "settings",
        "sink",
    )

    def __init__(
        self, connection: Connection, link: Link, sink: Sink, settings: SocketSettings
    ) -> None:
        super().__init__(connection.server)
        self.outbox = connection.server.frame_outbox
        self.link = link
        self.sink = sink
        self.settings = settings
        self.idle = False
        self.served = 1
        self._close_timeout = settings.close_timeout
        self._frames: list[bytes] = []  # written at the end of the loop's turn
        self._size = 0
        self._pong: bytes | None = None  # the latest, for a client that does not read
        self._heard = True  # bytes came since the last ping
        self._answer_due = NEVER  # deadline for the next bytes
        self._held = False
        self._waits_for_turn = False  # a read was not handled completely
        link.turn = self.limits.turn
        link.on_long_read = self._wait_for_turn
        if settings.max_fragments is not None:
            link.max_fragments = settings.max_fragments
        if settings.ping_rate is not None:
            link.control_rate = Rate(settings.ping_rate)
        #: The task that uses the connection, if it still does.
        self._user: asyncio.Task[object] | None = asyncio.current_task()
        self._next_ping = NEVER
        if settings.ping_interval is not None:
            self._next_ping = self.loop.time() + settings.ping_interval
        self.deadline = self._next_ping

    def begin(self, transport: asyncio.Transport, head: bytes, rest: bytes) -> None:
        """Take over *transport*: write the response, and keep the bytes after the request."""
        self.transport = transport
        self.server.connections.add(self)
        self.server.websockets += 1
        transport.set_protocol(self)
        transport.write(head)
        self.link.paused = True
        self.link.feed(rest)
        transport.resume_reading()
        if self.server.stopping:
            self.begin_stop()

    # -- receiving -------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the client."""
        self._heard = True
        link = self.link
        if link.ended:
            self.throw_away(len(data))
            return
        if link.paused and not self._held:
            # Only now: most pauses are over before bytes arrive.
            self._held = True
            self.hold_reading()
        link.feed(data)
        if link.out or link.ended:
            self._after_input()

    def eof_received(self) -> bool:
        """Close: there is no half-open WebSocket."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed, by either side."""
        super().connection_lost(exc)
        self.server.websockets -= 1
        if self.link.paused or self._waits_for_turn:
            # Frames that it has sent are still read, if that does not take too long.
            self.loop.call_later(self._close_timeout, self.link.feed_eof)
        else:
            self.link.feed_eof()
        if self._user is None:
            self.server.connections.discard(self)

    def pause(self) -> None:
        """Stop calling the sink."""
        self.link.paused = True

    def resume(self) -> None:
        """Undo `pause`."""
        link = self.link
        if not link.paused:
            return
        going = link.resume() and not self._waits_for_turn
        if link.out or link.ended:
            self._after_input()
        if going and self.lost:
            link.feed_eof()
        elif going and self._held:
            self._held = False
            self.release_reading()

    def _wait_for_turn(self) -> None:
        """Let other connections have their turn before the rest of a read is handled."""
        if not self._waits_for_turn:
            self._waits_for_turn = True
            if not self._held:
                self._held = True
                self.hold_reading()
            self.loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._waits_for_turn = False
        if not self.link.paused:  # otherwise `resume` goes on
            self.link.paused = True
            self.resume()

    def _after_input(self) -> None:
        """Answer pings and close frames."""
        self._write_control()
        if self.link.ended:
            self._farewell()

    # -- sending -----------------------------------------------------------------------

    def send_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Send a message at the end of this turn of the loop. Raises `WebSocketClosed`."""
        if self.stalled:
            self._check_unsent()
        frame = self.link.frame(message)
        self._write(frame)
        if self.stalled:
            return self._drained()
        if self._size == 0:  # so much that it was written: a producer lets others have a turn
            return asyncio.sleep(0)
        return None

    def _check_unsent(self) -> None:
        """Drop a client with too many unsent bytes. SECURITY: it would fill our memory."""
        limit = self.settings.max_unsent
        unsent = self.transport.get_write_buffer_size() + self._size
        self.count_unsent(unsent)
        if (limit is None or unsent <= limit) and not self.budget.is_spent():
            return
        _logger.info("A WebSocket was dropped: its client does not read what it is sent.")
        self._drop()
        raise WebSocketClosed()

    async def _drained(self) -> None:
        try:
            await self.drain()
        except ClientDisconnected:
            raise WebSocketClosed() from None

    def send_control(self, opcode: int, data: bytes) -> Awaitable[None] | None:
        """Send a ping or a pong. Raises `WebSocketClosed`, ValueError above 125 bytes."""
        self._write(self.link.control(opcode, data))
        return self._drained() if self.stalled else None

    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.shut or not self.link.open

    def leave(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake."""
        if not self.link.open:
            return
        self.link.close(code, reason)
        self._write_control()
        self.deadline = self.loop.time() + self._close_timeout

    def finished(self) -> None:
        """Note that the user needs the connection no longer."""
        self._user = None
        if self.lost:
            self.server.connections.discard(self)

    def _write(self, frame: bytes) -> None:
        if self.shut:
            return
        frames = self._frames
        frames.append(frame)
        self._size += len(frame)
        if len(frames) == 1:
            outbox = self.outbox
            outbox.wires.append(self)
            if len(outbox.wires) == 1:
                outbox.begin(self.loop)
        if self._size > _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the waiting frames."""
        frames = self._frames
        if frames:
            self._frames = []
            self._size = 0
            if not self.shut:
                self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def _write_control(self) -> None:
        for frame in self.link.take():
            # While the client does not read, only the latest ping is answered (RFC 6455 §5.5.3).
            if self.stalled and frame[0] & 0x0F == _PONG:
                self._pong = frame
            else:
                self._write(frame)

    def resume_writing(self) -> None:
        """Write again: the client has caught up."""
        super().resume_writing()
        pong, self._pong = self._pong, None
        if pong is not None:
            self._write(pong)

    def _farewell(self) -> None:
        """Close: the closing handshake is complete, or the client broke the protocol."""
        if not self.closing:
            # After a protocol error there may be unread input; see `Wire`.
            self.close(read_on=not self.link.clean)

    # -- the server's view ---------------------------------------------------------------

    def on_deadline(self) -> None:
        """Send a due ping, or close because of a passed time limit."""
        if self.overdue():
            return
        if self.shut or not self.link.open:
            self._drop()
            return
        now = self.loop.time()
        if self._answer_due <= now:
            self._answer_due = NEVER
            if not (self._heard or self._held):  # a pong cannot be read while reading is paused
                self.link.fail(1011, "no answer to a ping")
                self._write_control()
                self._farewell()
                return
        if self._next_ping <= now:
            self._next_ping = max(self._next_ping + (self.settings.ping_interval or NEVER), now)
            if self._heard or self._held:
                self._heard = False
                self._answer_due = now + self.settings.ping_timeout
            self.send_control(_PING, b"")
        self.deadline = min(self._next_ping, self._answer_due)

    def close_written(self) -> None:
        """Close without a closing handshake, after the client has read what was sent, within the
        close time limit."""
        if self.shut:
            return
        self.close(read_on=False)
        self.deadline = self.loop.time() + self._close_timeout

    def begin_stop(self) -> None:
        """Let the user close; half of the grace time is for the client's close frame."""
        self._close_timeout = min(self._close_timeout, self.timeouts.graceful / 2)
        self.loop.call_later(self._close_timeout, self._drop)
        self.sink.on_stop()

    def _drop(self) -> None:
        """Stop waiting for the client's close frame; the user still has its time."""
        super().abort()

    def abort(self) -> None:
        """Drop the connection at once, and when the server stops the task that uses it too."""
        self._drop()
        if self.server.stopping and self._user is not None:
            self._user.cancel()


class Upgrading:
    """A client that requested a WebSocket (`websockets.transport.Upgrade`).

    Raises 503 at the limit of WebSockets, and 400, 405 or 426 for an invalid opening handshake.
    """

    def __init__(
        self, connection: Connection, incoming: Incoming, settings: SocketSettings
    ) -> None:
        self.offered = offered_subprotocols(incoming)
        self._handshake = Handshake(incoming, settings)
        if connection.running is None or not connection.running.held:
            raise BadRequest("An opening handshake has no body.")
        if connection.server.websockets >= connection.limits.max_websockets:
            raise ServiceUnavailable("Too many WebSockets are open.", retry_after=1)
        self._connection = connection
        self._incoming = incoming
        self._settings = settings

    async def accept(
        self, sink: Sink, subprotocol: str | None, headers: list[Header]
    ) -> SocketConnection | Capped:
        """Complete the opening handshake.

        Raises `WebSocketClosed` if the client has gone.
        """
        connection = self._connection
        if connection.lost:
            raise WebSocketClosed()
        caps = capped(connection.app, self._incoming, sink, self._settings)
        told = caps or sink
        link = Link(self._handshake.protocol, told, self._settings.deflate.least)
        made = SocketConnection(connection, link, told, self._settings)
        head = self._handshake.head(subprotocol, headers, connection.server.date_line)
        transport, rest = connection.detach()
        self._incoming.peer = made
        made.begin(transport, head, rest)
        return made if caps is None else caps.watch(made)
