"""Caches in memcached, also with a login (SASL) and for values over 1 MiB."""

from __future__ import annotations

import pickle
from datetime import timedelta
from importlib import import_module
from typing import Any

import cachelib

from waterspout.typing import Kwargs

from ..types import Backend, Value
from .base import BaseCache

__all__ = ["MemcachedCache", "SASLMemcachedCache", "SpreadSASLMemcachedCache"]


class MemcachedCache(BaseCache, cachelib.MemcachedCache):
    """Keeps values in memcached, pickled: nobody else may write there."""

    def __init__(
        self,
        servers: Any = None,
        default_timeout: int = 300,
        key_prefix: Any = None,
        ignore_delete_many_errors: bool = False,
    ) -> None:
        cachelib.MemcachedCache.__init__(
            self, servers=servers, default_timeout=default_timeout, key_prefix=key_prefix
        )
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        servers = config["CACHE_MEMCACHED_SERVERS"]
        return cls(servers, *args, **{"key_prefix": config["CACHE_KEY_PREFIX"], **kwargs})


class SASLMemcachedCache(MemcachedCache):
    """Keeps values in memcached servers that want a login, by pylibmc."""

    def __init__(
        self,
        servers: object = None,
        default_timeout: int = 300,
        key_prefix: object = None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: object,
    ) -> None:
        client = import_module("pylibmc").Client(
            servers or ["127.0.0.1:11211"],
            username=username,
            password=password,
            binary=True,
            **kwargs,
        )
        super().__init__(client, default_timeout=default_timeout, key_prefix=key_prefix)

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        kwargs.pop("ignore_delete_many_errors", None)
        given = {
            "servers": config["CACHE_MEMCACHED_SERVERS"],
            "username": config.get("CACHE_MEMCACHED_USERNAME"),
            "password": config.get("CACHE_MEMCACHED_PASSWORD"),
            "key_prefix": config["CACHE_KEY_PREFIX"],
        }
        return cls(*args, **{**given, **kwargs})


class SpreadSASLMemcachedCache(SASLMemcachedCache):
    """Keeps values that are larger than memcached takes (1 MiB) as up to *maxchunk* entries of
    *chunksize* bytes."""

    def __init__(
        self, *args: Any, chunksize: int = 1_048_448, maxchunk: int = 32, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.chunksize = chunksize
        self.maxchunk = maxchunk

    def _names(self, key: str) -> list[str]:
        return [f"{key}.{number}" for number in range(self.maxchunk)]

    def get(self, key: str, chunk: bool = True) -> Value:
        """Return the value of *key*, None where an entry of it is gone; with *chunk* False that of
        one entry."""
        if not chunk:
            return super().get(key)
        first, *more = self._names(key)
        head = super().get(first)
        if head is None:
            return None
        count, piece = head
        pieces = [piece, *super().get_many(*more[: count - 1])] if count > 1 else [piece]
        return None if None in pieces else pickle.loads(b"".join(pieces))

    def set(
        self, key: str, value: Value, timeout: int | timedelta | None = None, chunk: bool = True
    ) -> bool | None:
        """Keep a value for *timeout* seconds; with *chunk* False as one entry.

        Raises:
            ValueError: It is larger than *maxchunk* entries.
        """
        if not chunk:
            kept: bool | None = super().set(key, value, timeout)
            return kept
        data = pickle.dumps(value)
        size = self.chunksize
        pieces: list[Value] = [data[start : start + size] for start in range(0, len(data), size)]
        if len(pieces) > self.maxchunk:
            raise ValueError(f"A value of {len(data)} bytes is more than {self.maxchunk} entries.")
        pieces[0] = (len(pieces), pieces[0])
        return bool(super().set_many(dict(zip(self._names(key), pieces, strict=False)), timeout))

    def has(self, key: str) -> bool:
        """Tell whether there is a value."""
        return self.get(key) is not None

    def delete(self, key: str) -> bool:
        """Delete all entries of *key*; tell whether there were any."""
        existed = self.has(key)
        super().delete_many(*self._names(key))
        return existed
