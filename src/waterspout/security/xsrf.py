"""Tokens against cross-site requests: a secret in a cookie, which a form or a field must repeat.

Another site can make a browser send our cookie, and cannot read it; so what repeats the cookie's
secret comes from a page of ours. Tornado's two formats: version 2 is ``2|<mask>|<masked
secret>|<time>``, in which a new mask each time hides the secret from those who watch the size of
compressed pages; version 1 is the bare secret. All in hexadecimal digits, the time in seconds since
1970.

SECURITY: the mask is what makes a token in a compressed page safe (BREACH, CVE-2014-9720);
tokens are compared in constant time.
"""

from __future__ import annotations

import binascii
import hmac
import os
import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Token", "decode", "encode", "matches", "new_token"]

_SECRET_SIZE = 16  # bytes
_MASK_SIZE = 4  # bytes


class Token(NamedTuple):
    """A secret, the format it was read from (None: it is new) and the time it was made at."""

    version: int | None
    secret: bytes
    timestamp: int


def new_token(clock: Callable[[], float] = time.time) -> Token:
    """Return a token with a new secret."""
    return Token(None, os.urandom(_SECRET_SIZE), int(clock()))


def encode(token: Token, version: int = 2) -> bytes:
    """Return *token* as ASCII for a cookie or a form; with version 2, other text each time.

    Raises `ValueError` for an unknown version.
    """
    if version == 1:
        return binascii.b2a_hex(token.secret)
    if version != 2:
        raise ValueError(f"unknown xsrf cookie version {version}")
    mask = os.urandom(_MASK_SIZE)
    masked = _masked(mask, token.secret)
    return b"2|%b|%b|%d" % (binascii.b2a_hex(mask), binascii.b2a_hex(masked), token.timestamp)


def decode(text: str, clock: Callable[[], float] = time.time) -> Token | None:
    """Return the token that *text* holds, None for an empty secret or one of an unknown version.

    Text without a version is version 1, and a secret itself if its digits are not hexadecimal.
    """
    version, bar, rest = text.partition("|")
    if bar and version.isascii() and version.isdigit() and not version.startswith("0"):
        return _decode_v2(rest) if version == "2" else None
    try:
        secret = binascii.a2b_hex(text)
    except ValueError:
        secret = text.encode(errors="replace")
    # This format has no time of its own.
    return Token(1, secret, int(clock())) if secret else None


def _decode_v2(rest: str) -> Token | None:
    try:
        mask_text, masked_text, timestamp = rest.split("|")
        mask, masked = binascii.a2b_hex(mask_text), binascii.a2b_hex(masked_text)
        if len(mask) != _MASK_SIZE or not masked:
            return None
        return Token(2, _masked(mask, masked), int(timestamp))
    except ValueError:
        return None


def matches(submitted: bytes, expected: bytes) -> bool:
    """Tell, in constant time, whether two secrets are the same."""
    return hmac.compare_digest(submitted, expected)


def _masked(mask: bytes, data: bytes) -> bytes:
    """Combine *data* with the repeated *mask*; done twice, it is *data* again."""
    key = (mask * (len(data) // _MASK_SIZE + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(key)).to_bytes(len(data))
