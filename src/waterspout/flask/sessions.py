"""Flask's `flask.sessions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._removed import removed_names
from ..json.tag import TaggedJSONSerializer
from ..sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
    session_json_serializer,
)
from ._removed import SESSIONS

__all__ = [
    "NullSession",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "SessionInterface",
    "SessionMixin",
    "TaggedJSONSerializer",
    "session_json_serializer",
]

if not TYPE_CHECKING:  # a removed name is missing to a type checker
    __getattr__ = removed_names("flask.sessions", SESSIONS)
