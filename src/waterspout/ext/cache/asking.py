"""The cache's methods for both kinds of code, and which way each asks the cache."""

from __future__ import annotations

# ruff: noqa: ASYNC109  # seconds that a value is kept, not that anybody waits
import asyncio
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from waterspout import on_private_loop
from waterspout.typing import Untyped

from .. import needs_extra
from .backends import NullCache, SimpleCache
from .stores import METHODS, Direct, InThreads, RedisTwin, Store
from .types import Backend, Value

with needs_extra("cache"):
    from redis.exceptions import RedisError

    from ..redis_clients import async_twin, bounded, has_async_twin

__all__ = ["Asking"]


class Asking:
    """Asks `cache`, the cache of the current application, by cachelib's methods.

    A timeout is in seconds; None is CACHE_DEFAULT_TIMEOUT, 0 for ever.
    """

    #: What is raised where the cache's server cannot be reached.
    server_errors: tuple[type[Exception], ...] = (RedisError, OSError)

    def __init__(self) -> None:
        self._direct: dict[int, Direct] = {}
        self._twins: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, RedisTwin]] = (
            WeakKeyDictionary()
        )

    @property
    def cache(self) -> Backend:
        """The cache itself."""
        raise NotImplementedError

    # -- which way -------------------------------------------------------------------------

    @property
    def _is_overridden(self) -> bool:
        """Whether a subclass has methods of its own in place of those for `def` code."""
        own = type(self)
        return any(getattr(own, name) is not getattr(Asking, name) for name in METHODS)

    def direct(self) -> Direct:
        """Return the store for code that may wait in its thread."""
        cache = self.cache
        found = self._direct.get(id(cache))
        if found is None:
            found = self._direct[id(cache)] = Direct(cache, self if self._is_overridden else cache)
        return found

    def on_loop(self) -> Store:
        """Return the store for the running event loop."""
        cache = self.cache
        if isinstance(cache, SimpleCache | NullCache) or on_private_loop():
            return self.direct()  # it never waits, or may
        client: Untyped = getattr(cache, "_write_client", None)
        if not has_async_twin(client):
            return InThreads(cache)
        twins = self._twins.setdefault(asyncio.get_running_loop(), {})
        found = twins.get(id(cache))
        if found is None:
            if not hasattr(client.connection_pool, "timeout"):  # a program's own client
                client = bounded(client, timeout=5, connections=20)
            found = twins[id(cache)] = RedisTwin(cache, async_twin(client))
        return found

    def would_block(self) -> bool:
        """Tell whether asking the cache here would hold an event loop."""
        if isinstance(self.cache, SimpleCache | NullCache):
            return False
        try:
            return not on_private_loop()
        except RuntimeError:  # no loop runs here
            return False

    async def _close(self, cache: Backend) -> None:
        """Close the connections of a cache; the next call opens new ones."""
        twin = self._twins.get(asyncio.get_running_loop(), {}).pop(id(cache), None)
        if twin is not None:
            await twin.client.aclose(close_connection_pool=True)
        client: Untyped = getattr(cache, "_write_client", None)
        if has_async_twin(client):
            client.connection_pool.disconnect()

    # -- for `def` code --------------------------------------------------------------------

    def get(self, key: str) -> Value:
        """Return the value of *key*, None if there is none."""
        return self.cache.get(key)

    def get_many(self, *keys: str) -> list[Value]:
        """Return the values of *keys*, None for those that have none."""
        found: list[object] = self.cache.get_many(*keys)
        return found

    def get_dict(self, *keys: str) -> dict[str, Value]:
        """Return the values of *keys* by key."""
        found: dict[str, object] = self.cache.get_dict(*keys)
        return found

    def has(self, key: str) -> bool:
        """Tell whether *key* has a value."""
        return bool(self.cache.has(key))

    def set(self, key: str, value: Value, timeout: Any = None) -> Value:
        """Give *key* a value for so many seconds; return whether it was taken."""
        return self.cache.set(key, value, timeout=timeout)

    def add(self, key: str, value: object, timeout: float | None = None) -> Value:
        """Give *key* a value if it has none; return whether it was taken."""
        return self.cache.add(key, value, timeout=timeout)

    def set_many(self, mapping: Mapping[str, object], timeout: float | None = None) -> Value:
        """Give each key of *mapping* its value; return the keys that took it."""
        return self.cache.set_many(mapping, timeout=timeout)

    def delete(self, key: str) -> Value:
        """Forget *key*; return whether it had a value."""
        return self.cache.delete(key)

    def delete_many(self, *keys: str) -> Value:
        """Forget *keys*; return those that had a value."""
        return self.cache.delete_many(*keys)

    def unlink(self, *keys: str) -> Value:
        """Forget *keys*, in Redis without waiting for their memory."""
        unlink = getattr(self.cache, "unlink", None)
        return self.cache.delete_many(*keys) if unlink is None else unlink(*keys)

    def clear(self) -> Value:
        """Forget everything under the prefix."""
        return self.cache.clear()

    def inc(self, key: str, delta: int = 1) -> Value:
        """Add *delta* to a number; return the new one."""
        return self.cache.inc(key, delta)

    def dec(self, key: str, delta: int = 1) -> Value:
        """Take *delta* from a number; return the new one."""
        return self.cache.dec(key, delta)

    # -- for `async def` code ----------------------------------------------------------------

    async def get_async(self, key: str) -> Value:
        """Do what `get` does, on the event loop."""
        return await self.on_loop().ask("get", key)

    async def get_many_async(self, *keys: str) -> list[Value]:
        """Do what `get_many` does, on the event loop."""
        found: list[object] = await self.on_loop().ask("get_many", *keys)
        return found

    async def get_dict_async(self, *keys: str) -> dict[str, Value]:
        """Do what `get_dict` does, on the event loop."""
        found: dict[str, object] = await self.on_loop().ask("get_dict", *keys)
        return found

    async def has_async(self, key: str) -> bool:
        """Do what `has` does, on the event loop."""
        return bool(await self.on_loop().ask("has", key))

    async def set_async(self, key: str, value: object, timeout: float | None = None) -> Value:
        """Do what `set` does, on the event loop."""
        return await self.on_loop().ask("set", key, value, timeout=timeout)

    async def add_async(self, key: str, value: object, timeout: float | None = None) -> Value:
        """Do what `add` does, on the event loop."""
        return await self.on_loop().ask("add", key, value, timeout=timeout)

    async def set_many_async(self, mapping: Mapping[str, object], timeout: object = None) -> Value:
        """Do what `set_many` does, on the event loop."""
        return await self.on_loop().ask("set_many", mapping, timeout=timeout)

    async def delete_async(self, key: str) -> Value:
        """Do what `delete` does, on the event loop."""
        return await self.on_loop().ask("delete", key)

    async def delete_many_async(self, *keys: str) -> Value:
        """Do what `delete_many` does, on the event loop."""
        return await self.on_loop().ask("delete_many", *keys)

    async def clear_async(self) -> Value:
        """Do what `clear` does, on the event loop."""
        return await self.on_loop().ask("clear")

    async def inc_async(self, key: str, delta: int = 1) -> Value:
        """Do what `inc` does, on the event loop."""
        return await self.on_loop().ask("inc", key, delta)

    async def dec_async(self, key: str, delta: int = 1) -> Value:
        """Do what `dec` does, on the event loop."""
        return await self.on_loop().ask("dec", key, delta)
