"""The classes of every store in one module, where Flask-Session had them until 0.5."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .base import MsgSpecSerializer, Serializer, ServerSideSession, ServerSideSessionInterface

_HOME = {
    f"{prefix}{suffix}": home
    for prefix, home in {
        "Redis": "redis",
        "Memcached": "memcached",
        "FileSystem": "filesystem",
        "CacheLib": "cachelib",
        "SqlAlchemy": "sqlalchemy",
        "Sqlite": "sqlite",
    }.items()
    for suffix in ("Session", "SessionInterface")
}

__all__ = [  # noqa: PLE0604  # names from the table, all str
    "MsgSpecSerializer",
    "Serializer",
    "ServerSideSession",
    "ServerSideSessionInterface",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __package__), name)
