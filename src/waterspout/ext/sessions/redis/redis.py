"""The interface over a Redis client, synchronous and on event loops."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any, Unpack
from weakref import WeakKeyDictionary

from ... import needs_extra
from ..base import Options, ServerSideSessionInterface, setting
from ..defaults import Defaults
from ..store import AsyncStore, Store
from ..stored_session import ServerSideSession
from .store import AsyncRedisStore, RedisStore

with needs_extra("sessions"):
    from redis import Redis

    from ...redis_clients import async_twin, bounded, has_async_twin

__all__ = ["RedisSession", "RedisSessionInterface"]


class RedisSession(ServerSideSession):
    """A session that is kept in Redis."""


class RedisSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in Redis.

    *client* is a `redis.Redis`. Sessions have connections of their own to the same server, which
    wait for SESSION_TIMEOUT seconds at most; those of `redis.asyncio` where an event loop runs the
    request.
    """

    session_class = RedisSession
    ttl = True

    def __init__(
        self,
        app: Any,
        client: object = Defaults.SESSION_REDIS,
        **options: Unpack[Options],
    ) -> None:
        if client is None:
            warnings.warn(
                "SESSION_REDIS is not set: sessions go to the Redis on localhost, port 6379.",
                RuntimeWarning,
                stacklevel=2,
            )
            client = Redis()
        self.client = client
        config = {} if app is None else app.config
        self._own_client = bounded(
            client,
            timeout=setting(config, "SESSION_TIMEOUT"),
            connections=setting(config, "SESSION_POOL_SIZE"),
        )
        self._on_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedisStore] = (
            WeakKeyDictionary()
        )
        super().__init__(app, **options)

    def _make_store(self) -> Store:
        return RedisStore(self._own_client, self.key_prefix)

    def has_async_store(self) -> bool:
        return has_async_twin(self._own_client)

    def async_store(self) -> AsyncStore:
        loop = asyncio.get_running_loop()
        found = self._on_loops.get(loop)
        if found is None:
            found = self._on_loops[loop] = AsyncRedisStore(
                async_twin(self._own_client), self.key_prefix
            )
        return found

    async def _close(self) -> None:
        own = self._on_loops.pop(asyncio.get_running_loop(), None)
        if own is not None:
            await own.close()
        await super()._close()
