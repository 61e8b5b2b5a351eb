"""A client's socket for a program that speaks another protocol on it: `werkzeug.socket`.

flask-sock and Flask-SocketIO take the client's socket from the WSGI environ, send the opening
handshake's response themselves, and read and write frames in threads of their own. They get one end
of a socket pair, and the loop passes bytes between the other end and the client, so TLS and the
kind of event loop make no difference.

The connection is given up (`Connection.detach`) when the program first uses the socket. Until
then the request is like any other, and its response is sent. From then on its thread counts as kept
(see `thread_pools`) for as long as the client stays.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Any, Protocol

from .http1.transport import NEVER, Wire

#: Bytes that may wait for a program that does not read.
_HIGH_WATER = 64 * 1024
#: Methods that are called on the client's own socket.
_ASKING = ("getpeername", "getsockname")


class Lender(Protocol):
    """A connection that lends its client's socket."""

    server: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def detach(self) -> tuple[asyncio.Transport, bytes]: ...


class LentSocket:
    """The client's socket for the program; from its first use on, a connected, blocking one.

    Raises `ConnectionResetError` when it is used and the client has gone, and 503 (`LaneFull`) if
    requests keep too many threads.
    """

    def __init__(self, connection: Lender) -> None:
        self._connection = connection
        self._relay: Relay | None = None
        self._lending = threading.Lock()
        self._finished = False

    def __getattr__(self, name: str) -> object:
        if name in _ASKING:
            return getattr(self._connection.transport.get_extra_info("socket"), name)
        return getattr(self._lent(), name)

    def finish(self) -> None:
        """Note that the request has ended, and end the connection, if it was used, after the client
        has received what the program wrote. Called on the loop; later calls do nothing."""
        if self._finished:
            return
        self._finished = True
        if self._relay is not None:
            self._connection.server.lanes.views.kept -= 1
            self._relay.finish()

    def _lent(self) -> socket.socket:
        with self._lending:  # two threads may use it first
            if self._relay is None:
                self._relay = self._lend()
            return self._relay.lent

    def _lend(self) -> Relay:
        loop = self._connection.loop
        if loop is asyncio._get_running_loop():
            return self._open_relay()
        lent: Future[Relay] = Future()

        def lend() -> None:
            try:
                lent.set_result(self._open_relay())
            except Exception as error:
                lent.set_exception(error)

        loop.call_soon_threadsafe(lend)
        return lent.result()

    def _open_relay(self) -> Relay:
        if self._finished:  # the connection may already have another request
            raise ConnectionResetError("The request has ended.")
        views = self._connection.server.lanes.views
        views.check_kept()
        relay = Relay(self._connection)
        views.kept += 1
        return relay


class Relay(Wire):
    """The protocol of a client whose socket a program uses.

    `lent` is the program's end. Made on the loop; raises `ConnectionResetError` if the client has
    gone.
    """

    __slots__ = ("_early", "_ended", "_program", "lent", "served")

    def __init__(self, connection: Lender) -> None:
        super().__init__(connection.server)
        self.idle = False
        self.served = 1
        self._program: asyncio.Transport | None = None
        self._ended = False  # the client sends no more
        try:
            self.transport, self._early = connection.detach()
        except RuntimeError as error:
            raise ConnectionResetError("The client has gone.") from error
        self.lent, end = socket.socketpair()
        end.setblocking(False)
        self.server.connections.add(self)
        self.transport.set_protocol(self)
        self.server.keep(self._open(end))

    async def _open(self, end: socket.socket) -> None:
        """Start to pass bytes. Until then nothing is read from the client (`Exchange.held`)."""
        try:
            program, _ = await self.loop.create_connection(lambda: _ProgramEnd(self), sock=end)
        except BaseException:  # the program sees the end of the stream
            end.close()
            self.server.connections.discard(self)
            self.abort()
            raise
        self._program = program
        program.set_write_buffer_limits(high=_HIGH_WATER)
        if self._early:
            program.write(self._early)
        if self._ended:
            program.write_eof()
        elif not self.lost:
            self.transport.resume_reading()
        if self.server.stopping:
            self.begin_stop()

    # -- the client ------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the program."""
        if self._program is not None:
            self._program.write(data)

    def eof_received(self) -> bool:
        """Note that the client sends no more; it may still read."""
        self._end_input()
        return self.transport.can_write_eof()

    def pause_writing(self) -> None:
        """Stop reading from the program, whose next `send` waits: the client reads too slowly."""
        super().pause_writing()
        if self._program is not None:
            self._program.pause_reading()

    def resume_writing(self) -> None:
        """Read from the program again."""
        super().resume_writing()
        if self._program is not None:
            self._program.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone: the program reads what came, then the end."""
        super().connection_lost(exc)
        self._end_input()
        if self._program is None:
            self.server.connections.discard(self)

    # -- the program -----------------------------------------------------------------

    def program_wrote(self, data: bytes) -> None:
        """Pass bytes to the client."""
        if not self.shut:
            self.transport.write(data)

    def program_ended(self) -> None:
        """Note that the program has closed its end."""
        self._program = None
        self.server.connections.discard(self)
        if not self.lost:
            self.transport.close()

    def finish(self) -> None:
        """Let the program's threads read the end, and close when they have closed; soon."""
        self._end_input()
        self.deadline = self.loop.time() + self.timeouts.unread_body

    def _end_input(self) -> None:
        if not self._ended:
            self._ended = True
            if self._program is not None:
                self._program.write_eof()

    # -- the server's view -----------------------------------------------------------

    def on_deadline(self) -> None:
        """Drop the connection: the program has not closed its end, or the client does not read."""
        if not self.overdue():
            self.abort()

    def begin_stop(self) -> None:
        """Let the program finish: it reads the end of the stream."""
        self.finish()

    def abort(self) -> None:
        """Drop client and program."""
        self.deadline = NEVER
        super().abort()
        if self._program is not None:
            self._program.abort()


class _ProgramEnd(asyncio.Protocol):
    """The loop's end of the socket pair."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def data_received(self, data: bytes) -> None:
        self._relay.program_wrote(data)

    def pause_writing(self) -> None:
        self._relay.hold_reading()

    def resume_writing(self) -> None:
        self._relay.release_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.program_ended()
