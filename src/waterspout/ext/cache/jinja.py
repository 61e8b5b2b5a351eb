"""``{% cache seconds, "name", part, … %} … {% endcache %}``: a part of a template from the cache.

Without a name, the template's file and line are it; ``'del'`` for the seconds deletes the part.
The tag and its keys are Flask-Caching's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from .keys import fragment_key

__all__ = ["CacheExtension"]


class CacheExtension(Extension):
    """The tag ``cache``."""

    tags = {"cache"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Make of the tag and its body a call of `_fragment`."""
        line = next(parser.stream).lineno
        given = [parser.parse_expression()]
        while parser.stream.skip_if("comma"):
            given.append(parser.parse_expression())
        name = given[1] if len(given) > 1 else nodes.Const(f"{parser.filename}{line}")
        body = parser.parse_statements(("name:endcache",), drop_needle=True)
        call = self.call_method("_fragment", [given[0], name, nodes.List(given[2:])])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _fragment(
        self, timeout: object, name: str, vary_on: Sequence[str], caller: Callable[[], str]
    ) -> object:
        cache = getattr(self.environment, "_template_fragment_cache")
        return cache.fragment(fragment_key(name, vary_on), timeout, caller)
