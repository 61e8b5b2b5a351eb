"""Sessions in a cache of cachelib (Flask-Session's ``cachelib``)."""

from __future__ import annotations

from .cachelib import CacheLibSession, CacheLibSessionInterface

__all__ = ["CacheLibSession", "CacheLibSessionInterface"]
