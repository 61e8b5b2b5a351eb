"""The comparison and key derivation functions Werkzeug 2.1 removed from `werkzeug.security`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

DEFAULT_PBKDF2_ITERATIONS = (
    260_000  # the count of Werkzeug 2.0, so that stored values still compare
)


def _to_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def safe_str_cmp(a: str | bytes, b: str | bytes) -> bool:
    """Compare two secrets in a time that does not depend on where they differ."""
    return hmac.compare_digest(_to_bytes(a), _to_bytes(b))


def pbkdf2_bin(
    data: str | bytes,
    salt: str | bytes,
    iterations: int = DEFAULT_PBKDF2_ITERATIONS,
    keylen: int | None = None,
    hashfunc: str | Callable[[], Any] | None = None,
) -> bytes:
    """Derive *keylen* bytes (None: as many as the hash has) by PBKDF2-HMAC, SHA-256 by default."""
    name = hashfunc().name if callable(hashfunc) else hashfunc or "sha256"
    return hashlib.pbkdf2_hmac(name, _to_bytes(data), _to_bytes(salt), iterations, keylen or None)


def pbkdf2_hex(
    data: str | bytes,
    salt: str | bytes,
    iterations: int = DEFAULT_PBKDF2_ITERATIONS,
    keylen: int | None = None,
    hashfunc: str | Callable[[], object] | None = None,
) -> str:
    """Like `pbkdf2_bin`, in hexadecimal."""
    return pbkdf2_bin(data, salt, iterations, keylen, hashfunc).hex()
