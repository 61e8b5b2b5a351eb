"""Where requests are counted: a strategy of `limits` as both kinds of code ask it.

`Direct` waits in its thread, or never: counts in memory. `InThreads` is for storages that only
threads may wait for. `OnLoop` is a strategy of ``limits.aio``, which counts in the same place.
"""

from __future__ import annotations

from typing import Any, Protocol

from waterspout import run_in_thread
from waterspout.typing import Kwargs, Untyped

from .. import needs_extra

with needs_extra("limits"):
    from limits import RateLimitItem, WindowStats
    from limits.aio.storage import RedisStorage as AsyncRedisStorage
    from limits.aio.strategies import STRATEGIES as ASYNC_STRATEGIES
    from limits.storage import MemoryStorage, RedisStorage, Storage, storage_from_string
    from limits.strategies import STRATEGIES, RateLimiter
    from redis import Redis

    from ..redis_clients import async_twin, bounded, has_async_twin

__all__ = ["Counter", "Direct", "InThreads", "on_loop", "storage_of"]


class Counter(Protocol):
    """Counts requests."""

    async def hit(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        """Count a request; return whether it is within the limit."""

    async def test(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        """Tell whether a request would be within the limit."""

    async def stats(self, item: RateLimitItem, *keys: str) -> WindowStats:
        """Return when the window ends, and what is left of it."""


class Direct:
    """Counts here and now."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter

    async def hit(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        return self.limiter.hit(item, *keys, cost=cost)

    async def test(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        return self.limiter.test(item, *keys, cost=cost)

    async def stats(self, item: RateLimitItem, *keys: str) -> WindowStats:
        return self.limiter.get_window_stats(item, *keys)


class InThreads:
    """Counts in worker threads."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter

    async def hit(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        return await run_in_thread(self.limiter.hit, item, *keys, cost=cost)

    async def test(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        return await run_in_thread(self.limiter.test, item, *keys, cost=cost)

    async def stats(self, item: RateLimitItem, *keys: str) -> WindowStats:
        return await run_in_thread(self.limiter.get_window_stats, item, *keys)


class OnLoop:
    """Counts over a client of `redis.asyncio`, which belongs to one event loop."""

    def __init__(self, limiter: Any, client: Untyped) -> None:
        self.limiter = limiter
        self.client = client

    async def hit(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        return bool(await self.limiter.hit(item, *keys, cost=cost))

    async def test(self, item: RateLimitItem, *keys: str, cost: int) -> bool:
        return bool(await self.limiter.test(item, *keys, cost=cost))

    async def stats(self, item: RateLimitItem, *keys: str) -> WindowStats:
        found: WindowStats = await self.limiter.get_window_stats(item, *keys)
        return found


def storage_of(url: str, options: Kwargs, timeout: float, connections: int) -> Storage:
    """Return the storage at *url*, any of `limits`; one in Redis never waits for longer than
    *timeout* seconds. Raises `ValueError` for one that is for event loops only."""
    if url.partition("://")[0] in {"redis", "rediss", "redis+unix"} and not options:
        client = Redis.from_url(url.replace("redis+unix", "unix", 1))
        own = bounded(client, timeout=timeout, connections=connections)
        return RedisStorage(url, connection_pool=own.connection_pool)
    found: Any = storage_from_string(url, **options)
    if not isinstance(found, Storage):
        raise ValueError(f"RATELIMIT_STORAGE_URI without 'async+', please: {url!r}")
    return found


def on_loop(storage: Storage, strategy: str, url: str) -> Counter:
    """Return the counter over *storage* for the running event loop."""
    kinds: dict[str, Any] = STRATEGIES
    limiter = kinds[strategy](storage)
    if isinstance(storage, MemoryStorage):
        return Direct(limiter)
    client: Untyped = getattr(storage, "storage", None)
    if type(storage) is not RedisStorage or not has_async_twin(client):
        return InThreads(limiter)
    if not hasattr(client.connection_pool, "timeout"):
        client = bounded(client, timeout=5, connections=20)
    twin = async_twin(client)
    pool: Untyped = twin.connection_pool
    twins = AsyncRedisStorage(f"async+{url}", implementation="redispy", connection_pool=pool)
    on_loops: dict[str, Any] = ASYNC_STRATEGIES
    return OnLoop(on_loops[strategy](twins), twin)
