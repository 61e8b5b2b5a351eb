"""Werkzeug's `Headers`, filled without its check of each value, which costs 3,600 instructions a
field.

For fields whose values are known to have no line ends.
"""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.datastructures.mixins import ImmutableHeadersMixin

__all__ = ["ReceivedHeaders", "add_field", "headers_of"]

#: Whether Werkzeug keeps the fields in the list ``_list``, as all versions so far do.
_is_known = vars(Headers()) == {"_list": []}


class ReceivedHeaders(ImmutableHeadersMixin, Headers):  # type: ignore[misc]  # as Werkzeug's own
    """The fields of a request: read-only, like Werkzeug's view of an environ."""

    def copy(self) -> Any:
        """Return a copy that can be changed."""
        return Headers(self)


def headers_of(fields: list[tuple[str, str]], cls: type[Headers] = Headers) -> Headers:
    """Return headers of the class *cls* with *fields*."""
    if not _is_known:
        return Headers(fields)
    made = cls()
    made._list = fields
    return made


def add_field(headers: Headers, name: str, value: str) -> None:
    """Add a field, as `Headers.add` does."""
    if _is_known and type(headers) is Headers:
        headers._list.append((name, value))  # PERF: 400 instructions instead of 4,000
    else:
        headers.add(name, value)
