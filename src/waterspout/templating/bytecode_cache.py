"""A bytecode cache that other programs share.

Our compiled templates ask their environment for things that Jinja's own has not (`jinja_compiler`),
so a program that runs on Flask must not find them in a folder or a memcached that both use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment
    from jinja2.bccache import Bucket

__all__ = ["MarkedCache"]

_MARK = "waterspout:"


class MarkedCache:
    """A program's *cache* with keys of our own; everything else about it is the cache's."""

    def __init__(self, cache: BytecodeCache) -> None:
        self.cache = cache

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return the bucket of a template."""
        return self.cache.get_bucket(environment, _MARK + name, filename, source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cache, name)
