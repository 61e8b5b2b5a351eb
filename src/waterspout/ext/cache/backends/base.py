"""What every cache does."""

from __future__ import annotations

from typing import Any

from waterspout.typing import Kwargs

from ... import needs_extra
from ..types import Backend

with needs_extra("cache"):
    import cachelib
    from cachelib.serializers import BaseSerializer

__all__ = ["BaseCache", "BaseSerializer"]


class BaseCache(cachelib.BaseCache):
    """What every cache does; a program's own may derive from it."""

    def __init__(self, default_timeout: int = 300, ignore_delete_many_errors: bool = False) -> None:
        super().__init__(default_timeout=default_timeout)
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: object, config: object, args: list[Any], kwargs: Kwargs) -> Backend:
        """Return a cache of the settings *config*."""
        return cls(*args, **kwargs)
