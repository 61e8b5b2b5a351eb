"""A database server that stops while requests use it, and comes back; workers that are forked."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from own_servers import own_server

from databases import ask, database
from processes import running, wait_until
from waterspout import App, RequestHandler
from waterspout.ext.db import SQLAlchemy
from waterspout.server import serve_in_thread

_PATHS = ("/def", "/async", "/handler")


def make_app(url: str) -> App:
    app = App("faults")
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_RETRY_AFTER=3)
    db = SQLAlchemy(app)
    question = db.text("SELECT 42")

    @app.get("/def")
    def view() -> str:
        return str(db.session.scalar(question))

    @app.get("/async")
    async def async_view() -> str:
        return str(await db.async_session.scalar(question))

    class Handler(RequestHandler):
        async def get(self) -> None:
            self.write(str(await db.async_session.scalar(question)))

    app.add_handlers([("/handler", Handler)])
    return app


class Load:
    """Clients that ask all the time; what they were answered, by path and status."""

    def __init__(self, address: str, clients: int) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self._address = address
        self._ends = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(_PATHS[number % 3],))
            for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, path: str) -> None:
        while not self._ends.is_set():
            self.counts[path, ask(self._address, path).status] += 1

    def wait_for(self, status: int, more: int) -> None:
        """Wait until each path has been answered *status* *more* times."""
        before = self.counts.copy()
        wait_until(
            lambda: all(self.counts[path, status] >= before[path, status] + more for path in _PATHS)
        )


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_server_that_restarts_is_503_and_then_back(
    kind: str, reserve: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    """While it is down each request is told when to come back, and the log has one line for each
    kind of code, without a stack; when it is up again, requests are answered as before."""
    with own_server(kind, reserve()) as database:
        app = make_app(database.url)
        with serve_in_thread(app) as server, caplog.at_level(logging.WARNING):
            address = str(server.urls[0].removeprefix("http://").rstrip("/"))
            with Load(address, 6) as load:
                load.wait_for(200, 8)
                database.stop()
                load.wait_for(503, 8)
                answers = [ask(address, path) for path in _PATHS]
                assert [answer.status for answer in answers] == [503] * 3
                assert {answer.headers["Retry-After"] for answer in answers} == {"3"}
                database.start()
                load.wait_for(200, 8)
                assert [ask(address, path).body for path in _PATHS] == [b"42"] * 3
    assert {status for _, status in load.counts} == {200, 503}
    messages = [record.getMessage() for record in caplog.records]
    gone = [message for message in messages if "cannot be reached" in message]
    back = [message for message in messages if "is back" in message]
    assert len(gone) == len(back) == 2
    assert not any(record.exc_info for record in caplog.records)


def test_a_server_that_was_restarted_between_requests_costs_none(
    reserve: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that its end has closed are noticed before they are used."""
    with own_server("postgresql", reserve()) as database:
        app = make_app(database.url)
        with serve_in_thread(app) as server:
            address = str(server.urls[0].removeprefix("http://").rstrip("/"))
            assert [ask(address, path).status for path in _PATHS] == [200] * 3
            database.stop()
            database.start()
            assert [ask(address, path).status for path in _PATHS] == [200] * 3
    assert caplog.records == []


PRELOADED = """
import os
from waterspout import App, request
from waterspout.ext.db import SQLAlchemy

app = App(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE"]
db = SQLAlchemy(app)
question = db.text("SELECT pg_backend_pid(), CAST(:number AS INTEGER)")

with app.app_context():  # the parent has a connection in its pool when it forks
    db.session.execute(question, {"number": 0})

@app.get("/def")
def view():
    found = db.session.execute(question, {"number": request.args["number"]}).one()
    return {"worker": os.getpid(), "backend": found[0], "number": found[1]}

@app.get("/async")
async def async_view():
    found = await db.async_session.execute(question, {"number": int(request.args["number"])})
    backend, number = found.one()
    return {"worker": os.getpid(), "backend": backend, "number": number}
"""


def test_workers_of_a_preloaded_program_share_no_connection(tmp_path: Path) -> None:
    (tmp_path / "preloaded.py").write_text(PRELOADED, encoding="utf-8")
    with database("postgresql", tmp_path) as url:
        command = ["-m", "gunicorn", "preloaded:app", "-k", "waterspout.server.Worker", "-w", "2"]
        environ = {**os.environ, "DATABASE": url}
        command += ["--preload", "-b", "127.0.0.1:0"]
        with running(tmp_path, *command, environ=environ) as where:
            address = where.removeprefix("http://")
            paths = [f"/{('def', 'async')[n % 2]}?number={n}" for n in range(32)]
            pairs: set[tuple[int, int]] = set()
            with ThreadPoolExecutor(8) as clients:
                while len({worker for _, worker in pairs}) < 2:  # the other may not have begun
                    found = [answer.json for answer in clients.map(partial(ask, address), paths)]
                    assert [answer["number"] for answer in found] == list(range(32))
                    pairs |= {(answer["backend"], answer["worker"]) for answer in found}
    assert len({backend for backend, _ in pairs}) == len(pairs)


def test_what_is_for_async_code_says_so_in_def_code(tmp_path: Path) -> None:
    """``db.async_engine`` in a ``def`` view names what to write there."""
    app = App(__name__, instance_path=str(tmp_path))
    db = SQLAlchemy(app)
    with app.app_context(), pytest.raises(RuntimeError, match=r"write db\.session and db\.engine"):
        db.async_engine  # the property raises


def test_a_url_that_is_set_too_late_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A test that changes the setting of a finished application works on the other database: the
    log says so, once."""
    app = App(__name__, instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.db"
    db = SQLAlchemy(app)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    with app.app_context():
        assert db.session.scalar(db.text("SELECT 1")) == 1
        assert db.session.scalar(db.text("SELECT 2")) == 2
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == (
        "SQLALCHEMY_DATABASE_URI was changed after init_app() had read it; the database is still"
        f" sqlite:///{tmp_path}/shop.db. Set it before."
    )
