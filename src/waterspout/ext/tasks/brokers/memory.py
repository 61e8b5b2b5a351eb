"""Tasks in the process itself: a bounded queue. What waits when the process ends is lost."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator

from ... import needs_extra
from ..errors import TasksUnavailable
from ..settings import Settings
from .base import Broker, Delivery

with needs_extra("tasks"):
    from taskiq import AckableMessage, BrokerMessage

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["MemoryBroker"]


class MemoryBroker(Broker):
    """A queue in memory. *place* tells programs apart that share a host."""

    durable = False

    def __init__(self, settings: Settings, place: str) -> None:
        super().__init__(settings)
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._later: dict[object, asyncio.TimerHandle] = {}
        self._place = place
        #: The last letters that could not be run, newest last.
        self.dead: list[tuple[bytes, str]] = []

    @property
    def waiting(self) -> int:
        """Tasks that wait: queued, or due later."""
        return self._queue.qsize() + len(self._later)

    async def kick(self, message: BrokerMessage) -> None:
        """Queue a message. Raises `TasksUnavailable` if there are too many."""
        self._check_room()
        self._queue.put_nowait(message.message)

    async def kick_later(self, message: BrokerMessage, delay: float) -> None:
        """Queue a message in *delay* seconds; it counts among those that wait."""
        self._check_room()
        key = object()

        def put() -> None:
            del self._later[key]
            self._queue.put_nowait(message.message)

        self._later[key] = asyncio.get_running_loop().call_later(delay, put)

    def _check_room(self) -> None:
        if self.waiting >= self.settings.queue_size:
            raise TasksUnavailable(
                f"{self.waiting} tasks wait in the process; TASKS_QUEUE_SIZE allows no more."
            )

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield what is queued."""
        while True:
            data = await self._queue.get()
            accepted = await self.accept(Delivery(data, object(), 1))
            if accepted is not None:
                yield accepted

    async def ack(self, token: object) -> None:
        """Count a message as done."""
        self._queue.task_done()

    async def bury(self, data: bytes, reason: str) -> None:
        """Keep the last hundred."""
        self.dead = [*self.dead[-99:], (data, reason)]

    async def finish(self) -> None:
        """Wait until everything that was queued is done."""
        await self._queue.join()

    async def shutdown(self) -> None:
        """Forget what is due later."""
        for timer in self._later.values():
            timer.cancel()
        self._later.clear()
        await super().shutdown()

    async def claim(self, name: str, lifetime: float) -> bool:
        """Claim *name* among the processes of this host and user, in a locked file."""
        return await asyncio.to_thread(self._claim, name, lifetime)

    def _claim(self, name: str, lifetime: float) -> bool:
        mark = hashlib.sha256(f"{self._place}\0{self.settings.queue}".encode()).hexdigest()[:16]
        user = os.getuid() if hasattr(os, "getuid") else 0
        path = os.path.join(tempfile.gettempdir(), f"waterspout-tasks-{user}-{mark}.json")
        # SECURITY: the folder is everybody's: no link of somebody else's is followed.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "r+", encoding="utf-8") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            try:
                claims: dict[str, float] = json.loads(file.read() or "{}")
            except ValueError:  # of a process that was killed while it wrote
                claims = {}
            now = time.time()
            if claims.get(name, 0.0) > now:
                return False
            claims = {key: until for key, until in claims.items() if until > now}
            claims[name] = now + lifetime
            file.seek(0)
            file.truncate()
            json.dump(claims, file)
            return True
