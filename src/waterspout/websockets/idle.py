"""Closes a connection over which no message has gone for too long, in either direction.

Pings and their answers do not count: they say that the peer is there, not that anybody uses the
connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from .ends import End, Sink

if TYPE_CHECKING:
    from .settings import SocketSettings

__all__ = ["IdleWatch", "watched"]

_GOING_AWAY = 1001


class IdleWatch:
    """Stands between a sink and its end, and is each for the other."""

    def __init__(self, sink: Sink, limit: float) -> None:
        self.on_ping = sink.on_ping
        self.on_pong = sink.on_pong
        self.on_stop = sink.on_stop
        self._sink = sink
        self._limit = limit
        self._end: Any = None  # from `watch` on
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, end: End) -> IdleWatch:
        """Begin, over an open connection."""
        self._end = end
        self._timer = self._loop.call_later(self._limit, self._look)
        return self

    def _look(self) -> None:
        left = self._last + self._limit - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._end.leave(_GOING_AWAY, "idle")

    def on_message(self, message: str | bytes) -> None:
        """Note a message of the peer's."""
        self._last = self._loop.time()
        self._sink.on_message(message)

    def on_close(self, code: int, reason: str) -> None:
        """The connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
        self._sink.on_close(code, reason)

    def send_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Note a message of ours."""
        self._last = self._loop.time()
        waiting: Awaitable[None] | None = self._end.send_message(message)
        return waiting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)


def watched(sink: Sink, settings: SocketSettings) -> IdleWatch | None:
    """Return what stands before *sink* if its connection has a limit, see `IdleWatch.watch`."""
    return None if settings.idle_timeout is None else IdleWatch(sink, settings.idle_timeout)
