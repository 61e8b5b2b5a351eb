"""Sessions in Redis, or what speaks its protocol (Flask-Session's ``redis``)."""

from __future__ import annotations

from .redis import RedisSession, RedisSessionInterface

__all__ = ["RedisSession", "RedisSessionInterface"]
