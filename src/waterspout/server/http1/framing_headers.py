"""The header fields of a request that decide its framing and handling."""

from __future__ import annotations

__all__ = [
    "CODING",
    "CONDITION",
    "CONNECTION",
    "COOKIE",
    "EXPECT",
    "HOST",
    "LENGTH",
    "Deciding",
    "kind_of",
    "kinds",
]

_OTHER, HOST, COOKIE, CONDITION, LENGTH, CODING, EXPECT, CONNECTION = range(8)
_NAMES = {
    b"host": HOST,
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"expect": EXPECT,
    b"cookie": COOKIE,
    b"if-none-match": CONDITION,
    b"connection": CONNECTION,
}
_MAX_SPELLINGS = 1000

Deciding = list[tuple[int, bytes]]
"""Kind and value of the fields that decide something, in the order received."""


#: Kinds by field name, in every spelling that was met (bounded); 0 for those that decide nothing.
kinds: dict[bytes, int] = {}


def kind_of(name: bytes) -> int:
    """Return the kind of a field whose name is not in `kinds`, and enter it."""
    kind = _NAMES.get(name.lower(), _OTHER)
    if len(kinds) < _MAX_SPELLINGS:
        kinds[name] = kind
    return kind
