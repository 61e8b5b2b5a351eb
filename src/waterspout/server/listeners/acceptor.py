"""Accept connections from a listening socket while there is room for them.

asyncio's own servers cannot pause: at a full descriptor table they spin (plain asyncio) or
accept and drop (libuv), and closing them resets connections in the kernel's queue.  An `Acceptor`
is a reader on the listening socket instead.  Without room it removes the reader and tries again
a little later; the queue stays in the kernel. Before it closes it accepts the queue.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable

from ..sockets import Listener

_logger = logging.getLogger("waterspout.server")

_BATCH = 8  # connections accepted in one turn of the loop, so that others have their turn
# PERF: workers that share a listener take one a turn. Measured with two workers and 64 clients
# that connect at once: 34 + 30 connections and 68k requests/s; in batches of 32, 64 + 0 and 28k.
_SHARED_BATCH = 1
_ROOM_SECONDS = 0.05  # how soon to look again for room below the connection limit
_EPISODE_SECONDS = 60.0  # without the limit being met, after which it is reported again
_SHORTAGE_SECONDS = 0.5  # how soon to try again without descriptors or memory
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# The peer left while it was queued, or the network failed: the next one may be fine (accept(2)).
_PASSING = frozenset(
    {errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH}
)


class Acceptor:
    """Accepts the connections of one listener.

    Args:
        loop: The loop to wait on.
        listener: What to accept from; `close` closes it.
        take: Called with each accepted, non-blocking socket.
        room: Returns how many more connections may be open; called while one waits.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: Listener,
        take: Callable[[socket.socket], object],
        room: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._listener = listener
        sock = listener.sock
        # PERF: `socket.accept` makes enums of the three for each connection: 16,000 instructions.
        self._kind = int(sock.family), int(sock.type), sock.proto
        self._take = take
        self._room = room
        self._reading = False
        self._retry: asyncio.TimerHandle | None = None
        self._short = False  # reported; reset when a connection is accepted again
        self._full_at = float("-inf")  # when the limit of connections was reached last

    def start(self) -> None:
        """Start, or continue after `pause`."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._listener.sock.fileno(), self._on_readable)

    def pause(self, seconds: float | None = None) -> None:
        """Leave new connections in the kernel's queue; start again after `seconds`, if given."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._listener.sock.fileno())
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if seconds is not None:
            self._retry = self._loop.call_later(seconds, self.start)

    def close(self, drain: int = 0) -> None:
        """Stop listening.  Up to `drain` connections that the kernel has queued are taken first:

        their clients believe to be connected and would be reset.
        """
        self.pause()
        looked = False
        for _ in range(drain):
            sock = self._accept()
            if sock is not None:
                self._take(sock)
                looked = False
            elif looked:
                break
            else:
                # NOTE: a client that connects between the last accept and the close is reset.
                # Clients that wait for this processor connect now, not then.
                os.sched_yield()
                looked = True
        self._listener.close()

    def _on_readable(self) -> None:
        for _ in range(_SHARED_BATCH if self._listener.shared else _BATCH):
            if self._room() <= 0:
                self._report_full()
                self.pause(_ROOM_SECONDS)
                return
            sock = self._accept()
            if sock is None:
                return
            self._take(sock)

    def _accept(self) -> socket.socket | None:
        """Return the next queued connection; None if there is none or it cannot be accepted now."""
        while True:
            try:
                handle, _ = self._listener.sock._accept()  # type: ignore[attr-defined]  # of `accept`
            except (BlockingIOError, InterruptedError):
                return None  # another worker was faster
            except OSError as ex:
                if ex.errno in _PASSING:
                    continue
                if ex.errno not in _SHORTAGES:
                    raise
                self._report_shortage(ex)
                self.pause(_SHORTAGE_SECONDS)
                return None
            self._short = False
            sock = socket.socket(*self._kind, fileno=handle)
            sock.setblocking(False)
            return sock

    def _report_full(self) -> None:
        now = self._loop.time()
        if now - self._full_at > _EPISODE_SECONDS:
            _logger.warning(
                "The limit of connections is met: idle ones are closed for new ones, which wait if"
                " there are none. Raise limits.max_connections if there is memory for more."
            )
        self._full_at = now

    def _report_shortage(self, ex: OSError) -> None:
        if not self._short:
            self._short = True
            _logger.warning(
                "Accepting pauses until connections close: %s."
                " Raise the limit (ulimit -n, LimitNOFILE=) or lower limits.max_connections.",
                ex.strerror or ex,
            )
