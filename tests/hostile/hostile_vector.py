"""What a vector is: bytes a stranger may send, and what has to become of them.

A vector is sent whole, cut in two at every place, and byte by byte; the verdict must be the same
each time. One that is refused is followed on the wire by `CANARY`, which must never be served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: What follows every refused request: a server that reads on serves it.
CANARY = b"GET /canary HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True)
class Vector:
    """One input."""

    row: str
    """Its row in the table of hostile input: ``F03``."""
    label: str
    raw: bytes
    why: str
    """What the rule is, and which accident taught it."""
    served: int
    """How many requests of it are complete and acceptable."""
    refusal: int | None
    """The status that then ends the connection; None: nothing is refused."""

    @property
    def name(self) -> str:
        return f"{self.row}-{self.label}"


def refuse(
    row: str,
    why: str,
    status: int,
    raws: Mapping[str, bytes],
    *,
    others: Mapping[str, int] | None = None,
    after: int = 0,
) -> list[Vector]:
    """Make vectors that are refused with *status*, or that of their label in *others*, after
    *after* good requests."""
    statuses = dict.fromkeys(raws, status) | dict(others or {})
    assert statuses.keys() == raws.keys()
    return [Vector(row, label, raw, why, after, statuses[label]) for label, raw in raws.items()]


def serve(row: str, why: str, raws: Mapping[str, bytes], *, count: int = 1) -> list[Vector]:
    """Make vectors that are *count* requests, all of them to be answered."""
    return [Vector(row, label, raw, why, count, None) for label, raw in raws.items()]


def head(
    fields: bytes = b"",
    *,
    method: bytes = b"GET",
    target: bytes = b"/",
    version: bytes = b"HTTP/1.1",
    host: bytes = b"Host: a\r\n",
) -> bytes:
    """Return a header section; *fields* are whole lines."""
    return b"%b %b %b\r\n%b%b\r\n" % (method, target, version, host, fields)


def post(fields: bytes, body: bytes = b"") -> bytes:
    """Return a POST with these header lines."""
    return head(fields, method=b"POST") + body


def chunked(body: bytes) -> bytes:
    """Return a POST whose body, chunk frames included, is *body*."""
    return post(b"Transfer-Encoding: chunked\r\n", body)
