"""The interface over an SQLAlchemy engine, which waits; it is asked in threads."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Unpack

from waterspout import App

from ... import needs_extra
from ..base import Options, ServerSideSessionInterface, setting
from ..defaults import Defaults
from ..store import Store
from ..stored_session import ServerSideSession

with needs_extra("db"):
    from sqlalchemy import Column, DateTime, Engine, Integer, LargeBinary, Sequence, String

    from .store import SqlStore, own_engine, own_table

__all__ = ["SqlAlchemySession", "SqlAlchemySessionInterface", "create_session_model"]


class SqlAlchemySession(ServerSideSession):
    """A session that is kept in an SQL database."""


def create_session_model(
    db: Any,
    table_name: str,
    schema: str | None = None,
    bind_key: str | None = None,
    sequence: str | None = None,
) -> Any:
    """Return the model of a row, of ``db.Model``: session_id, data, expiry (UTC)."""

    class Session(db.Model):  # type: ignore[misc]  # it is known at run time only
        __tablename__ = table_name
        __table_args__ = {"schema": schema} if schema else {}
        __bind_key__ = bind_key

        id = Column(Integer, *([Sequence(sequence)] if sequence else []), primary_key=True)
        session_id = Column(String(255), unique=True)
        data = Column(LargeBinary)
        expiry = Column(DateTime)

        def __repr__(self) -> str:
            return f"<Session {self.id}>"

    return Session


class SqlAlchemySessionInterface(ServerSideSessionInterface):
    """Keeps sessions in a table of an SQL database, and a user's lists in ``<table>_users``.

    *client* is the `SQLAlchemy` of the application (Flask-SQLAlchemy's or ``waterspout.ext.db``'s),
    an engine, or a URL. The table is made when it is first asked, if it is not there.
    """

    session_class = SqlAlchemySession
    ttl = False

    def __init__(
        self,
        app: Any,
        client: Any = Defaults.SESSION_SQLALCHEMY,
        table: str = Defaults.SESSION_SQLALCHEMY_TABLE,
        sequence: str | None = Defaults.SESSION_SQLALCHEMY_SEQUENCE,
        schema: str | None = Defaults.SESSION_SQLALCHEMY_SCHEMA,
        bind_key: str | None = Defaults.SESSION_SQLALCHEMY_BIND_KEY,
        **options: Unpack[Options],
    ) -> None:
        self._owns_engine = isinstance(client, str)
        self.sql_session_model: Any = None
        if isinstance(client, str):
            client = own_engine(
                client,
                setting(app.config, "SESSION_TIMEOUT"),
                setting(app.config, "SESSION_POOL_SIZE"),
            )
        if isinstance(client, Engine):
            self._engine, self._table = client, own_table(table, schema, sequence)
        else:
            if client is None:
                client = _of_application(app)
            self.sql_session_model = create_session_model(client, table, schema, bind_key, sequence)
            self._table = self.sql_session_model.__table__
            with app.app_context():
                self._engine = client.engines[bind_key]
        self.client = client
        super().__init__(app, **options)

    def _make_store(self) -> Store:
        return SqlStore(self._engine, self._table, self.key_prefix, disposes=self._owns_engine)


def _of_application(app: App) -> object:
    """Return the `SQLAlchemy` that *app* has, or a new one for it."""
    found = app.extensions.get("sqlalchemy")
    return import_module("waterspout.ext.db").SQLAlchemy(app) if found is None else found
