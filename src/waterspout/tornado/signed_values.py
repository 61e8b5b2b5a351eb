"""Signed values in Tornado's two formats: readable by everybody, made by us, for one name, at a
known time.

Version 2: ``2|`` and then key version, time, name and value, each as ``<length>:<text>|``, then
the HMAC-SHA256 of all that in hexadecimal digits. Version 1: ``value|time|`` and the HMAC-SHA1 of
name, value and time. Times are seconds since 1970; values stand in base64.

SECURITY: version 1 signs its parts without anything between them, so characters could move from
one to the next. What an honest maker cannot have written is refused: base64 that is not canonical,
a time with a leading zero or far in the future. A program without old cookies sets
``min_version=2``, where each part is signed with its length.
"""

from __future__ import annotations

import base64
import hmac
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..escaping import utf8

__all__ = [
    "DEFAULT_SIGNED_VALUE_MIN_VERSION",
    "DEFAULT_SIGNED_VALUE_VERSION",
    "MAX_SUPPORTED_SIGNED_VALUE_VERSION",
    "MIN_SUPPORTED_SIGNED_VALUE_VERSION",
    "Fields",
    "Secret",
    "create_signed_value",
    "decode_signed_value",
    "get_signature_key_version",
    "signature_v1",
    "signature_v2",
    "split_fields",
    "version_of",
]

Secret = str | bytes | Mapping[int, str] | Mapping[int, bytes]
"""One key, or keys by version."""

Clock = Callable[[], float]

MIN_SUPPORTED_SIGNED_VALUE_VERSION = 1
MAX_SUPPORTED_SIGNED_VALUE_VERSION = 2
DEFAULT_SIGNED_VALUE_VERSION = 2
DEFAULT_SIGNED_VALUE_MIN_VERSION = 1

_DAY = 86400  # seconds
_FUTURE = 31 * _DAY  # how far a clock that made a version 1 value may be ahead

_VERSION = re.compile(rb"([1-9][0-9]{0,2})\|")
_FIELD = re.compile(rb"([0-9]{1,9}):")

_log = logging.getLogger("tornado.general")  # where Tornado programs look


class Fields(NamedTuple):
    """What is written in a value of version 2; nothing of it is verified."""

    key_version: int
    timestamp: bytes
    name: bytes
    value: bytes
    signature: bytes


def create_signed_value(
    secret: Secret,
    name: str,
    value: str | bytes,
    version: int | None = None,
    clock: Clock | None = None,
    key_version: int | None = None,
) -> bytes:
    """Return *value* signed for *name*, as bytes of printable ASCII if the name is that.

    *version* is 2 unless told otherwise. If *secret* is a mapping, *key_version* says which key
    signs; that needs version 2. *clock* returns seconds since 1970.

    Raises `ValueError` for an unknown version, `KeyError` for an unknown key, `AssertionError` if
    key and version do not go together.
    """
    if version is None:
        version = DEFAULT_SIGNED_VALUE_VERSION
    if version not in (1, 2):
        raise ValueError(f"Unsupported version {version}")
    stamp = b"%d" % int((clock or time.time)())
    encoded = base64.b64encode(utf8(value))
    if version == 1:
        if isinstance(secret, Mapping):
            raise AssertionError("Version must be at least 2 for key version support")
        return b"|".join([encoded, stamp, signature_v1(secret, name, encoded, stamp)])
    if isinstance(secret, Mapping):
        if key_version is None:
            raise AssertionError("Key version must be set when sign key dict is used")
        secret = secret[key_version]
    fields = (b"%d" % (key_version or 0), stamp, utf8(name), encoded)
    signed = b"2|" + b"".join(b"%d:%b|" % (len(field), field) for field in fields)
    return signed + signature_v2(secret, signed)


def decode_signed_value(
    secret: Secret,
    name: str,
    value: str | bytes | None,
    max_age_days: float = 31,
    clock: Clock | None = None,
    min_version: int | None = None,
) -> bytes | None:
    """Return what was signed for *name*, None if *value* is no such thing, or older than
    *max_age_days*.

    *secret* is one key, or keys by version: then the value names its key, and keys that are no
    longer used to sign still verify while they stand in the mapping. Values of a version below
    *min_version* are refused. Raises `ValueError` for a *min_version* above 2.
    """
    if min_version is None:
        min_version = DEFAULT_SIGNED_VALUE_MIN_VERSION
    if min_version > MAX_SUPPORTED_SIGNED_VALUE_VERSION:
        raise ValueError(f"Unsupported min_version {min_version}")
    if not value:
        return None
    data = utf8(value)
    version = version_of(data)
    if version < min_version:
        return None
    if version == 1:
        return decode_v1(secret, name, data, max_age_days, clock or time.time)
    if version == 2:
        return decode_v2(secret, name, data, max_age_days, clock or time.time)
    return None


