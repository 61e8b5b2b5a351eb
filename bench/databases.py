"""Requests that use a database: one row, 20 rows, a page of fortunes, 20 updates, on SQLite and on
PostgreSQL. The server's core is measured, the database has the other one."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from . import peers
from .load import Request
from .programs.db_tables import ADDED, FORTUNES, QUERIES, ROWS
from .report import Bar, Section, best
from .servers import Running, Server
from .throughput import Cell, all_running, take_turns

#: Where PostgreSQL is asked for a database of our own.
POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
_NAME = "waterspout_bench"

OURS = peers.waterspout("db_app")
FLASK = dataclasses.replace(
    peers.FLASK_GUNICORN,
    name="Flask-SQLAlchemy / gunicorn gthread",
    argv=tuple(part.replace("flask_app", "db_flask") for part in peers.FLASK_GUNICORN.argv),
)
FASTAPI = peers.uvicorn("FastAPI, SQLAlchemy async", "db_fastapi")


def _rows(path: str, count: int) -> Callable[[Running], Request]:
    """Return what checks and makes the request for *count* rows as JSON."""

    def prepare(server: Running) -> Request:
        answer = server.ask(path)
        assert answer.status == 200, answer
        found = json.loads(answer.body)
        found = [found] if count == 1 else found
        assert len({row["id"] for row in found}) == count, answer
        assert all(1 <= row["number"] <= ROWS for row in found), answer
        return Request(path)

    return prepare


def _fortunes(server: Running) -> Request:
    """Check and return the request for the page of fortunes."""
    answer = server.ask("/fortunes")
    assert answer.status == 200, answer
    assert answer.body.count(b"<tr>") == len(FORTUNES) + 2, answer
    assert b"&lt;script&gt;" in answer.body, answer
    assert ADDED.encode() in answer.body, answer
    return Request("/fortunes")


CELLS = (
    Cell("one row", _rows("/db", 1)),
    Cell(f"{QUERIES} queries", _rows("/queries", QUERIES)),
    Cell("fortunes", _fortunes),
    Cell(f"{QUERIES} updates", _rows("/updates", QUERIES)),
)


def databases(rounds: int, seconds: float) -> Section:
    """Measure the four requests on both databases against Flask and FastAPI."""
    section = Section("Databases")
    for name, made in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with made() as url:
            environ = {"BENCH_DATABASE": url}
            servers = [_with(server, environ) for server in (OURS, FLASK, FASTAPI)]
            with all_running(servers) as started:
                for cell in CELLS:
                    # 64 clients wait half a second each for 20 queries.
                    measured = take_turns(started, cell, rounds, 3 * seconds)
                    section.table(f"{name}: {cell.name}", measured)
                    ours, *others = measured
                    rival = best(others)
                    what = f"{name}: {cell.name}, against the better of the others ({rival.server})"
                    section.ratio(what, ours, rival, Bar(">=", 1.5))
    return section


def _with(server: Server, environ: dict[str, str]) -> Server:
    return dataclasses.replace(server, env=environ)


@contextlib.contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'bench.db')}"
        _fill(url)
        yield url


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    engine = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    url = sa.make_url(POSTGRESQL).set(database=_NAME)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
            connection.exec_driver_sql(f"CREATE DATABASE {_NAME}")
    except sa.exc.OperationalError as error:
        raise RuntimeError(f"no PostgreSQL: {error}") from error
    try:
        _fill(str(url))
        yield str(url.set(drivername="postgresql"))
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {_NAME} WITH (FORCE)")


def _fill(url: str) -> None:
    metadata = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    world = sa.Table("world", metadata, key, sa.Column("number", sa.Integer, nullable=False))
    key = sa.Column("id", sa.Integer, primary_key=True)
    fortune = sa.Table("fortune", metadata, key, sa.Column("message", sa.String, nullable=False))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    metadata.create_all(engine)
    with engine.begin() as connection:
        numbers = [{"id": n, "number": (n * 7919) % ROWS + 1} for n in range(1, ROWS + 1)]
        connection.execute(world.insert(), numbers)
        messages = [{"id": n, "message": text} for n, text in enumerate(FORTUNES, 1)]
        connection.execute(fortune.insert(), messages)
