"""Whose session it is, and until when: requests, streams, spawned work, tasks, commands, forks."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool
from sqlalchemy.orm import Mapped, mapped_column, relationship

from databases import ask, database
from processes import wait_until
from waterspout import App, run_in_thread, spawn
from waterspout.ext.db import DatabaseUnavailable, SQLAlchemy
from waterspout.ext.db.asynchronous import NotLoaded
from waterspout.ext.db.record_queries import get_recorded_queries
from waterspout.flask import Flask
from waterspout.server import serve_in_thread


class Program:
    """An application with a table of notes in an SQLite file."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.db = db = SQLAlchemy(app)

        class Author(db.Model):  # type: ignore[misc,name-defined]  # a class made at run time
            id = db.Column(db.Integer, primary_key=True)
            name = db.Column(db.String(80))

        class Note(db.Model):  # type: ignore[misc,name-defined]  # as above
            id: Mapped[int] = mapped_column(primary_key=True)
            text: Mapped[str] = mapped_column(db.String(80))
            author_id = mapped_column(db.ForeignKey("author.id"))
            author = relationship(Author)

        self.Author, self.Note = Author, Note
        with app.app_context():
            db.create_all()
            db.session.add_all(Note(text=f"note {i}", author=Author(name="Ada")) for i in range(3))
            db.session.commit()

    def connections(self) -> int:
        """Return how many connections of `def` code are in use."""
        with self.app.app_context():
            found: int = self.db.engine.pool.checkedout()
        return found


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App("sessions", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/notes.db"
    return app


@pytest.fixture
def program(app: App) -> Program:
    return Program(app)


def address_of(server: Any) -> str:
    return str(server.urls[0].removeprefix("http://").rstrip("/"))


# -- requests --------------------------------------------------------------------------------------


def test_each_request_has_a_session_of_its_own(program: Program) -> None:
    """What one has changed and not committed is not there for the next, in the same thread."""
    db, note = program.db, program.Note
    seen: list[Any] = []

    @program.app.post("/change")
    def change() -> str:
        seen.append(db.session())
        db.session.get(note, 1).text = "changed"
        return "not committed"

    @program.app.get("/read")
    def read() -> str:
        seen.append(db.session())
        return str(db.session.get(note, 1).text)

    client = program.app.test_client()
    assert client.post("/change").status_code == 200
    assert client.get("/read").text == "note 0"
    assert seen[0] is not seen[1]
    assert program.connections() == 0


def test_hooks_and_view_of_a_request_share_it(program: Program) -> None:
    db, note = program.db, program.Note
    seen: set[int] = set()

    @program.app.before_request
    def before() -> None:
        seen.add(id(db.session()))

    @program.app.after_request
    def after(response: Any) -> Any:
        seen.add(id(db.session()))
        return response

    @program.app.get("/")
    async def view() -> str:
        seen.add(await run_in_thread(lambda: id(db.session())))
        return str((await db.async_session.get(note, 1)).text)

    with serve_in_thread(program.app) as server:
        assert ask(address_of(server), "/").body == b"note 0"
    assert len(seen) == 1


def test_spawned_work_has_its_own(program: Program) -> None:
    """It works on when the request's session is closed, and closes its own."""
    db, note = program.db, program.Note
    ended = threading.Event()
    found: list[str] = []

    def work() -> None:
        ended.wait(20)
        found.append(db.session.get(note, 1).text)

    async def async_work() -> None:
        await run_in_thread(ended.wait, 20)
        found.append((await db.async_session.get(note, 2)).text)

    @program.app.get("/")
    async def view() -> str:
        spawn(work)
        spawn(async_work)
        db.session()
        return str((await db.async_session.get(note, 3)).text)

    with serve_in_thread(program.app) as server:
        assert ask(address_of(server), "/").body == b"note 2"
        ended.set()
    assert sorted(found) == ["note 0", "note 1"]
    assert program.connections() == 0


# -- streams ---------------------------------------------------------------------------------------


def add_streams(program: Program, gate: threading.Event) -> None:
    db, note = program.db, program.Note
    rest = b"." * 65536

    @program.app.get("/def")
    def stream() -> Iterator[bytes]:
        for found in db.session.scalars(db.select(note).execution_options(yield_per=1)):
            yield found.text.encode() + rest
            gate.wait(20)

    @program.app.get("/async")
    async def async_stream() -> AsyncIterator[bytes]:
        async for found in await db.async_session.stream_scalars(db.select(note)):
            yield found.text.encode() + rest
            await run_in_thread(gate.wait, 20)

    @program.app.get("/in-use")
    async def in_use() -> Any:
        pool: Any = db.async_engine.pool
        return {"connections": pool.checkedout() + program.connections()}


@pytest.mark.parametrize("path", ["/def", "/async"])
def test_a_stream_keeps_its_session_to_its_end(program: Program, path: str) -> None:
    gate = threading.Event()
    add_streams(program, gate)
    with serve_in_thread(program.app) as server:
        address = address_of(server)
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.read(6) == b"note 0"
        assert ask(address, "/in-use").json == {"connections": 1}
        gate.set()
        rest = response.read()
        connection.close()
        assert rest.count(b"note") == 2
        wait_until(lambda: ask(address, "/in-use").json == {"connections": 0})


@pytest.mark.parametrize("path", ["/def", "/async"])
def test_a_stream_whose_client_leaves_gives_its_session_back(program: Program, path: str) -> None:
    gate = threading.Event()
    add_streams(program, gate)
    with serve_in_thread(program.app) as server:
        address = address_of(server)
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request("GET", path)
        assert connection.getresponse().read(6) == b"note 0"
        assert ask(address, "/in-use").json == {"connections": 1}
        connection.close()
        gate.set()
        wait_until(lambda: ask(address, "/in-use").json == {"connections": 0})


# -- outside of requests ---------------------------------------------------------------------------


def test_tasks_and_commands_have_one_for_each_context(program: Program) -> None:
    db, note = program.db, program.Note

    async def task(number: int) -> str:
        with program.app.app_context():
            return str((await db.async_session.get(note, number)).text)

    async def tasks() -> list[str]:
        return await asyncio.gather(*map(task, (1, 2, 3)))

    assert asyncio.run(tasks()) == ["note 0", "note 1", "note 2"]

    @program.app.cli.command("count")
    def count() -> None:
        print(db.session.scalar(db.select(db.func.count()).select_from(note)))

    assert program.app.test_cli_runner().invoke(args=["count"]).output == "3\n"
    assert program.connections() == 0
    with pytest.raises(RuntimeError, match="application context"):
        db.session()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_makes_its_own_connections(program: Program) -> None:
    """Servers load the program once and fork: the parent's connections are not the children's."""
    with program.app.app_context():
        engine = program.db.engine
        with engine.connect() as connection:
            before = connection.connection.driver_connection
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with engine.connect() as connection:
                is_new = connection.connection.driver_connection is not before
            os.write(writer, b"own" if is_new else b"shared")
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with open(reader, "rb") as said:
        assert said.read() == b"own"
    with engine.connect() as connection:
        assert connection.connection.driver_connection is before


# -- what is told ----------------------------------------------------------------------------------


def test_what_was_not_loaded_is_named(program: Program) -> None:
    """In async code, to read it cannot wait for the database: the error says what to do."""
    db, note = program.db, program.Note

    @program.app.get("/unloaded")
    async def unloaded() -> str:
        found = (await db.async_session.scalars(db.select(note))).first()
        return str(found.author.name)

    @program.app.get("/awaited")
    async def awaited() -> str:
        found = (await db.async_session.scalars(db.select(note))).first()
        return str((await found.awaitable_attrs.author).name)

    program.app.testing = True
    client = program.app.test_client()
    with pytest.raises(NotLoaded, match=r"Note\.author is not loaded.*selectinload\(Note\.author"):
        client.get("/unloaded")
    assert client.get("/awaited").text == "Ada"


def test_slow_queries_are_logged_without_what_users_typed(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    app.config.update(SQLALCHEMY_SLOW_QUERY=0.0, SQLALCHEMY_RECORD_QUERIES=True)
    app.import_name = __name__
    program = Program(app)
    db, note = program.db, program.Note
    recorded: list[Any] = []

    @app.get("/")
    async def view() -> str:
        await db.async_session.scalars(db.select(note).where(note.text == "password"))
        recorded.extend(get_recorded_queries())
        return "done"

    caplog.clear()
    with caplog.at_level(logging.WARNING, "waterspout.db"):
        assert app.test_client().get("/").status_code == 200
    (message,) = [record.getMessage() for record in caplog.records]
    assert "(view): SELECT note.id" in message
    assert "password" not in message
    assert [query.parameters[0][0] for query in recorded] == ["password"]
    assert "test_db_sessions.py" in recorded[0].location


def test_blocking_the_loop_is_told_in_debug_mode(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    db, note = program.db, program.Note

    @program.app.get("/")
    async def view() -> str:
        return str(db.session.get(note, 1).text)

    program.app.debug = True
    assert program.app.test_client().get("/").text == "note 0"
    assert "holds up all requests" in caplog.text


# -- what is configured ----------------------------------------------------------------------------


def pragmas(app: App, db: SQLAlchemy) -> list[Any]:
    names = ("journal_mode", "foreign_keys", "busy_timeout")
    with app.app_context(), db.engine.connect() as connection:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]


def test_without_a_url_there_is_a_file_in_the_instance_folder(tmp_path: Path) -> None:
    app = App("default", instance_path=str(tmp_path / "instance"))
    db = SQLAlchemy(app)
    assert pragmas(app, db) == ["wal", 1, 5000]
    assert (tmp_path / "instance" / "app.db").exists()


def test_a_program_that_moves_from_flask_keeps_its_foreign_keys_as_they_were(
    tmp_path: Path,
) -> None:
    app = Flask("moved", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///moved.db"
    assert pragmas(app, SQLAlchemy(app)) == ["wal", 0, 5000]


def test_binds_have_their_tables(tmp_path: Path) -> None:
    """A model's bind key leads to its database, from `def` and from `async def` code."""
    app = App("binds", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_BINDS"] = {"logs": "sqlite:///logs.db", "old": {"url": "sqlite://"}}
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///main.db"
    db = SQLAlchemy(app)

    class Main(db.Model):  # type: ignore[misc,name-defined]  # a class made at run time
        id = db.Column(db.Integer, primary_key=True)

    class Log(db.Model):  # type: ignore[misc,name-defined]  # as above
        __bind_key__ = "logs"
        id = db.Column(db.Integer, primary_key=True)

    @app.get("/def")
    def view() -> Any:
        db.session.add_all([Main(), Log()])
        db.session.commit()
        return {"rows": [db.session.query(Main).count(), Log.query.count()]}

    @app.get("/async")
    async def async_view() -> Any:
        session = db.async_session
        session.add_all([Main(), Log()])
        await session.commit()
        return {"rows": [len((await session.scalars(db.select(m))).all()) for m in (Main, Log)]}

    with app.app_context():
        db.create_all()
        for name in (None, "logs"):
            names = db.inspect(db.engines[name]).get_table_names()
            assert names == (["log"] if name else ["main"])
    client = app.test_client()
    assert client.get("/def").json == {"rows": [1, 1]}
    assert client.get("/async").json == {"rows": [2, 2]}


def test_pools_are_as_large_as_the_settings_say(tmp_path: Path) -> None:
    """Without one there are ten connections; other kinds of pool have no size."""

    def sizes(**options: Any) -> list[str]:
        app = App("pools", instance_path=str(tmp_path))
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
        db = SQLAlchemy(app)
        found: list[str] = []

        @app.get("/")
        async def view() -> str:
            for pool in (db.engine.pool, db.async_engine.pool):
                size = getattr(pool, "size", lambda: "none")()
                found.append(f"{size} {getattr(pool, '_max_overflow', '')}".strip())
            return "seen"

        with serve_in_thread(app) as server:
            assert ask(address_of(server), "/").body == b"seen"
        return found

    assert sizes() == ["10 0"] * 2
    assert sizes(pool_size=3) == ["3 10"] * 2
    assert sizes(poolclass=NullPool) == ["none"] * 2


@pytest.mark.parametrize(
    ("url", "sync", "on_loop"),
    [
        ("sqlite://", "pysqlite", "aiosqlite"),
        ("postgresql://h/d", "psycopg", "asyncpg"),
        ("postgres://h/d", "psycopg", "asyncpg"),
        ("postgresql://h/d?sslmode=require", "psycopg", "psycopg"),
        ("postgresql+psycopg2://h/d", "psycopg2", "asyncpg"),
        ("postgresql+asyncpg://h/d", "psycopg", "asyncpg"),
        ("mysql://h/d", "pymysql", "aiomysql"),
        ("mariadb://h/d", "pymysql", "aiomysql"),
        ("mysql+aiomysql://h/d", "pymysql", "aiomysql"),
    ],
)
def test_a_url_leads_to_both_drivers(url: str, sync: str, on_loop: str) -> None:
    app = App("urls")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db = SQLAlchemy(app)

    async def driver() -> str:
        return db.async_engine.driver.removesuffix("_async")

    with app.app_context():
        assert (db.engine.driver, asyncio.run(driver())) == (sync, on_loop)


def test_all_of_one_database_in_memory_is_seen_by_both_kinds_of_code() -> None:
    app = App("memory")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    program = Program(app)

    async def texts() -> list[str]:
        with app.app_context():
            found = await program.db.async_session.scalars(program.db.select(program.Note.text))
            return list(found)

    assert asyncio.run(texts()) == ["note 0", "note 1", "note 2"]


def test_a_database_that_stays_locked_is_503(program: Program) -> None:
    """SQLite has one writer at a time; who waits for it in vain is told to come back."""
    program.app.config["SQLALCHEMY_SQLITE_PRAGMAS"]["busy_timeout"] = 10
    db, note = program.db, program.Note

    @program.app.get("/")
    def view() -> str:
        db.session.add(note(text="more"))
        db.session.commit()
        return "written"

    @program.app.errorhandler(503)
    def busy(error: Any) -> Any:
        return "Come back later.", 503, {"Retry-After": error.get_response().headers["Retry-After"]}

    with program.app.app_context():
        engine = db.engine
        engine.dispose()
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        answer = program.app.test_client().get("/")
        assert (answer.status_code, answer.text) == (503, "Come back later.")
        assert answer.headers["Retry-After"] == "5"
        with program.app.app_context(), pytest.raises(DatabaseUnavailable, match="locked"):
            view()
    assert program.app.test_client().get("/").text == "written"


def test_the_shell_knows_the_models(program: Program) -> None:
    with program.app.app_context():
        names = program.app.make_shell_context()
    assert (names["db"], names["Note"]) == (program.db, program.Note)


def test_both_kinds_in_one_request_and_the_end_of_the_server(tmp_path: Path) -> None:
    """`db.session` and `db.async_session` are two sessions with a connection each; when the server
    has stopped, no connection is left."""
    with database("postgresql", tmp_path) as url:
        app = App("both")
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        program = Program(app)
        db, note = program.db, program.Note

        @app.get("/")
        async def view() -> Any:
            first = await run_in_thread(lambda: db.session.get(note, 1).text)
            second = await db.async_session.get(note, 2)
            return {"texts": [first, second.text]}

        with serve_in_thread(app) as server:
            assert ask(address_of(server), "/").json == {"texts": ["note 0", "note 1"]}
            with app.app_context():
                pool: Any = db.engine.pool
                assert (pool.checkedout(), pool.checkedin()) == (0, 1)
        assert pool.checkedin() == 0
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        with app.app_context(), db.engine.connect() as connection:
            wait_until(lambda: connection.scalar(db.text(count)) == 1)