def version_of(value: bytes) -> int:
    """Return the format version that *value* claims to have.

    Version 1 has no number; its base64 may look like one, but not with fewer than four digits.
    """
    found = _VERSION.match(value)
    return int(found[1]) if found else 1


def get_signature_key_version(value: str | bytes) -> int | None:
    """Return which key *value* says it is signed with, None if it does not say. Unverified."""
    data = utf8(value)
    if version_of(data) < 2:
        return None
    fields = split_fields(data)
    return fields and fields.key_version


# -- version 1 -------------------------------------------------------------------------------------


def decode_v1(
    secret: Secret, name: str, value: bytes, max_age_days: float, clock: Clock
) -> bytes | None:
    """`decode_signed_value` for a value of version 1, which has no key versions."""
    parts = value.split(b"|")
    if len(parts) != 3 or isinstance(secret, Mapping):
        return None
    encoded, stamp, signature = parts
    if not hmac.compare_digest(signature, signature_v1(secret, name, encoded, stamp)):
        _log.warning("Invalid cookie signature %r", value)
        return None
    made = _number(stamp)
    if made is None:
        return None
    now = clock()
    if made < now - max_age_days * _DAY:
        _log.warning("Expired cookie %r", value)
        return None
    if made > now + _FUTURE:
        _log.warning("Cookie timestamp in future; possible tampering %r", value)
        return None
    if stamp.startswith(b"0"):
        _log.warning("Tampered cookie %r", value)
        return None
    return _canonical(encoded)


def signature_v1(secret: str | bytes, *parts: str | bytes) -> bytes:
    """Return the signature of *parts* as hexadecimal digits."""
    signed = b"".join([utf8(part) for part in parts])
    return hmac.digest(utf8(secret), signed, "sha1").hex().encode()


# -- version 2 -------------------------------------------------------------------------------------


def decode_v2(
    secret: Secret, name: str, value: bytes, max_age_days: float, clock: Clock
) -> bytes | None:
    """`decode_signed_value` for a value of version 2."""
    fields = split_fields(value)
    if fields is None or not fields.signature:
        return None
    if isinstance(secret, Mapping):
        if fields.key_version not in secret:
            return None
        secret = secret[fields.key_version]
    signed = value[: -len(fields.signature)]
    if not hmac.compare_digest(fields.signature, signature_v2(secret, signed)):
        return None
    if fields.name != utf8(name):
        return None
    made = _number(fields.timestamp)
    if made is None or made < clock() - max_age_days * _DAY:
        return None
    return _canonical(fields.value)


def signature_v2(secret: str | bytes, s: str | bytes) -> bytes:
    """Return the signature of *s* as hexadecimal digits."""
    return hmac.digest(utf8(secret), utf8(s), "sha256").hex().encode()


def split_fields(value: bytes) -> Fields | None:
    """Take a value of version 2 apart, without verifying it; None if it cannot be one."""
    fields = []
    at = 2  # after "2|"
    for _ in range(4):
        found = _FIELD.match(value, at)
        if found is None:
            return None
        start, end = found.end(), found.end() + int(found[1])
        if value[end : end + 1] != b"|":
            return None
        fields.append(value[start:end])
        at = end + 1
    key_version, timestamp, name, encoded = fields
    try:
        return Fields(int(key_version), timestamp, name, encoded, value[at:])
    except ValueError:
        return None


# -- parts -----------------------------------------------------------------------------------------


def _number(digits: bytes) -> int | None:
    # 20 digits are beyond any time; int() refuses very many, and takes blanks and signs.
    return int(digits) if digits.isdigit() and len(digits) <= 20 else None


def _canonical(encoded: bytes) -> bytes | None:
    """Decode base64, None for what `base64.b64encode` does not write."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    return decoded if base64.b64encode(decoded) == encoded else None
