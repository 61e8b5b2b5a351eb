"""Where values are kept: the classes that CACHE_TYPE names, which are cachelib's.

Each has a ``factory``, as Flask-Caching's have: it makes one of an application's settings.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..types import Backend
from .base import BaseCache, BaseSerializer
from .filesystemcache import FileSystemCache
from .memcache import MemcachedCache, SASLMemcachedCache, SpreadSASLMemcachedCache
from .nullcache import NullCache
from .rediscache import RedisCache, RedisClusterCache, RedisSentinelCache
from .simplecache import SimpleCache

__all__ = [
    "BaseCache",
    "BaseSerializer",
    "FileSystemCache",
    "MemcachedCache",
    "NullCache",
    "RedisCache",
    "RedisClusterCache",
    "RedisSentinelCache",
    "SASLMemcachedCache",
    "SimpleCache",
    "SpreadSASLMemcachedCache",
]

#: What Flask-Caching called them before 1.9.
_OLD = {
    "null": NullCache,
    "simple": SimpleCache,
    "filesystem": FileSystemCache,
    "redis": RedisCache,
    "memcached": MemcachedCache,
}
_MORE = (
    SASLMemcachedCache,
    SpreadSASLMemcachedCache,
    RedisClusterCache,
    RedisSentinelCache,
)
_KNOWN: dict[str, Any] = {cls.__name__: cls for cls in (*_OLD.values(), *_MORE)} | _OLD


def named(kind: str) -> Backend:
    """Return the class that CACHE_TYPE *kind* names, if it is one of these.

    Also by its path in Flask-Caching (``flask_caching.backends.SimpleCache``). None for another
    import path.

    Raises `ValueError` for a name that is neither.
    """
    if not isinstance(kind, str):
        raise ValueError(f"CACHE_TYPE is {kind!r}; expected the name of a class, a text.")
    _, _, name = kind.rpartition("flask_caching.backends.")
    name = name.rpartition(".")[2] if name != kind else kind
    if kind in _OLD:
        warnings.warn(
            f"CACHE_TYPE {kind!r} is an old name: write {_OLD[kind].__name__!r}.",
            DeprecationWarning,
            stacklevel=4,
        )
    found = _KNOWN.get(name)
    if found is None and "." not in kind:
        raise ValueError(
            f"CACHE_TYPE is {kind!r}; expected {', '.join(sorted(set(_KNOWN) - set(_OLD)))}, or the"
            " import path of a class or a function."
        )
    return found
