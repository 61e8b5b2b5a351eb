"""What must not be stored: an answer that was made for one client.

SECURITY: a stored answer goes to everybody with the same key. An answer whose code has asked for
the session, the user or cookies (`ClientUse`), that sets a cookie, says that it is private or that
it varies by a header field, or belongs to a request with credentials (RFC 9111 section 3.5), is not
stored, unless the program says that all may have it. What sets a cookie never is. Whether somebody
is logged in does not matter: what was made for nobody in particular is not for who is logged in,
either.
"""

from __future__ import annotations

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from waterspout import has_request_context, request

from .handlers import Written

__all__ = ["is_never_kept", "is_private"]


def is_private(value: object) -> str | None:
    """Return why a view's *value* is for one client, None if it may be stored."""
    if has_request_context() and request.authorization is not None:
        return "its request has credentials"
    for name, field in _fields(value):
        lower = name.lower()
        if lower == "cache-control" and "private" in field:
            return "its Cache-Control says so"
        if lower == "vary":
            return f"it says Vary: {field}"
    return None


def is_never_kept(value: object) -> str | None:
    """Return why a view's *value* must not be stored, whatever the key is; None if it may be."""
    for name, field in _fields(value):
        lower = name.lower()
        if lower == "set-cookie":
            return "it sets a cookie"
        if lower == "cache-control" and "no-store" in field:
            return "its Cache-Control says so"
    return None


def _fields(value: object) -> list[tuple[str, str]]:
    """Return the header fields of a view's value, or of what a handler has written."""
    if isinstance(value, Written):
        return value.fields
    found: list[tuple[str, str]] = []
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, Response):
            found += part.headers.items()
    last = value[-1] if isinstance(value, tuple) and len(value) > 1 else None
    if isinstance(last, dict | list | Headers):
        found += [(str(name), str(field)) for name, field in Headers(last).items()]
    return found
