"""Sessions: what an interface must do, and the signed cookie that is the default.

The names are those of Flask's `flask.sessions`.
"""

from __future__ import annotations

from .cookie import SecureCookieSessionInterface, SessionCookieTooLarge, session_json_serializer
from .interface import NullSession, SecureCookieSession, SessionInterface, SessionMixin

__all__ = [
    "NullSession",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "SessionCookieTooLarge",
    "SessionInterface",
    "SessionMixin",
    "session_json_serializer",
]
