"""Caches in memcached, also with a login (SASL)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import cachelib

from .base import BaseCache

__all__ = ["MemcachedCache", "SASLMemcachedCache"]


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
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
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
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs.pop("ignore_delete_many_errors", None)
        given = {
            "servers": config["CACHE_MEMCACHED_SERVERS"],
            "username": config.get("CACHE_MEMCACHED_USERNAME"),
            "password": config.get("CACHE_MEMCACHED_PASSWORD"),
            "key_prefix": config["CACHE_KEY_PREFIX"],
        }
        return cls(*args, **{**given, **kwargs})
