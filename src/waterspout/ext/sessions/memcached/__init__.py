"""Sessions in memcached (Flask-Session's ``memcached``)."""

from __future__ import annotations

from .memcached import MemcachedSession, MemcachedSessionInterface

__all__ = ["MemcachedSession", "MemcachedSessionInterface"]
