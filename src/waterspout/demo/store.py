"""The guestbook's memory: one SQLite file, read and written with the standard library.

Every value is bound as a parameter, never pasted into the SQL. Each call opens its own connection
and closes it, so any thread may call; the file is in WAL mode, so readers never wait for a writer.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

from waterspout import current_app

from .bell import Bell

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: the live page counts on it
    name    TEXT NOT NULL,
    message TEXT NOT NULL,
    mood    TEXT NOT NULL,
    colour  TEXT NOT NULL,
    author  TEXT NOT NULL,                      -- the secret of the session that wrote it
    written INTEGER NOT NULL,                   -- seconds since 1970, UTC
    edited  INTEGER
);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

MATCHES = "(:query = '' OR instr(casefold(name || char(10) || message), casefold(:query)) > 0)"
LARGEST_ID = 2**63 - 1  # SQLite's integers; Python's are larger, and a URL may hold any number


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it stands in the book."""

    id: int
    name: str
    message: str
    mood: str
    colour: str
    author: str
    written: datetime
    edited: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of one page, newest first, and where that page is."""

    entries: list[Entry]
    number: int
    count: int
    total: int


class Guestbook:
    """The entries in one file, and the bell that rings when one is added."""

    def __init__(self, path: Path) -> None:
        self.bell = Bell()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # SECURITY: the key of the sessions is in it, which nobody else on this machine may read.
        # What SQLite keeps beside it has the same mode.
        path.touch(0o600)
        path.chmod(0o600)
        with self._open() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)

    def secret_key(self) -> str:
        """Return the key kept in the file; make it first, if this is the first start."""
        with self._open() as db:
            # NOTE: workers starting together all try; the first row stays, and all read that one.
            db.execute(
                "INSERT OR IGNORE INTO setting VALUES ('secret_key', ?)",
                (secrets.token_urlsafe(32),),
            )
            row = db.execute("SELECT value FROM setting WHERE name = 'secret_key'").fetchone()
        return str(row["value"])

    def page(self, number: int = 1, *, size: int = 10, query: str = "") -> Page:
        """Return page ``number`` (the first is 1) of the entries that contain ``query``.

        Upper and lower case count as equal. A page past the last one has no entries.
        """
        values = {"query": query, "size": size, "skip": min((number - 1) * size, LARGEST_ID)}
        with self._open() as db:
            total = db.execute(f"SELECT count(*) FROM entry WHERE {MATCHES}", values).fetchone()[0]
            rows = db.execute(
                f"SELECT * FROM entry WHERE {MATCHES} ORDER BY id DESC LIMIT :size OFFSET :skip",
                values,
            ).fetchall()
        return Page([_entry(row) for row in rows], number, max(1, ceil(total / size)), total)

    def get(self, entry_id: int) -> Entry | None:
        """Return one entry, or None."""
        if entry_id > LARGEST_ID:
            return None
        with self._open() as db:
            row = db.execute("SELECT * FROM entry WHERE id = ?", (entry_id,)).fetchone()
        return _entry(row) if row else None

    def since(self, entry_id: int, *, limit: int = 50) -> list[Entry]:
        """Return the entries added after the one with this id, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT * FROM entry WHERE id > ? ORDER BY id LIMIT ?",
                (min(entry_id, LARGEST_ID), limit),
            ).fetchall()
        return [_entry(row) for row in rows]

    def add(self, *, name: str, message: str, mood: str, colour: str, author: str) -> int:
        """Write an entry, ring the bell, return the new id."""
        with self._open() as db:
            cursor = db.execute(
                "INSERT INTO entry (name, message, mood, colour, author, written)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (name, message, mood, colour, author, _now()),
            )
        self.bell.ring()
        return int(cursor.lastrowid or 0)

    def change(self, entry_id: int, *, name: str, message: str, mood: str, colour: str) -> None:
        """Put new words in the place of an entry's old ones."""
        with self._open() as db:
            db.execute(
                "UPDATE entry SET name = ?, message = ?, mood = ?, colour = ?, edited = ?"
                " WHERE id = ?",
                (name, message, mood, colour, _now(), entry_id),
            )

    def delete(self, entry_id: int) -> None:
        """Tear an entry out."""
        with self._open() as db:
            db.execute("DELETE FROM entry WHERE id = ?", (entry_id,))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, isolation_level=None)  # one statement, one transaction
        try:
            db.row_factory = sqlite3.Row
            db.create_function("casefold", 1, str.casefold, deterministic=True)
            yield db
        finally:
            db.close()


def current_book() -> Guestbook:
    """Return the guestbook of the application that serves this request."""
    book = current_app.extensions["guestbook"]
    assert isinstance(book, Guestbook)
    return book


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _entry(row: sqlite3.Row) -> Entry:
    edited = row["edited"]
    return Entry(
        **{key: row[key] for key in ("id", "name", "message", "mood", "colour", "author")},
        written=_moment(row["written"]),
        edited=None if edited is None else _moment(edited),
    )
