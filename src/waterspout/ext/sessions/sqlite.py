"""Sessions in an SQLite file, by Python's own `sqlite3`: the store that needs no server.

The table is Flask-Session's, as SQLAlchemy writes it: times are texts in UTC. Readers and one
writer work at once (WAL); the others wait for SESSION_TIMEOUT seconds.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any, TypeVar, Unpack

from .base import Options, ServerSideSessionInterface, setting
from .store import Entry, Outcome, Store, Write
from .stored_session import ServerSideSession
from .types import Stored

__all__ = ["SqliteSession", "SqliteSessionInterface"]

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, session_id VARCHAR(255) UNIQUE, data BLOB, expiry DATETIME);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);
CREATE TABLE IF NOT EXISTS sessions_users (
    session_id VARCHAR(255) PRIMARY KEY, user_id VARCHAR(255) NOT NULL, created BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_users_user_id ON sessions_users (user_id);
"""
#: The part of a lifetime that may pass before an unchanged session's end is moved.
_STALE = 0.01


class SqliteSession(ServerSideSession):
    """A session that is kept in an SQLite file."""


class SqliteSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in the file of *url*: ``sqlite:///name`` in the instance folder,
    ``sqlite:////path`` anywhere."""

    session_class = SqliteSession
    ttl = False

    def __init__(self, app: Any, url: str, **options: Unpack[Options]) -> None:
        path = url.removeprefix("sqlite:///")
        if path == url or not path or path.startswith(":memory:"):
            raise ValueError(f"SESSION_URL names a file, 'sqlite:///sessions.sqlite', not {url!r}")
        self._path = Path(app.instance_path, path)
        self._timeout: float = setting(app.config, "SESSION_TIMEOUT")
        super().__init__(app, **options)

    def _make_store(self) -> Store:
        return SqliteStore(self._path, self.key_prefix, self._timeout)


def _text(seconds: float) -> str:
    """Return a time as SQLAlchemy writes it; texts are in the order of the times."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S.%f}"


def _close_all(pool: LifoQueue[sqlite3.Connection], pid: int) -> None:
    """Close idle connections of process *pid*: SQLite forbids it to a child that inherited them."""
    while pid == os.getpid():
        try:
            pool.get_nowait().close()
        except Empty:
            return


class SqliteStore:
    """A `Store` over an SQLite file, which is made when it is first asked."""

    errors: tuple[type[BaseException], ...] = (sqlite3.Error, OSError)

    def __init__(self, path: Path, prefix: str, timeout: float) -> None:
        self._path = path
        self._prefix = prefix
        self._timeout = timeout
        self._idle, self._pid = self._make_pool(), os.getpid()

    def _make_pool(self) -> LifoQueue[sqlite3.Connection]:
        """Return a pool of idle connections, which are closed with the store: an application in a
        test may never shut down, and Python 3.13 warns of connections that are only collected."""
        pool: LifoQueue[sqlite3.Connection] = LifoQueue()
        weakref.finalize(self, _close_all, pool, os.getpid())
        return pool

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # SECURITY: only the program's user may read it.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call *work* with a connection that nobody else uses meanwhile."""
        if self._pid != os.getpid():  # a connection is not for two processes
            self._idle, self._pid = self._make_pool(), os.getpid()
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            result = work(connection)
        except BaseException:
            connection.close()  # and with it, its transaction
            raise
        self._idle.put(connection)
        return result

    def load(self, sid: str, lifetime: int | None) -> Stored:
        key, now = self._prefix + sid, time.time()

        def work(connection: sqlite3.Connection) -> object:
            row = connection.execute(
                "SELECT data, expiry FROM sessions WHERE session_id = ? AND expiry > ?",
                (key, _text(now)),
            ).fetchone()
            if row is None:
                return None
            if lifetime is not None and row[1] < _text(now + lifetime * (1 - _STALE)):
                connection.execute(
                    "UPDATE sessions SET expiry = ? WHERE session_id = ?",
                    (_text(now + lifetime), key),
                )
            return bytes(row[0])

        return self._run(work)

    def commit(self, write: Write) -> Stored:
        def work(connection: sqlite3.Connection) -> object:
            connection.execute("BEGIN IMMEDIATE")
            outcome = self._commit(connection, write)
            connection.execute("COMMIT")
            return outcome

        return self._run(work)

    def _commit(self, connection: sqlite3.Connection, write: Write) -> object:
        now = time.time()
        key = self._prefix + write.sid
        read_key = key if write.read_sid is None else self._prefix + write.read_sid
        row = connection.execute(
            "SELECT data FROM sessions WHERE session_id = ? AND expiry > ?", (read_key, _text(now))
        ).fetchone()
        if write.read_sid is not None:
            if row is None:
                return Outcome.GONE
            if row[0] != write.seen:
                return bytes(row[0])
        connection.execute("DELETE FROM sessions WHERE session_id = ?", (read_key,))
        connection.execute(
            "INSERT INTO sessions (session_id, data, expiry) VALUES (?, ?, ?)",
            (key, write.value, _text(now + write.lifetime)),
        )
        if write.is_indexed_anew:
            connection.execute(
                "DELETE FROM sessions_users WHERE session_id IN (?, ?)", (key, read_key)
            )
            if write.user is not None:
                connection.execute(
                    "INSERT INTO sessions_users VALUES (?, ?, ?)", (key, write.user, write.created)
                )
        return Outcome.DONE

    def delete(self, sid: str, user: str | None) -> bool:
        key = self._prefix + sid

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM sessions_users WHERE session_id = ?", (key,))
            gone = connection.execute("DELETE FROM sessions WHERE session_id = ?", (key,))
            return gone.rowcount > 0

        return self._run(work)

    def of(self, user: str) -> list[Entry]:
        asked = (
            "SELECT session_id, data, created, expiry FROM sessions JOIN sessions_users"
            " USING (session_id) WHERE user_id = ? AND expiry > ?"
        )
        rows = self._run(lambda used: used.execute(asked, (user, _text(time.time()))).fetchall())
        return [
            Entry(
                key.removeprefix(self._prefix),
                data,
                created,
                datetime.fromisoformat(expiry).replace(tzinfo=UTC).timestamp(),
            )
            for key, data, created, expiry in rows
        ]

    def collect(self) -> int:
        def work(connection: sqlite3.Connection) -> int:
            now = _text(time.time())
            gone = connection.execute("DELETE FROM sessions WHERE expiry <= ?", (now,)).rowcount
            connection.execute(
                "DELETE FROM sessions_users WHERE session_id NOT IN"
                " (SELECT session_id FROM sessions)"
            )
            return gone

        return self._run(work)

    def close(self) -> None:
        _close_all(self._idle, self._pid)
