"""One write of a session at a time, in one process: the others of the same session wait their turn
and learn what was written, instead of finding out at the store that they were late."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from waterspout.typing import Untyped

from .stored_session import Origin

__all__ = ["Turn", "Turns"]


class Turn:
    """The place where the writers of one session wait."""

    __slots__ = ("latest", "lock", "waiting")

    def __init__(self, lock: Untyped) -> None:
        self.lock = lock
        self.waiting = 0
        #: What the last one of them has written.
        self.latest: Origin | None = None


class Turns:
    """The sessions that are being written, by id: by threads, or by tasks of one event loop."""

    def __init__(self, make_lock: Callable[[], Any]) -> None:
        self._make_lock = make_lock
        self._guard = threading.Lock()
        self._turns: dict[str, Turn] = {}

    @asynccontextmanager
    async def take(self, sid: str) -> AsyncIterator[Turn]:
        """Wait for the turn to write the session *sid*; with threads, without suspending."""
        with self._guard:
            turn = self._turns.get(sid)
            if turn is None:
                turn = self._turns[sid] = Turn(self._make_lock())
            turn.waiting += 1
        try:
            if isinstance(turn.lock, asyncio.Lock):
                async with turn.lock:
                    yield turn
            else:
                with turn.lock:
                    yield turn
        finally:
            with self._guard:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._turns[sid]
