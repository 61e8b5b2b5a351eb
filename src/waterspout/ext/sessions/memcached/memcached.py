"""The interface over a memcached client, which waits; it is asked in threads."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Unpack

from waterspout.typing import JSONValue

from ..base import Options, ServerSideSessionInterface
from ..defaults import Defaults
from ..stored_session import ServerSideSession

__all__ = ["MemcachedSession", "MemcachedSessionInterface"]

#: Memcached takes more seconds than these for a time since 1970.
_LONGEST = 30 * 24 * 3600


class MemcachedSession(ServerSideSession):
    """A session that is kept in memcached."""


class MemcachedSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in *client*: an object with ``get``, ``set`` and ``delete`` (pymemcache,
    pylibmc, python-memcached, libmc)."""

    session_class = MemcachedSession
    ttl = True

    def __init__(
        self,
        app: object,
        client: Any = Defaults.SESSION_MEMCACHED,
        **options: Unpack[Options],
    ) -> None:
        if not all(hasattr(client, name) for name in ("get", "set", "delete")):
            raise ValueError("SESSION_TYPE 'memcached' needs a client in SESSION_MEMCACHED")
        self.client = client
        super().__init__(app, **options)

    def _retrieve_session_data(self, store_id: str) -> dict[str, JSONValue] | None:
        found = self.client.get(store_id)
        return self._read(found) if found else None

    def _delete_session(self, store_id: str) -> None:
        self.client.delete(store_id)

    def _upsert_session(
        self, session_lifetime: timedelta, session: ServerSideSession, store_id: str
    ) -> None:
        lifetime = int(session_lifetime.total_seconds())
        ends = lifetime if lifetime <= _LONGEST else lifetime + int(time.time())
        self.client.set(store_id, self.serializer.encode(session), ends)
