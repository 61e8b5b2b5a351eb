"""Tornado's error messages for malformed requests, by our parser's."""

from __future__ import annotations

__all__ = ["tornado_reason"]

#: By a part of what our parser, or llhttp, says; the first one that fits.
_REASONS = {
    "Content-Length too long": "Content-Length too long",
    "request line": "Malformed HTTP request line",
    "method": "Malformed HTTP request line",
    "HTTP version": "Malformed HTTP request line",
    "request target": "Malformed HTTP request line",
    "Host header field is not valid": "Invalid Host header",
    "needs a Host header": "Missing Host header",
    "more than one Host": "Multiple host headers not allowed",
    "Invalid header token": "no colon in header line",
    "chunk size": "invalid chunk size",
    "transfer coding": "Unsupported Transfer-Encoding",
    "`Transfer-Encoding` header value": "Unsupported Transfer-Encoding",
    "more than one Content-Length": "Multiple unequal Content-Lengths",
    "Transfer-Encoding can't be present": "Message with both Transfer-Encoding and Content-Length",
    "Content-Length can't be present": "Message with both Transfer-Encoding and Content-Length",
    "Content-Length": "Only integer Content-Length is allowed",
}


def tornado_reason(reason: str) -> str:
    """Return Tornado's words for *reason*, or *reason* where it has none."""
    return next((said for part, said in _REASONS.items() if part in reason), reason)
