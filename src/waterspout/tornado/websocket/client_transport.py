"""The transport of a WebSocket client: the response's header section, then frames."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

from ...websockets.errors import WebSocketClosed
from ..iostream import StreamClosedError

if TYPE_CHECKING:
    from ...websockets.protocol import Link

__all__ = ["ClientEnd"]

#: Bytes of a response's head, and of the body of one that refuses.
MAX_HEAD = 64 * 1024
_HIGH_WATER = 64 * 1024
#: Seconds that the server has for its half of the closing handshake.
_FAREWELL = 5.0


class ClientEnd(asyncio.Protocol):
    """The protocol of a connection to a server (`websockets.transport.End`)."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.head: asyncio.Future[bytes] = self._loop.create_future()
        """The head of the response. Raises `StreamClosedError` if none came."""
        self.link: Link = None  # type: ignore[assignment]  # from `upgrade` on
        self._upgraded = False
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # connection_made
        self._buffer = b""
        self._lost = False
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._deadline: asyncio.TimerHandle | None = None

    def upgrade(self, link: Link) -> None:
        """Continue with frames; nothing is passed on until `resume`."""
        self.link = link
        self._upgraded = True
        link.paused = True
        rest, self._buffer = self._buffer, b""
        link.feed(rest)

    def as_reader(self) -> asyncio.StreamReader:
        """Return a reader of what follows the head, for a response that refuses."""
        reader = asyncio.StreamReader(loop=self._loop)
        reader.feed_data(self._buffer)
        if self._lost:
            reader.feed_eof()
            return reader
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        self.transport.resume_reading()
        return reader

    # -- asyncio -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        if self._upgraded:
            self.link.feed(data)
            self._after_input()
            return
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not self.head.done():
            if found:
                self._buffer = rest
                self.head.set_result(head)
                self.transport.pause_reading()
            elif len(self._buffer) > MAX_HEAD:
                self.transport.abort()

    def eof_received(self) -> bool:
        """The server sends no more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by either side."""
        self._lost = True
        self._can_write.set()
        if self._deadline is not None:
            self._deadline.cancel()
        if not self.head.done():
            self.head.set_exception(StreamClosedError(real_error=exc))
        elif self._upgraded and not self.link.paused:  # else `resume` tells, after what came
            self.link.feed_eof()

    def pause_writing(self) -> None:
        """The server does not keep up."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._can_write.set()

    # -- websockets.ends.End -----------------------------------------------------------------------

    def send_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Send a message. Raises `WebSocketClosed`."""
        return self._write(self.link.frame(message))

    def send_control(self, opcode: int, data: bytes) -> Awaitable[None] | None:
        """Send a ping or a pong. Raises `WebSocketClosed`, ValueError above 125 bytes."""
        return self._write(self.link.control(opcode, data))

    def _write(self, data: bytes) -> Awaitable[None] | None:
        if self._lost or self.transport.is_closing():
            raise WebSocketClosed()
        self.transport.write(data)
        return None if self._can_write.is_set() else self._drained()

    async def _drained(self) -> None:
        await self._can_write.wait()
        if self._lost:
            raise WebSocketClosed()

    def leave(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake."""
        if self.link.open:
            self.link.close(code, reason)
            self._write_out()
            self._await_goodbye()

    def pause(self) -> None:
        """Tell nothing for a while."""
        self.link.paused = True
        self.transport.pause_reading()

    def resume(self) -> None:
        """Undo `pause`."""
        going = self.link.resume()
        self._after_input()
        if going and self._lost:
            self.link.feed_eof()
        elif going:
            self.transport.resume_reading()

    def finished(self) -> None:
        """Nothing to do: nobody stops a client."""

    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._lost or not self.link.open or self.transport.is_closing()

    def close(self) -> None:
        """Close when everything is written, without a closing handshake."""
        self.transport.close()

    def close_written(self) -> None:
        """Close without a closing handshake, when what was sent is written."""
        self.transport.close()
        self._await_goodbye()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    @property
    def socket(self) -> Any:
        """The socket, to be looked at."""
        return self.transport.get_extra_info("socket")

    def _after_input(self) -> None:
        self._write_out()
        if self.link.ended and not self._lost:
            # It is for the server to close the connection (RFC 6455 §7.1.1).
            self.link.paused = False
            self.transport.resume_reading()
            self._await_goodbye()

    def _write_out(self) -> None:
        for frame in self.link.take():
            self.transport.write(frame)

    def _await_goodbye(self) -> None:
        if self._deadline is None:
            self._deadline = self._loop.call_later(_FAREWELL, self.transport.abort)
