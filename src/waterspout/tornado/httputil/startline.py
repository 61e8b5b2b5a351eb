"""The first line of a message: a request's and a response's (RFC 9112 §3, §4)."""

from __future__ import annotations

from typing import NamedTuple

from .errors import HTTPInputError
from .grammar import REQUEST_LINE, STATUS_LINE

__all__ = [
    "RequestStartLine",
    "ResponseStartLine",
    "parse_request_start_line",
    "parse_response_start_line",
]


class RequestStartLine(NamedTuple):
    """``GET /path HTTP/1.1``; *path* is the request target as sent."""

    method: str
    path: str
    version: str


class ResponseStartLine(NamedTuple):
    """``HTTP/1.1 200 OK``; *reason* may be empty."""

    version: str
    code: int
    reason: str


def parse_request_start_line(line: str) -> RequestStartLine:
    """Parse the line (without its line end). Raises `HTTPInputError` if it is malformed or
    not of HTTP/1."""
    found = REQUEST_LINE.fullmatch(line)
    if not found:
        raise HTTPInputError("Malformed HTTP request line")
    _require_http1(found[3])
    return RequestStartLine(*found.groups())


def parse_response_start_line(line: str) -> ResponseStartLine:
    """Parse the line (without its line end). Raises `HTTPInputError` as above."""
    found = STATUS_LINE.fullmatch(line)
    if not found:
        raise HTTPInputError("Error parsing response start line")
    _require_http1(found[1])
    return ResponseStartLine(found[1], int(found[2]), found[3])


def _require_http1(version: str) -> None:
    if not version.startswith("HTTP/1."):
        raise HTTPInputError(f"Unexpected HTTP version {version!r}")
