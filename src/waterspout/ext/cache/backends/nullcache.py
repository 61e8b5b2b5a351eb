"""A cache that keeps nothing."""

from __future__ import annotations

from .base import BaseCache

__all__ = ["NullCache"]


class NullCache(BaseCache):
    """Keeps nothing."""

    def has(self, key: str) -> bool:
        return False
