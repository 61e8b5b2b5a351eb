"""Text in HTML and XML, data in a ``<script>``."""

from __future__ import annotations

import html
import json
import json.encoder
from collections.abc import Callable, Iterable
from typing import Any

from .strings import to_unicode

_ENCODER = json.JSONEncoder()

_Encode = Callable[[Any, int], Iterable[str]]
#: What encodes in C; None where Python has no such thing.
_make_encode: Callable[..., _Encode] | None = getattr(json.encoder, "c_make_encoder", None)
# NOTE: those that nobody uses: each remembers the containers that it is in, to find circles.
_idle: list[_Encode] = []


def xhtml_escape(value: str | bytes) -> str:
    """Escape ``& < > " '`` so that *value* is text in markup or in a quoted attribute.

    The result is that of `html.escape`: ``&quot;`` and ``&#x27;`` for the quotes.
    """
    return escape_text(to_unicode(value))


def escape_text(value: str) -> str:
    """Escape a str, as `xhtml_escape` does."""
    # PERF: text mostly needs nothing, and `in` finds that out twice as fast as `replace` does
    # (long strings: five times).
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


def json_encode(value: Any) -> str:
    """Return *value* as JSON that may stand in a ``<script>``: ``</`` becomes ``<\\/``."""
    try:
        encode = _idle.pop()
    except IndexError:
        encode = _encode()
    # PERF: `JSONEncoder` makes one for each value, and looks at its options: three times as long.
    text = "".join(encode(value, 0))
    _idle.append(encode)  # after an error it is not, since it remembers where that was
    return text.replace("</", r"<\/")


def _encode() -> _Encode:
    """Return what `json.dumps` encodes with if it is given no options."""
    if _make_encode is None:
        return lambda value, level: _ENCODER.iterencode(value)
    return _make_encode(
        *({}, _default, json.encoder.encode_basestring_ascii, None),
        *(_ENCODER.key_separator, _ENCODER.item_separator),
        *(_ENCODER.sort_keys, _ENCODER.skipkeys, _ENCODER.allow_nan),
    )


def _default(value: Any) -> Any:
    return _ENCODER.default(value)  # looked up late: programs replace it in the class


def json_decode(value: str | bytes) -> Any:
    """Return what the JSON text *value* says."""
    return json.loads(value)
