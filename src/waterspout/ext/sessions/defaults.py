"""The settings of sessions that are kept on the server, and their defaults.

The names up to ``SESSION_SQLALCHEMY_BIND_KEY`` are those of Flask-Session 0.8.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Defaults"]


class Defaults:
    """One attribute a setting."""

    #: ``redis``, ``sqlalchemy``, ``filesystem``, ``cachelib``, ``memcached``. None: by SESSION_URL.
    SESSION_TYPE: str | None = None
    #: What stands before the id in a store's key.
    SESSION_KEY_PREFIX = "session:"
    #: Sign the id in the cookie with SECRET_KEY.
    SESSION_USE_SIGNER = False
    #: Whether new sessions are permanent: their cookie outlives the browser's session.
    SESSION_PERMANENT = True
    #: Random bytes of an id.
    SESSION_ID_LENGTH = 32
    #: ``msgpack`` or ``json``; either is read.
    SESSION_SERIALIZATION_FORMAT = "msgpack"
    #: Delete expired sessions about every so many requests, in stores that do not do it alone.
    #: None: only by the command ``session_cleanup``.
    SESSION_CLEANUP_N_REQUESTS: int | None = None
    SESSION_REDIS: Any = None
    SESSION_MEMCACHED: Any = None
    SESSION_CACHELIB: Any = None
    #: Folder of the session files. None: ``flask_session`` in the working directory.
    SESSION_FILE_DIR: str | None = None
    #: Files above which old ones are deleted.
    SESSION_FILE_THRESHOLD = 500
    #: Mode of the files: read and written by their owner.
    SESSION_FILE_MODE = 0o600
    SESSION_SQLALCHEMY: Any = None
    SESSION_SQLALCHEMY_TABLE = "sessions"
    SESSION_SQLALCHEMY_SEQUENCE: str | None = None
    SESSION_SQLALCHEMY_SCHEMA: str | None = None
    SESSION_SQLALCHEMY_BIND_KEY: str | None = None

    #: Where sessions are kept: ``sqlite:///…`` (relative to the instance folder), ``redis://…``,
    #: ``postgresql://…``, ``mysql://…`` or another URL of SQLAlchemy's.
    SESSION_URL = "sqlite:///sessions.sqlite"
    #: Seconds without a request after which a session ends. None: PERMANENT_SESSION_LIFETIME.
    SESSION_IDLE_LIFETIME: float | None = None
    #: Seconds after its beginning, or its login, at which a session ends. None: never.
    SESSION_ABSOLUTE_LIFETIME: float | None = None
    #: The key of a session that tells whose it is; where it changes, the session gets a new id.
    #: None: nobody's.
    SESSION_USER_KEY: str | None = "_user_id"
    #: Seconds to wait for the store.
    SESSION_TIMEOUT = 2.0
    #: Connections to the store in one process, at most.
    SESSION_POOL_SIZE = 20
    #: Seconds for which a store that failed is not asked again; also the answer's Retry-After.
    SESSION_RETRY_AFTER = 1.0
