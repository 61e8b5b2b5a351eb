"""Werkzeug's `Headers` filled without the look that it takes at each field.

For fields whose values are known to have no line end.
"""

from __future__ import annotations

from werkzeug.datastructures import Headers

__all__ = ["add_field", "headers_of"]

#: Werkzeug keeps the fields in a list, as in the versions so far.
_is_known = vars(Headers()) == {"_list": []}


def headers_of(fields: list[tuple[str, str]]) -> Headers:
    """Return headers that keep *fields*."""
    if not _is_known:
        return Headers(fields)
    made = Headers()
    made._list = fields
    return made


def add_field(headers: Headers, name: str, value: str) -> None:
    """Add a field, as `Headers.add` does."""
    if _is_known and type(headers) is Headers:
        headers._list.append((name, value))  # PERF: 400 instructions instead of 4,000
    else:
        headers.add(name, value)
