"""Results in a key-value bucket of NATS, as JSON.

Not taskiq_nats' store (0.7): that keeps pickles, for ever, in an object store, four messages each.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ... import needs_extra
from ..settings import Settings
from .nats import bucket, connect

with needs_extra("tasks"):
    from nats.aio.client import Client
    from nats.js.errors import KeyNotFoundError
    from nats.js.kv import KeyValue
    from taskiq import AsyncResultBackend, TaskiqResult
    from taskiq.depends.progress_tracker import TaskProgress

__all__ = ["make_store"]

_PLAIN = re.compile(r"[0-9a-zA-Z_-]+")


class NatsResults(AsyncResultBackend[Any]):
    """A bucket with the results and the progress of tasks."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._client: Client | None = None
        self._values: KeyValue | None = None

    async def startup(self) -> None:
        """Connect, and make the bucket."""
        settings = self._settings
        self._client = await connect(self._url, "results", settings.broker_timeout)
        name = f"{settings.queue.replace('.', '_')}_results"
        self._values = await bucket(self._client.jetstream(), name, settings.result_ttl)

    async def shutdown(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()

    async def _get(self, key: str) -> bytes | None:
        assert self._values is not None
        try:
            return (await self._values.get(key)).value
        except KeyNotFoundError:
            return None

    async def _put(self, key: str, value: str) -> None:
        assert self._client is not None
        assert self._values is not None
        if not self._client.is_connected:
            raise ConnectionError("NATS is away")
        await self._values.put(key, value.encode())

    async def set_result(self, task_id: str, result: TaskiqResult[object]) -> None:
        """Store a result."""
        await self._put(_key(task_id), result.model_dump_json())

    async def is_result_ready(self, task_id: str) -> bool:
        """Tell whether there is a result."""
        return await self._get(_key(task_id)) is not None

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        """Return a result that is there."""
        value = await self._get(_key(task_id))
        return TaskiqResult[Any].model_validate_json(value or b"")

    async def set_progress(self, task_id: str, progress: TaskProgress[object]) -> None:
        """Store what a task says of itself."""
        await self._put(f"{_key(task_id)}.progress", progress.model_dump_json())

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return what a task has said."""
        value = await self._get(f"{_key(task_id)}.progress")
        return None if value is None else TaskProgress[Any].model_validate_json(value)


def _key(task_id: str) -> str:
    if _PLAIN.fullmatch(task_id):
        return task_id
    return hashlib.sha256(task_id.encode()).hexdigest()


def make_store(settings: Settings, url: str) -> AsyncResultBackend[Any]:
    """Return the store at *url*; results vanish after TASKS_RESULT_TTL seconds."""
    return NatsResults(settings, url)
