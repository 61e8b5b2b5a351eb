"""A cache as both kinds of code ask it: the methods that may wait, as coroutines.

`Direct` never suspends, and serves `def` code and caches in memory; `InThreads` is for caches that
only threads may wait for; `RedisTwin` asks Redis on the event loop, and finds what `def` code has
written.
"""

from __future__ import annotations

# ruff: noqa: ASYNC109  # seconds that a value is kept, not that anybody waits
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from waterspout import run_in_thread
from waterspout.typing import Untyped

from .. import needs_extra
from .types import Backend, Value

with needs_extra("cache"):
    from redis.exceptions import RedisError

__all__ = ["METHODS", "Direct", "InThreads", "RedisTwin", "Store"]

#: The methods of a cache of cachelib.
METHODS = (
    *("get", "set", "add", "has", "delete", "clear", "get_many", "get_dict", "set_many"),
    *("delete_many", "inc", "dec", "unlink"),
)


class Store(Protocol):
    """Asks a cache."""

    #: Whether other processes have the same values.
    is_shared: bool

    async def ask(self, method: str, /, *args: object, **kwargs: object) -> Value:
        """Call a method of the cache and return its result."""

    def alone(self, key: str, seconds: float) -> Any:
        """Return an async context in which no other process computes *key*, if the cache can see
        to that; it waits for *seconds* at most."""


@asynccontextmanager
async def _not_alone() -> AsyncIterator[None]:
    yield


class Direct:
    """Calls the methods here and now: those of *asked*, which is the cache or what wraps it."""

    def __init__(self, cache: Backend, asked: Backend) -> None:
        self._cache = cache
        self._asked = asked
        self.is_shared = hasattr(getattr(cache, "_write_client", None), "lock")

    async def ask(self, method: str, /, *args: Any, **kwargs: Any) -> Value:
        return getattr(self._asked, method)(*args, **kwargs)

    @asynccontextmanager
    async def alone(self, key: str, seconds: float) -> AsyncIterator[None]:
        if not self.is_shared:
            yield
            return
        lock = _lock(self._cache._write_client, self._cache, key, seconds)
        locked = _or_not(lock.acquire)
        try:
            yield
        finally:
            if locked:
                _or_not(lock.release)


class InThreads:
    """Calls the methods in worker threads."""

    is_shared = False

    def __init__(self, cache: Backend) -> None:
        self._cache = cache

    async def ask(self, method: str, /, *args: object, **kwargs: object) -> Value:
        return await run_in_thread(getattr(self._cache, method), *args, **kwargs)

    def alone(self, key: str, seconds: float) -> Any:
        return _not_alone()


def _or_not(step: Callable[[], Any]) -> Any:
    """Do a step of a lock; without the server, and after its time, there is none."""
    try:
        return step()
    except (RedisError, OSError):
        return False


def _prefix_of(cache: Backend) -> str:
    """Return what the keys of *cache*, one of cachelib's, begin with."""
    prefix: str = cache._get_prefix()
    return prefix


def _lock(client: Untyped, cache: Backend, key: str, seconds: float) -> Any:
    return client.lock(
        f"{_prefix_of(cache)}lock:{key}",
        timeout=seconds,
        sleep=0.02,
        blocking_timeout=seconds,
        thread_local=False,
    )


class RedisTwin:
    """What cachelib's `RedisCache` does, over *client* of `redis.asyncio`: same keys, same bytes.

    Source: cachelib, `cachelib.redis.RedisCache`.
    """

    is_shared = True

    def __init__(self, cache: Backend, client: Untyped) -> None:
        self._cache = cache
        self.client = client

    def _key(self, key: str) -> str:
        return f"{_prefix_of(self._cache)}{key}"

    def _dump(self, value: Value, timeout: Any) -> tuple[bytes, int | None]:
        seconds = self._cache._normalize_timeout(timeout)
        return self._cache.serializer.dumps(value), None if seconds <= 0 else seconds

    def _load(self, stored: Value) -> Value:
        return self._cache.serializer.loads(stored)

    async def ask(self, method: str, /, *args: object, **kwargs: object) -> Value:
        return await getattr(self, method)(*args, **kwargs)

    @asynccontextmanager
    async def alone(self, key: str, seconds: float) -> AsyncIterator[None]:
        lock = _lock(self.client, self._cache, key, seconds)
        try:
            locked = await lock.acquire()
        except (RedisError, OSError):
            locked = False
        try:
            yield
        finally:
            if locked:
                try:
                    await lock.release()
                except (RedisError, OSError):  # it took longer than that, or the server is gone
                    pass

    async def get(self, key: str) -> Value:
        return self._load(await self.client.get(self._key(key)))

    async def get_many(self, *keys: str) -> list[Value]:
        found = await self.client.mget([self._key(key) for key in keys])
        return [self._load(stored) for stored in found]

    async def get_dict(self, *keys: str) -> dict[str, Value]:
        return dict(zip(keys, await self.get_many(*keys), strict=True))

    async def set(self, key: str, value: Value, timeout: Any = None) -> bool:
        stored, seconds = self._dump(value, timeout)
        return bool(await self.client.set(self._key(key), stored, ex=seconds))

    async def add(self, key: str, value: Value, timeout: Any = None) -> bool:
        stored, seconds = self._dump(value, timeout)
        return bool(await self.client.set(self._key(key), stored, ex=seconds, nx=True))

    async def set_many(self, mapping: dict[str, Value], timeout: Any = None) -> list[str]:
        pipe = self.client.pipeline(transaction=False)
        for key, value in mapping.items():
            stored, seconds = self._dump(value, timeout)
            pipe.set(self._key(key), stored, ex=seconds)
        done = await pipe.execute()
        return [key for key, worked in zip(mapping, done, strict=True) if worked]

    async def has(self, key: str) -> bool:
        return bool(await self.client.exists(self._key(key)))

    async def delete(self, key: str) -> bool:
        return bool(await self.client.delete(self._key(key)))

    async def delete_many(self, *keys: str) -> list[str]:
        pipe = self.client.pipeline(transaction=False)
        for key in keys:
            pipe.delete(self._key(key))
        done = await pipe.execute()
        return [key for key, gone in zip(keys, done, strict=True) if gone]

    async def unlink(self, *keys: str) -> Value:
        return await self.client.unlink(*map(self._key, keys)) if keys else None

    async def clear(self) -> bool:
        prefix = _prefix_of(self._cache)
        if not prefix:
            return bool(await self.client.flushdb())
        gone = 0
        async for key in self.client.scan_iter(match=f"{prefix}*", count=1000):
            gone += await self.client.delete(key)
        return bool(gone)

    async def inc(self, key: str, delta: int = 1) -> int:
        return int(await self.client.incr(self._key(key), delta))

    async def dec(self, key: str, delta: int = 1) -> int:
        return int(await self.client.incr(self._key(key), -delta))
