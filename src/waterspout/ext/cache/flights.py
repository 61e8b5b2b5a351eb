"""One computation for many waiters: of those who want a value that is not cached, one computes it.

The others wait until it is stored and take their own copies from the cache; what was not stored
was nobody else's, and they compute for themselves. A function whose last result was not stored has
no waiters at all, so its calls do not stand in a row.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future, wait
from contextlib import asynccontextmanager

from waterspout import on_private_loop

__all__ = ["Flights"]


class Flights:
    """The computations that are under way in this process, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[object, Future[None]] = {}

    @asynccontextmanager
    async def join(self, key: object, seconds: float) -> AsyncIterator[bool]:
        """Give True to who is to compute *key*, and when that is done, False to those who wait;
        also to those who have waited for *seconds*.

        On an event loop this suspends; elsewhere it waits in its thread.
        """
        with self._lock:
            flight = self._flights.get(key)
            first = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if first:
            try:
                yield True
            finally:
                with self._lock:
                    del self._flights[key]
                flight.set_result(None)
            return
        try:
            suspends = not on_private_loop()
        except RuntimeError:  # no loop runs here
            suspends = False
        if not suspends:
            wait([flight], seconds)
        else:
            await asyncio.wait([asyncio.wrap_future(flight)], timeout=seconds)
        yield False
