"""Names of types that the modules of the cache share."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Backend", "Value"]

#: What a program caches, of whatever type; and what a method of a cache returns, which is not the
#: same for every cache.
Value: TypeAlias = Any

#: A cache of cachelib's, one of `backends`, or a program's own with their methods.
Backend: TypeAlias = Any
