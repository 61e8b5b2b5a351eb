"""The status and the header fields of a handler's response, before it is sent."""

from __future__ import annotations

import re
from datetime import datetime
from http.client import responses
from numbers import Integral
from time import time
from typing import TYPE_CHECKING, Any

from .. import version
from ..escape import native_str
from ..httputil import HTTPHeaders, format_timestamp
from ..httputil.grammar import REASON_PHRASE

if TYPE_CHECKING:
    from .handler import RequestHandler

HeaderValue = str | bytes | int | Integral | datetime

# RFC 9110 §5.5: anything visible, blanks and tabs; a line end would begin another field.
VALID_VALUE = re.compile(r"[\x09\x20-\x7e\x80-\xff]*")

_SERVER = f"TornadoServer/{version}"
_TEXT = "text/html; charset=UTF-8"

# PERF: the current second and its text; formatting it costs ten times as much as a response's
# other default fields together.
_second = 0
_date = ""


class _Default(HTTPHeaders):
    """PERF: a class that takes no arguments is called in a third of the time."""

    __init__: Any = object.__init__


_Default.__name__ = HTTPHeaders.__name__


def clear(handler: RequestHandler) -> None:
    """Begin the response anew: nothing written, 200, the default header fields."""
    global _second, _date
    if not _second <= (now := time()) < _second + 1:
        _second = int(now)
        _date = format_timestamp(_second)
    handler._headers = headers = _Default()
    headers._lines = {"Server": _SERVER, "Content-Type": _TEXT, "Date": _date}
    handler.set_default_headers()
    handler._write_buffer = []
    handler._status_code = 200
    handler._reason = "OK"


def set_status(handler: RequestHandler, status_code: int, reason: str | None = None) -> None:
    """Set the status; an unknown one without a reason is ``Unknown``."""
    handler._status_code = status_code
    if reason is None:
        handler._reason = responses.get(status_code, "Unknown")
    elif "<" in reason or not REASON_PHRASE.fullmatch(reason):
        # SECURITY: the reason comes from errors, goes into the status line and into the error
        # page. Not an exception, which would be one while an error is handled.
        handler._reason = "Unknown"
    else:
        handler._reason = native_str(reason)


def convert(handler: RequestHandler, value: HeaderValue) -> str:
    """Return *value* as the text of a field; bytes stand for themselves (latin-1).

    Raises TypeError for other types, ValueError for text that no field may hold.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, bytes):
        text = value.decode("latin-1")
    elif isinstance(value, Integral):
        return str(value)
    elif isinstance(value, datetime):
        return format_timestamp(value)
    else:
        raise TypeError(f"Unsupported header value {value!r}")
    # PERF: most is, and needs no closer look.
    if not (text.isascii() and text.isprintable()) and not VALID_VALUE.fullmatch(text):
        raise ValueError(f"Unsafe header value {text!r}")
    return text


def clear_representation(handler: RequestHandler) -> None:
    """Remove what describes a body, for a response that has none (RFC 9110 §15.4.5)."""
    for name in ("Content-Encoding", "Content-Language", "Content-Type"):
        handler.clear_header(name)
