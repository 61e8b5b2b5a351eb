"""Escaping for HTML and XML, and JSON inside a ``<script>``."""

from __future__ import annotations

import html
import json
import json.encoder
from collections.abc import Callable, Iterable

from ..typing import JSONValue
from .strings import to_unicode

_ENCODER = json.JSONEncoder()

_Encode = Callable[[object, int], Iterable[str]]
#: The encoder in C; None where Python has none.
_make_encode: Callable[..., _Encode] | None = getattr(json.encoder, "c_make_encoder", None)
# NOTE: encoders that are not in use: each remembers the containers it is in, to detect cycles.
_idle: list[_Encode] = []


def xhtml_escape(value: str | bytes) -> str:
    """Escape ``& < > " '`` so that *value* is text in markup or in a quoted attribute.

    The result is that of `html.escape`: ``&quot;`` and ``&#x27;`` for the quotes.
    """
    return escape_text(to_unicode(value))


def escape_text(value: str) -> str:
    """Escape a str, as `xhtml_escape` does."""
    # PERF: 0.16 µs instead of 1.2 (64 characters), 0.7 instead of 16 (2,000): most text has no
    # such character, and `in` finds that out faster than `replace`.
    if "&" in value:
        value = value.replace("&", "&amp;")
    if "<" in value:
        value = value.replace("<", "&lt;")
    if ">" in value:
        value = value.replace(">", "&gt;")
    if '"' in value:
        value = value.replace('"', "&quot;")
    if "'" in value:
        value = value.replace("'", "&#x27;")
    return value


def xhtml_unescape(value: str | bytes) -> str:
    """Undo `xhtml_escape`, and every other character reference of HTML 5."""
    return html.unescape(to_unicode(value))


def json_encode(value: object) -> str:
    """Return *value* as JSON that may stand in a ``<script>``: ``</`` becomes ``<\\/``."""
    try:
        encode = _idle.pop()
    except IndexError:
        encode = _encode()
    # PERF: 4.8 µs instead of 11 for a small dict: `JSONEncoder` makes an encoder at each call.
    text = "".join(encode(value, 0))
    _idle.append(encode)  # not after an error, since it then remembers where that was
    return text.replace("</", r"<\/")


def _encode() -> _Encode:
    """Return the encoder that `json.dumps` uses without options."""
    if _make_encode is None:
        return lambda value, level: _ENCODER.iterencode(value)
    return _make_encode(
        *({}, _default, json.encoder.encode_basestring_ascii, None),
        *(_ENCODER.key_separator, _ENCODER.item_separator),
        *(_ENCODER.sort_keys, _ENCODER.skipkeys, _ENCODER.allow_nan),
    )


def _default(value: object) -> object:
    return _ENCODER.default(value)  # looked up at each call: programs replace it in the class


def json_decode(value: str | bytes) -> JSONValue:
    """Return the value of the JSON text *value*."""
    return json.loads(value)
