"""`werkzeug.contrib.cache`: its classes live on in the package cachelib, when that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....peers.removed_names import Removed, removed_names

_CLASSES = (
    "BaseCache",
    "FileSystemCache",
    "MemcachedCache",
    "NullCache",
    "RedisCache",
    "SimpleCache",
    "UWSGICache",
)

if not TYPE_CHECKING:  # a removed name is missing to a type checker
    __getattr__ = removed_names(
        "werkzeug.contrib.cache",
        {name: Removed(f"cachelib:{name}", f"'cachelib.{name}'") for name in _CLASSES},
    )
