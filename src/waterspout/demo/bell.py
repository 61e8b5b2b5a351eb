"""A bell that any thread may ring, and that wakes everybody who waits on an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Tells listeners that there is news; what the news is, they look up themselves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """Give an event of the running loop that each ring sets, for as long as the block runs.

        Clear it *before* looking for news and wait after: then no ring is lost between the two.
        """
        heard = asyncio.Event()
        with self._lock:
            self._listeners[heard] = asyncio.get_running_loop()
        try:
            yield heard
        finally:
            with self._lock:
                del self._listeners[heard]

    def ring(self) -> None:
        """Wake every listener. A ``def`` view does this from its worker thread."""
        with self._lock:
            for heard, loop in self._listeners.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(heard.set)
