"""Conversions between bytes and str (always UTF-8), and runs of whitespace."""

from __future__ import annotations

import re
from typing import Any, overload

_BLANKS = re.compile(r"[\x00-\x20]+")


@overload
def utf8(value: bytes) -> bytes: ...
@overload
def utf8(value: str) -> bytes: ...
@overload
def utf8(value: None) -> None: ...
def utf8(value: str | bytes | None) -> bytes | None:
    """Return *value* as bytes: str is encoded, bytes and None are passed through.

    Raises `TypeError` for anything else, `UnicodeEncodeError` for a lone surrogate.
    """
    if isinstance(value, str):
        return value.encode()
    if value is None or isinstance(value, bytes):
        return value
    raise TypeError(f"Expected bytes, unicode, or None; got {type(value)!r}")


@overload
def to_unicode(value: str) -> str: ...
@overload
def to_unicode(value: bytes) -> str: ...
@overload
def to_unicode(value: None) -> None: ...
def to_unicode(value: str | bytes | None) -> str | None:
    """Return *value* as str: bytes are decoded, str and None are passed through.

    Raises `TypeError` for anything else, `UnicodeDecodeError` for bytes that are not UTF-8.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Expected bytes, unicode, or None; got {type(value)!r}")


def recursive_unicode(obj: object) -> Any:
    """Return *obj* with the bytes in its dicts, lists and tuples decoded, at any depth."""
    if isinstance(obj, bytes):
        return obj.decode()
    if isinstance(obj, dict):
        return {recursive_unicode(key): recursive_unicode(value) for key, value in obj.items()}
    if isinstance(obj, list):
        return [recursive_unicode(item) for item in obj]
    if isinstance(obj, tuple):
        return tuple(recursive_unicode(item) for item in obj)
    return obj


def squeeze(value: str) -> str:
    """Make each run of spaces and control characters one space, none at the ends."""
    return _BLANKS.sub(" ", value).strip()
