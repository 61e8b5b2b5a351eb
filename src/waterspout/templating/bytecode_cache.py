"""A bytecode cache whose keys differ from Jinja's own.

Our compiled templates use attributes of their environment that Jinja's own has not
(`jinja_compiler`), so a program on Flask must not load them from a folder or a memcached that both
use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment
    from jinja2.bccache import Bucket

__all__ = ["MarkedCache"]

_MARK = "waterspout:"


class MarkedCache:
    """A program's bytecode *cache*, with keys of our own."""

    def __init__(self, cache: BytecodeCache) -> None:
        self.cache = cache

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return the bucket of a template."""
        return self.cache.get_bucket(environment, _MARK + name, filename, source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cache, name)
