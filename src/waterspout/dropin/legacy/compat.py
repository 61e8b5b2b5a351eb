"""`werkzeug._compat`: the Python 2 names of Werkzeug 0.x and 1.x."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from ...flask._compat import (
    _PY2,
    _implements_to_string,
    _integer_types,
    _iteritems,
    _iterkeys,
    _itervalues,
    _reraise,
    _string_types,
    _text_type,
    _with_metaclass,
)

PY2 = _PY2
WIN = False
text_type = _text_type
string_types = _string_types
integer_types = _integer_types
iteritems = _iteritems
iterkeys = _iterkeys
itervalues = _itervalues
reraise = _reraise
implements_to_string = implements_iterator = implements_bool = native_string_result = (
    _implements_to_string
)
with_metaclass = _with_metaclass
unichr = chr
range_type = range
StringIO = NativeStringIO = io.StringIO
BytesIO = io.BytesIO


def iterlists(d: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Iterate over the lists of a multi-dict."""
    return iter(d.lists())


def iterlistvalues(d: Any) -> Iterator[list[Any]]:
    """Iterate over the values of `iterlists`."""
    return iter(d.listvalues())


def to_bytes(x: object, charset: str | None = "utf-8", errors: str = "strict") -> bytes | None:
    """Encode text; bytes and None stay.

    Raises `TypeError` for any other value.
    """
    if x is None or isinstance(x, bytes | bytearray | memoryview):
        return None if x is None else bytes(x)
    if isinstance(x, str):
        return x.encode(charset or "utf-8", errors)
    raise TypeError("Expected bytes")


def to_native(x: Any, charset: str | None = "utf-8", errors: str = "strict") -> str | None:
    """Decode bytes; text and None stay."""
    return x if x is None or isinstance(x, str) else x.decode(charset or "utf-8", errors)


def to_unicode(
    x: object,
    charset: str | None = "utf-8",
    errors: str = "strict",
    allow_none_charset: bool = False,
) -> Any:
    """Decode bytes; text and None stay, other values become their text."""
    if x is None or not isinstance(x, bytes):
        return x if x is None else str(x)
    return x if charset is None and allow_none_charset else x.decode(charset or "utf-8", errors)


def wsgi_encoding_dance(s: Any, charset: str = "utf-8", errors: str = "replace") -> str:
    """Return text as WSGI carries it: its bytes as Latin-1 (PEP 3333)."""
    return (s if isinstance(s, bytes) else s.encode(charset)).decode("latin-1", errors)


def wsgi_decoding_dance(s: str, charset: str = "utf-8", errors: str = "replace") -> str:
    """Undo `wsgi_encoding_dance`."""
    return s.encode("latin-1").decode(charset, errors)


def make_literal_wrapper(reference: object) -> Any:
    """Return what makes a literal the type of *reference*."""
    return (lambda x: x) if isinstance(reference, str) else (lambda x: x.encode("latin-1"))


def fix_tuple_repr(obj: type) -> type:
    """Return *obj*."""
    return obj
