"""Keep-alive pings, which keep a connection open and detect a dead one."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from ..log import gen_log

if TYPE_CHECKING:
    from .params import _WebSocketParams

__all__ = ["Pinger"]


@lru_cache
def _warn_once(message: str) -> None:
    gen_log.warning(message)


class Pinger:
    """The part of a connection that sends pings."""

    def __init__(self, params: _WebSocketParams) -> None:
        self.params = params
        self._received_pong = False
        self._ping_coroutine: asyncio.Task[None] | None = None

    def write_ping(self, data: bytes) -> None:
        """Send a ping."""
        raise NotImplementedError

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin the closing handshake."""
        raise NotImplementedError

    @property
    def ping_interval(self) -> float:
        """Seconds between two pings; 0: none."""
        return self.params.ping_interval or 0

    @property
    def ping_timeout(self) -> float:
        """Seconds for the response, at most the interval; 0: it is not waited for."""
        timeout = self.params.ping_timeout
        interval = self.ping_interval
        if timeout is None:
            return interval
        if interval and timeout > interval:
            _warn_once(
                f"The websocket_ping_timeout ({timeout}) cannot be longer than the"
                f" websocket_ping_interval ({interval}).\n"
                f"Setting websocket_ping_timeout={interval}"
            )
            return interval
        return timeout

    def start_pinging(self) -> None:
        """Send pings, if an interval is set."""
        if self._ping_coroutine is None and self.ping_interval > 0:
            self._ping_coroutine = asyncio.create_task(self.periodic_ping())

    def stop_pinging(self) -> None:
        """Send no more."""
        task, self._ping_coroutine = self._ping_coroutine, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    @staticmethod
    def ping_sleep_time(*, last_ping_time: float, interval: float, now: float) -> float:
        """Return how many seconds are left until the next ping."""
        return max(0, last_ping_time + interval - now)

    async def periodic_ping(self) -> None:
        """Send pings until one is not answered in time; then close."""
        interval, timeout = self.ping_interval, self.ping_timeout
        loop = asyncio.get_running_loop()
        await asyncio.sleep(interval)
        while True:
            self._received_pong = False
            sent = loop.time()
            self.write_ping(b"")
            await asyncio.sleep(timeout)
            if timeout > 0 and not self._received_pong:
                self.close(reason="ping timed out")
                return
            await asyncio.sleep(
                self.ping_sleep_time(last_ping_time=sent, interval=interval, now=loop.time())
            )
