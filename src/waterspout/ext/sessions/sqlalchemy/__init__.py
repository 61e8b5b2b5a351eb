"""Sessions in an SQL database (Flask-Session's ``sqlalchemy``)."""

from __future__ import annotations

from .sqlalchemy import SqlAlchemySession, SqlAlchemySessionInterface

__all__ = ["SqlAlchemySession", "SqlAlchemySessionInterface"]
