"""Where values are kept: the classes that CACHE_TYPE names, which are cachelib's.

Each has a ``factory``, as Flask-Caching's have: it makes one of an application's settings.
"""

from __future__ import annotations

import warnings
from typing import Any

from .. import needs_extra

with needs_extra("cache"):
    import cachelib
    from cachelib.serializers import BaseSerializer
    from redis import Redis

    from ..redis_clients import bounded

__all__ = [
    "BaseCache",
    "BaseSerializer",
    "FileSystemCache",
    "MemcachedCache",
    "NullCache",
    "RedisCache",
    "SimpleCache",
]


class BaseCache(cachelib.BaseCache):
    """What every cache does; a program's own may derive from it."""

    def __init__(self, default_timeout: int = 300, ignore_delete_many_errors: bool = False) -> None:
        super().__init__(default_timeout=default_timeout)
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return a cache of the settings *config*."""
        return cls(*args, **kwargs)


class NullCache(BaseCache):
    """Keeps nothing."""

    def has(self, key: str) -> bool:
        return False


class SimpleCache(BaseCache, cachelib.SimpleCache):
    """Keeps values in this process, pickled, so that each reader has its own copy."""

    def __init__(
        self,
        threshold: int = 500,
        default_timeout: int = 300,
        ignore_delete_many_errors: bool = False,
    ) -> None:
        cachelib.SimpleCache.__init__(self, threshold=threshold, default_timeout=default_timeout)
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return cls(*args, **{"threshold": config["CACHE_THRESHOLD"], **kwargs})


class FileSystemCache(BaseCache, cachelib.FileSystemCache):
    """Keeps values in files of CACHE_DIR, pickled: nobody else may write there."""

    def __init__(
        self,
        cache_dir: str,
        threshold: int = 500,
        default_timeout: int = 300,
        mode: int = 0o600,
        hash_method: Any = None,
        ignore_delete_many_errors: bool = False,
    ) -> None:
        given = {} if hash_method is None else {"hash_method": hash_method}
        cachelib.FileSystemCache.__init__(
            self,
            cache_dir=cache_dir,
            threshold=threshold,
            default_timeout=default_timeout,
            mode=mode,
            **given,
        )
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        args = [config["CACHE_DIR"], *args]
        hashing = config["CACHE_FILE_HASH_METHOD"]
        own = {"threshold": config["CACHE_THRESHOLD"], "hash_method": hashing}
        return cls(*args, **{**own, **kwargs})


class RedisCache(BaseCache, cachelib.RedisCache):
    """Keeps values in Redis, pickled: nobody else may write there."""

    def __init__(
        self,
        host: Any = "localhost",
        port: int = 6379,
        password: str | None = None,
        db: int = 0,
        default_timeout: int = 300,
        key_prefix: Any = None,
        ignore_delete_many_errors: bool = False,
        **kwargs: Any,
    ) -> None:
        cachelib.RedisCache.__init__(
            self,
            host=host,
            port=port,
            password=password,
            db=db,
            default_timeout=default_timeout,
            key_prefix=key_prefix,
            **kwargs,
        )
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        url = config.get("CACHE_REDIS_URL")
        if url:
            options = dict(config["CACHE_OPTIONS"] or {})
            db = config.get("CACHE_REDIS_DB")
            client = Redis.from_url(url, **({} if db is None else {"db": db}), **options)
            kwargs = {key: value for key, value in kwargs.items() if key not in options}
        else:
            client = Redis(
                host=config.get("CACHE_REDIS_HOST") or "localhost",
                port=config.get("CACHE_REDIS_PORT") or 6379,
                db=config.get("CACHE_REDIS_DB") or 0,
                password=config.get("CACHE_REDIS_PASSWORD") or None,
            )
        own = bounded(
            client,
            timeout=config["CACHE_SERVER_TIMEOUT"],
            connections=config["CACHE_POOL_SIZE"],
        )
        prefix = config["CACHE_KEY_PREFIX"] or None
        return cls(*args, **{"host": own, "key_prefix": prefix, **kwargs})


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


#: What Flask-Caching called them before 1.9.
_OLD = {
    "null": NullCache,
    "simple": SimpleCache,
    "filesystem": FileSystemCache,
    "redis": RedisCache,
    "memcached": MemcachedCache,
}
_KNOWN = {cls.__name__: cls for cls in _OLD.values()} | _OLD


def named(kind: str) -> Any:
    """Return the class that CACHE_TYPE *kind* names, if it is one of these.

    Also by its path in Flask-Caching (``flask_caching.backends.SimpleCache``).
    """
    _, _, name = kind.rpartition("flask_caching.backends.")
    name = name.rpartition(".")[2] if name != kind else kind
    if kind in _OLD:
        warnings.warn(
            f"CACHE_TYPE {kind!r} is an old name: write {_OLD[kind].__name__!r}.",
            DeprecationWarning,
            stacklevel=4,
        )
    return _KNOWN.get(name)
