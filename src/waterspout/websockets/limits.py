"""Limits on one client: open WebSockets, messages a second, and time without messages.

Pings and pongs do not count as messages: they show that the peer is there, not that the connection
is used.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import TooManyRequests

from ..typing import Untyped
from .rate import Rate
from .transport import End, Sink

if TYPE_CHECKING:
    from ..http.message import Incoming
    from ..interfaces import Application
    from .settings import SocketSettings

__all__ = ["Capped", "capped"]

_EXTENSION = "waterspout.websockets"
_GOING_AWAY, _POLICY = 1001, 1008  # RFC 6455 §7.4.1


def capped(
    app: Application, incoming: Incoming, sink: Sink, settings: SocketSettings
) -> Capped | None:
    """Return a `Capped` around *sink* if the settings have such a limit, see `Capped.watch`.

    Raises 429 for a client that has as many WebSockets of *app* as it may.
    """
    most = settings.per_client
    if most is None and settings.idle_timeout is None and settings.message_rate is None:
        return None
    made = Capped(sink, settings)
    if most is not None and incoming.client is not None:
        made.count(app.extensions.setdefault(_EXTENSION, Counter()), incoming.client[0], most)
    return made


class Capped:
    """Stands between a sink and its end, and acts as each towards the other."""

    def __init__(self, sink: Sink, settings: SocketSettings) -> None:
        self.on_ping = sink.on_ping
        self.on_pong = sink.on_pong
        self.on_stop = sink.on_stop
        self._sink = sink
        self._idle = settings.idle_timeout
        rate = settings.message_rate
        self._rate = None if rate is None else Rate(rate)
        self._end: Untyped = None  # from `watch` on
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()  # a message, in either direction
        self._timer: asyncio.TimerHandle | None = None
        self._counter: Counter[str] | None = None
        self._client = ""

    def count(self, counter: Counter[str], client: str, most: int) -> None:
        """Count this one; raises 429 if there are too many."""
        if counter[client] >= most:
            raise TooManyRequests("Too many WebSockets of this client are open.")
        counter[client] += 1
        self._counter, self._client = counter, client

    def release(self) -> None:
        """Stop counting this one."""
        counter, self._counter = self._counter, None
        if counter is not None:
            counter[self._client] -= 1
            if not counter[self._client]:
                del counter[self._client]

    def watch(self, end: End) -> Capped:
        """Start, with an open connection."""
        self._end = end
        if self._idle is not None:
            self._timer = self._loop.call_later(self._idle, self._look, self._idle)
        return self

    def _look(self, limit: float) -> None:
        left = self._last + limit - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look, limit)
        else:
            self._end.leave(_GOING_AWAY, "idle")

    # -- the sink, to the end --------------------------------------------------------------

    def on_message(self, message: str | bytes) -> None:
        """Pass a message of the peer on; one above the rate closes the connection."""
        self._last = now = self._loop.time()
        if self._rate is not None and self._rate.is_exceeded(now):
            self._end.leave(_POLICY, "too many messages")
            return
        self._sink.on_message(message)

    def on_close(self, code: int, reason: str) -> None:
        """The connection is closed."""
        self.release()
        if self._timer is not None:
            self._timer.cancel()
        self._sink.on_close(code, reason)

    # -- the end, to its user --------------------------------------------------------------

    def send_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Note a message of ours."""
        self._last = self._loop.time()
        waiting: Awaitable[None] | None = self._end.send_message(message)
        return waiting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)
