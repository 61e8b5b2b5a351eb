"""The interface over a cache of cachelib, which may wait; it is asked in threads."""

from __future__ import annotations

import fcntl
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Unpack

from ... import needs_extra
from ..base import Options, ServerSideSessionInterface
from ..defaults import Defaults
from ..store import Entry, Outcome, Store, Write
from ..stored_session import ServerSideSession
from ..types import Stored

with needs_extra("sessions"):
    from cachelib import FileSystemCache

__all__ = ["CacheLibSession", "CacheLibSessionInterface", "CacheStore"]


class CacheLibSession(ServerSideSession):
    """A session that is kept in a cache of cachelib."""


class CacheLibSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in *client*, a cache of cachelib; as dicts, which the cache writes its way."""

    session_class: type[ServerSideSession] = CacheLibSession
    ttl = True

    def __init__(
        self,
        app: Any = None,
        client: object = Defaults.SESSION_CACHELIB,
        **options: Unpack[Options],
    ) -> None:
        if client is None:
            warnings.warn(
                "SESSION_CACHELIB is not set: sessions go to files in ./flask_session.",
                RuntimeWarning,
                stacklevel=2,
            )
            client = FileSystemCache("flask_session", threshold=500)
        self.cache = client
        super().__init__(app, **options)

    def _make_store(self) -> Store:
        return CacheStore(self.cache, self.key_prefix)

    def _pack(self, data: Mapping[str, object]) -> object:
        return deepcopy(data)

    def _unpack(self, value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise ValueError(f"the cache holds {type(value).__name__}, not dict")
        return deepcopy(value)


class CacheStore:
    """A `Store` over a cache of cachelib; its values are dicts.

    Writes come one after the other: of all processes for files, through a lock in their folder,
    of one process else. There, of two processes that write one session in the same moment, the
    later one's values stay.
    """

    errors: tuple[type[BaseException], ...] = (OSError,)

    def __init__(self, cache: Any, prefix: str) -> None:
        self._cache = cache
        self._prefix = prefix
        self._mutex = threading.Lock()
        folder = getattr(cache, "_path", None) if isinstance(cache, FileSystemCache) else None
        self._lock_file = None if folder is None else f"{os.path.normpath(folder)}.lock"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex:
            if self._lock_file is None:
                yield
                return
            with open(self._lock_file, "ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def load(self, sid: str, lifetime: int | None) -> Stored:
        if lifetime is None:
            return self._cache.get(self._prefix + sid)
        with self._locked():
            found = self._cache.get(self._prefix + sid)
            if found is not None:
                self._cache.set(self._prefix + sid, found, timeout=lifetime)
            return found

    def commit(self, write: Write) -> Stored:
        """Write one session, or delete it. Raises `OSError` if the cache does not take it."""
        cache, prefix = self._cache, self._prefix
        with self._locked():
            if write.read_sid is not None:
                current = cache.get(prefix + write.read_sid)
                if current is None:
                    return Outcome.GONE
                if current != write.seen:
                    return current
            if not cache.set(prefix + write.sid, write.value, timeout=write.lifetime):
                raise OSError("the cache has not taken the session")
            if write.read_sid is not None and write.read_sid != write.sid:
                cache.delete(prefix + write.read_sid)
            if write.is_indexed_anew:
                self._index(write.user_before, write.read_sid, None)
                self._index(write.user, write.sid, write.created)
        return Outcome.DONE

    def _index(self, user: str | None, sid: str | None, began: int | None) -> None:
        """Put a session into the list of *user*, or take it out (*began* is None)."""
        if user is None or sid is None:
            return
        key = f"{self._prefix}user:{user}"
        listed = {
            other: start
            for other, start in (self._cache.get(key) or {}).items()
            if other != sid and self._cache.has(self._prefix + other)
        }
        if began is not None:
            listed[sid] = began
        self._cache.set(key, listed, timeout=0)

    def delete(self, sid: str, user: str | None) -> bool:
        with self._locked():
            self._index(user, sid, None)
            return bool(self._cache.delete(self._prefix + sid))

    def of(self, user: str) -> list[Entry]:
        began = self._cache.get(f"{self._prefix}user:{user}") or {}
        found = ((sid, self._cache.get(self._prefix + sid), start) for sid, start in began.items())
        # NOTE: cachelib does not tell when an item ends.
        return [
            Entry(sid, value, start, time.time())
            for sid, value, start in found
            if value is not None
        ]

    def collect(self) -> int:
        return 0  # cachelib does it

    def close(self) -> None:
        pass
