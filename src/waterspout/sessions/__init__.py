"""Sessions: the interface of a session store, and the signed cookie that is the default.

The names are those of Flask's `flask.sessions`.
"""

from __future__ import annotations

from .client_use import ClientUse
from .cookie import SecureCookieSessionInterface, SessionCookieTooLarge, session_json_serializer
from .interface import (
    NullSession,
    SecureCookieSession,
    SessionInterface,
    SessionMixin,
    StoredSessionInterface,
    cookie_attributes,
    keep_from_caches,
    vary_on_cookie,
)

__all__ = [
    "ClientUse",
    "NullSession",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "SessionCookieTooLarge",
    "SessionInterface",
    "SessionMixin",
    "StoredSessionInterface",
    "cookie_attributes",
    "keep_from_caches",
    "session_json_serializer",
    "vary_on_cookie",
]
