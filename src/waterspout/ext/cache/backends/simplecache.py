"""A cache in memory."""

from __future__ import annotations

from typing import Any

import cachelib

from waterspout.typing import Kwargs

from ..types import Backend
from .base import BaseCache

__all__ = ["SimpleCache"]


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
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        return cls(*args, **{"threshold": config["CACHE_THRESHOLD"], **kwargs})
