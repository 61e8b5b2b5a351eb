"""The id of a request: in its log lines, in its answer, and for other services it asks.

SECURITY: ``X-Request-ID`` of a client is believed only where a proxy that the operator trusts has
sent it; else a stranger gives all his requests one id, or somebody else's.
"""

from __future__ import annotations

import secrets

from waterspout import Request, current_app, has_request_context, request
from waterspout.log import request_id as plain_id

__all__ = ["id_of", "request_id"]


def request_id() -> str | None:
    """Return the id of the current request, None outside of one."""
    if not has_request_context():
        return None
    return id_of(request._get_current_object())  # type: ignore[attr-defined]  # it is a proxy


def id_of(asked: Request) -> str:
    """Return the id of a request, which it keeps: its proxy's, else 32 hexadecimal digits."""
    found: str | None = getattr(asked, "request_id", None)
    if found is None:
        given = plain_id(asked) if _is_trusted(asked) else None
        # Several threads may ask: all get what one has set.
        found = asked.__dict__.setdefault("request_id", given or secrets.token_hex(16))
    return found


def _is_trusted(asked: Request) -> bool:
    setting: bool | None = current_app.config.get("LOG_TRUST_REQUEST_ID")
    if setting is not None:
        return setting
    return bool(getattr(asked, "is_from_trusted_proxy", False))
