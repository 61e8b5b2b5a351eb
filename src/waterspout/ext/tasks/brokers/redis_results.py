"""Results in Redis: taskiq's store, with JSON."""

from __future__ import annotations

from typing import Any

from ... import needs_extra
from ..settings import Settings

with needs_extra("tasks"):
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from taskiq import AsyncResultBackend
    from taskiq.serializers import JSONSerializer
    from taskiq_redis import RedisAsyncResultBackend

__all__ = ["make_store"]


def make_store(settings: Settings, url: str) -> AsyncResultBackend[Any]:
    """Return the store at *url*; results vanish after TASKS_RESULT_TTL seconds."""
    return RedisAsyncResultBackend(
        url,
        result_ex_time=settings.result_ttl,
        prefix_str=f"{settings.queue}:result",
        # SECURITY: not the default, pickle: who can write to Redis would run code in here.
        serializer=JSONSerializer(),
        socket_connect_timeout=settings.broker_timeout,
        socket_timeout=settings.broker_timeout,
        retry=Retry(NoBackoff(), 1),  # connections of the pool end when Redis is started anew
    )
