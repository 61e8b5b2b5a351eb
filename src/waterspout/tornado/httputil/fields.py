"""The syntax of field values: parameters, dates, ranges, credentials."""

from __future__ import annotations

import calendar
import email.utils
import re
import time
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote_to_bytes

from ..escape import utf8

__all__ = ["encode_username_password", "format_timestamp"]

# One parameter: anything up to a semicolon that stands outside of quotes. A quoted string
# that is never closed reaches to the end. SECURITY: possessive, so linear (CVE-2025-67726).
_PARAMETER = re.compile(r'((?:[^;"]++|"(?:[^"\\]++|\\(?:.|\Z))*+(?:"|\Z))*+)(?:;|\Z)', re.DOTALL)
_ESCAPED = re.compile(r'\\([\\"])')

# SECURITY: the charsets of RFC 8187 and no other: the name comes from the client, and
# some of Python's codecs are slow (idna, CVE-2022-45061) or no charsets at all.
_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1", "us-ascii": "ascii"}


def parse_parameters(line: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Split a value such as ``form-data; name="a"`` into its main part, its parameters and
    its extended ones (``filename*=UTF-8''…``, RFC 8187, given under the name ``filename``).

    Names are in lower case; of two with the same name the later counts. Parameters without
    a value are left out, and so are continuations (``name*0=``), which HTTP does not have.
    """
    parameters = (found[1].strip() for found in _PARAMETER.finditer(line))
    main = next(parameters)
    plain: dict[str, str] = {}
    extended: dict[str, str] = {}
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals:
            continue
        base, star, section = name.strip().lower().partition("*")
        if not star:
            plain[base] = _unquote(value.strip())
        elif not section and (decoded := _decode_extended(_unquote(value.strip()))) is not None:
            extended[base] = decoded
    return main, plain, extended


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    """Split a value into its main part and its parameters; an extended parameter takes the
    place of the plain one."""
    main, plain, extended = parse_parameters(line)
    return main, plain | extended


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value


def _decode_extended(value: str) -> str | None:
    """Decode ``charset'language'percent-encoded``; None if it is nothing of the kind."""
    charset, _, rest = value.partition("'")
    _, quote, encoded = rest.partition("'")
    codec = _CHARSETS.get(charset.lower())
    if not quote or codec is None:
        return None
    return unquote_to_bytes(encoded).decode(codec, "replace")


def _encode_header(key: str, pdict: Mapping[str, object]) -> str:
    """Write what `_parse_header` reads. A parameter whose value is None stands alone."""
    parameters = (
        name if value is None else f"{name}={value}" for name, value in sorted(pdict.items())
    )
    return "; ".join([key, *parameters])


def format_timestamp(ts: float | tuple[int, ...] | time.struct_time | datetime) -> str:
    """Write a moment as HTTP does (RFC 9110 §5.6.7): ``Sun, 27 Jan 2013 18:43:20 GMT``.

    Takes seconds since 1970, a tuple as `time.gmtime` gives it, or a datetime (UTC where
    it has no time zone). Raises TypeError for anything else.
    """
    if isinstance(ts, datetime):
        seconds: float = calendar.timegm(ts.utctimetuple())
    elif isinstance(ts, tuple):  # a struct_time is one
        seconds = calendar.timegm(ts)
    elif isinstance(ts, int | float):
        seconds = ts
    else:
        raise TypeError(f"unknown timestamp type: {ts!r}")
    return email.utils.formatdate(seconds, usegmt=True)


def encode_username_password(username: str | bytes, password: str | bytes) -> bytes:
    """Join credentials for Basic authentication: ``name:password`` in UTF-8, text in the
    composed form (RFC 7617 §2.1)."""
    return b":".join(
        utf8(unicodedata.normalize("NFC", part) if isinstance(part, str) else part)
        for part in (username, password)
    )


# -- ranges (RFC 9110 §14) -------------------------------------------------------------------------

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]*+)\s*(?:-\s*([0-9]*+)\s*)?")


def _parse_request_range(range_header: str) -> tuple[int | None, int | None] | None:
    """Read a Range field of one range as the (start, end) of a slice.

    ``bytes=1-2`` → (1, 3), ``bytes=6-`` → (6, None), ``bytes=-6`` → (-6, None),
    ``bytes=-0`` → (None, 0). None if it is malformed, has another unit or several ranges.
    """
    found = _ONE_RANGE.fullmatch(range_header)
    # SECURITY: int() refuses more digits than 4300 and takes long for fewer.
    if not found or any(len(digits) > 20 for digits in found.groups("")):
        return None
    first, last = (int(digits) if digits else None for digits in found.groups(""))
    if last is None:
        return first, None
    if first is None:
        return (-last, None) if last else (None, 0)
    return first, last + 1


def _get_content_range(start: int | None, end: int | None, total: int) -> str:
    """Write the Content-Range of the slice (start, end) of *total* bytes."""
    return f"bytes {start or 0}-{(end or total) - 1}/{total}"
