"""Functions that generated templates call, and the names that every template has."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from markupsafe import escape

from ...escaping import json_encode, linkify, squeeze, url_escape, utf8, xhtml_escape
from ...escaping.markup import escape_text
from ...typing import TemplateNames

_NEVER_MARKUP = frozenset({int, float, bool, type(None)})

NAMES: TemplateNames = {
    "escape": xhtml_escape,
    "xhtml_escape": xhtml_escape,
    "url_escape": url_escape,
    "json_encode": json_encode,
    "squeeze": squeeze,
    "linkify": linkify,
    "datetime": datetime,
}


def raw(value: object) -> bytes:
    """Return *value* as bytes: str and bytes are what they are, anything else is its `str`."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else str(value)).encode()


def show(value: object, function: Callable[[bytes], str | bytes]) -> bytes:
    """Return *value* as bytes, passed through the autoescape *function*, which takes bytes."""
    if function is xhtml_escape:
        # PERF: 0.2 µs instead of 1.4, without the way through bytes.
        kind = type(value)
        if kind is str:
            return escape_text(value).encode()  # type: ignore[arg-type] # `kind` says it
        if kind in _NEVER_MARKUP:
            return str(value).encode()
    elif function is escape:
        # An application's engines share this function: markup is not escaped again.
        return escape(value.decode() if isinstance(value, bytes) else value).encode()
    return utf8(function(raw(value)))
