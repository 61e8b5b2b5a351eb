"""What is asked of an SQL database.

A session is a row of Flask-Session's table: ``session_id`` (prefix and id), ``data`` (its format),
``expiry`` (UTC). The value that was read is a condition of each write, so no write is lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    String,
    Table,
    create_engine,
    delete,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects.mysql import MEDIUMBLOB
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from waterspout.typing import Untyped

from ..store import Entry, Outcome, Write
from ..types import Stored

__all__ = ["SqlStore", "own_engine", "own_table"]

T = TypeVar("T")

#: The drivers of URLs that name none.
_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
#: The part of a lifetime that may pass before an unchanged session's end is moved.
_STALE = 0.01


def own_engine(url: str, timeout: float, connections: int) -> Engine:
    """Return an engine for the sessions of one process; nothing waits for more than *timeout*
    seconds, as far as its driver can be told so."""
    parsed = make_url(url)
    parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
    whole = max(1, round(timeout))
    limits: dict[str, object] = {}
    if parsed.drivername == "postgresql+psycopg":
        limits = {
            "connect_timeout": max(2, whole),
            "options": f"-c statement_timeout={timeout * 1000:.0f}",
        }
    elif parsed.drivername.endswith("+pymysql"):
        limits = {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
    engine = create_engine(
        parsed,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=timeout,
        connect_args=limits,
    )
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


def own_table(name: str, schema: str | None = None, sequence: str | None = None) -> Table:
    """Return the table of sessions, as Flask-Session has it."""
    return Table(
        name,
        MetaData(),
        Column("id", Integer, *([Sequence(sequence)] if sequence else []), primary_key=True),
        Column("session_id", String(255), unique=True),
        Column("data", LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")),
        Column("expiry", DateTime),
        schema=schema,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class SqlStore:
    """A `Store` over an SQLAlchemy engine."""

    errors: tuple[type[BaseException], ...] = (SQLAlchemyError, OSError)

    def __init__(self, engine: Engine, table: Table, prefix: str, *, disposes: bool) -> None:
        self._engine = engine
        self._sessions = table
        self._users = Table(
            f"{table.name}_users",
            MetaData(),
            Column("session_id", String(255), primary_key=True),
            Column("user_id", String(255), index=True, nullable=False),
            Column("created", BigInteger, nullable=False),
            schema=table.schema,
        )
        self._prefix = prefix
        self._disposes = disposes
        self._lock = threading.Lock()
        self._is_made = False

    def _run(self, work: Callable[[Any], T]) -> T:
        """Call *work* with a connection in a transaction; once more if its connection was lost,
        as those of a server that was started anew are."""
        self._make_tables()
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with self._engine.begin() as connection:
            return work(connection)

    def _make_tables(self) -> None:
        if self._is_made:
            return
        with self._lock:
            for table in () if self._is_made else (self._sessions, self._users):
                try:
                    table.create(self._engine, checkfirst=True)
                except DBAPIError:  # another process was first
                    if not inspect(self._engine).has_table(table.name, schema=table.schema):
                        raise
            self._is_made = True

    def load(self, sid: str, lifetime: int | None) -> Stored:
        table, key, now = self._sessions.c, self._prefix + sid, _now()

        def work(connection: Untyped) -> object:
            asked = select(table.data, table.expiry).where(table.session_id == key)
            row = connection.execute(asked.where(table.expiry > now)).first()
            if row is None:
                return None
            if lifetime is not None and row.expiry < now + timedelta(
                seconds=lifetime * (1 - _STALE)
            ):
                moved = update(self._sessions).where(table.session_id == key)
                connection.execute(moved.values(expiry=now + timedelta(seconds=lifetime)))
            return bytes(row.data)

        return self._run(work)

    def commit(self, write: Write) -> Stored:
        return self._run(lambda connection: self._commit(connection, write))

    def _commit(self, connection: Untyped, write: Write) -> object:
        table = self._sessions.c
        key = self._prefix + write.sid
        row = {
            "session_id": key,
            "data": write.value,
            "expiry": _now() + timedelta(seconds=write.lifetime),
        }
        read_key = key if write.read_sid is None else self._prefix + write.read_sid
        same = table.session_id == read_key
        seen = () if write.read_sid is None else (table.data == write.seen, table.expiry > _now())
        if not connection.execute(update(self._sessions).where(same, *seen).values(**row)).rowcount:
            if write.read_sid is not None:
                current = connection.execute(
                    select(table.data).where(same, table.expiry > _now())
                ).first()
                return Outcome.GONE if current is None else bytes(current.data)
            connection.execute(insert(self._sessions).values(**row))
        if write.is_indexed_anew:
            listed = self._users
            connection.execute(delete(listed).where(listed.c.session_id.in_([key, read_key])))
            if write.user is not None:
                connection.execute(
                    insert(listed).values(session_id=key, user_id=write.user, created=write.created)
                )
        return Outcome.DONE

    def delete(self, sid: str, user: str | None) -> bool:
        key = self._prefix + sid

        def work(connection: Untyped) -> bool:
            connection.execute(delete(self._users).where(self._users.c.session_id == key))
            gone = delete(self._sessions).where(self._sessions.c.session_id == key)
            return bool(connection.execute(gone).rowcount)

        return self._run(work)

    def of(self, user: str) -> list[Entry]:
        table, listed = self._sessions.c, self._users.c
        asked = (
            select(table.session_id, table.data, table.expiry, listed.created)
            .join_from(self._sessions, self._users, table.session_id == listed.session_id)
            .where(listed.user_id == user, table.expiry > _now())
        )
        rows = self._run(lambda connection: connection.execute(asked).all())
        return [
            Entry(
                row.session_id.removeprefix(self._prefix),
                bytes(row.data),
                row.created,
                row.expiry.replace(tzinfo=UTC).timestamp(),
            )
            for row in rows
        ]

    def collect(self) -> int:
        table, listed = self._sessions.c, self._users

        def work(connection: Untyped) -> int:
            gone: int = connection.execute(
                delete(self._sessions).where(table.expiry <= _now())
            ).rowcount
            # Not those of the last minute, whose session another transaction is writing.
            old = listed.c.created < time.time() - 60
            alive = select(table.session_id).where(table.session_id == listed.c.session_id).exists()
            connection.execute(delete(listed).where(old, ~alive))
            return gone

        return self._run(work)

    def close(self) -> None:
        if self._disposes:
            self._engine.dispose()
