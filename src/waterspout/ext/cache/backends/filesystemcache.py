"""A cache in files."""

from __future__ import annotations

from typing import Any

import cachelib

from waterspout.typing import Kwargs

from ..types import Backend
from .base import BaseCache

__all__ = ["FileSystemCache"]


class FileSystemCache(BaseCache, cachelib.FileSystemCache):
    """Keeps values in files of CACHE_DIR, pickled: nobody else may write there."""

    def __init__(
        self,
        cache_dir: str,
        threshold: int = 500,
        default_timeout: int = 300,
        mode: int = 0o600,
        hash_method: Any = None,
        ignore_delete_many_errors: bool = False,
    ) -> None:
        given = {} if hash_method is None else {"hash_method": hash_method}
        cachelib.FileSystemCache.__init__(
            self,
            cache_dir=cache_dir,
            threshold=threshold,
            default_timeout=default_timeout,
            mode=mode,
            **given,
        )
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        args = [config["CACHE_DIR"], *args]
        hashing = config["CACHE_FILE_HASH_METHOD"]
        own = {"threshold": config["CACHE_THRESHOLD"], "hash_method": hashing}
        return cls(*args, **{**own, **kwargs})
