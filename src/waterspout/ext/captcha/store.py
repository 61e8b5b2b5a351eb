"""Where the answers are kept: what a store must do, and the one in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

__all__ = ["MemoryStore", "Store"]


class Store(Protocol):
    """The methods of a cache that are used; ``get_async`` and so on are, too, where it has them."""

    def get(self, key: str) -> Any:
        """Return the value of *key*, None if there is none or it is too old."""

    def set(self, key: str, value: str, timeout: Any = None) -> Any:
        """Keep *value* for *timeout* seconds."""

    def delete(self, key: str) -> Any:
        """Forget *key*; true for the one caller who did it, false if it was gone."""


class MemoryStore:
    """Answers of one process. The oldest of more than *limit* are forgotten."""

    def __init__(self, limit: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def get(self, key: str) -> str | None:
        """Return the value of *key*, None if there is none or it is too old."""
        with self._lock:
            until, value = self._kept.get(key, (0.0, ""))
            if self._clock() < until:
                return value
            self._kept.pop(key, None)
            return None

    def set(self, key: str, value: str, timeout: float | None = None) -> bool:
        """Keep *value* for *timeout* seconds; None: until it is the oldest of too many."""
        with self._lock:
            self._kept.pop(key, None)
            until = float("inf") if timeout is None else self._clock() + timeout
            self._kept[key] = until, value
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return True

    def delete(self, key: str) -> bool:
        """Forget *key*; True for the one caller who did it."""
        with self._lock:
            return self._kept.pop(key, None) is not None
