"""Flask's `flask.sessions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..json.tag import TaggedJSONSerializer
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
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


if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.sessions",
        SESSIONS,
        imported_names(
            "flask.sessions",
            __package__,
            """
            import collections.abc as c, hashlib, typing as t
            from collections.abc import MutableMapping
            from datetime import datetime, timezone
            from itsdangerous import BadSignature, URLSafeTimedSerializer
            from werkzeug.datastructures import CallbackDict
            from ._standins import _lazy_sha1
            """,
        ),
    )
