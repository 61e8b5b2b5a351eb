"""`waterspout.ext.migrate`: the commands on an application's command line, on `Manager`, and as
functions."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from databases import KINDS, database
from waterspout import App
from waterspout.ext.db import SQLAlchemy
from waterspout.ext.migrate import Migrate, MigrateCommand, upgrade
from waterspout.flask import Flask
from waterspout.flask.script import Manager

Run = Callable[..., str]


def make(app: App, *columns: str, **options: Any) -> SQLAlchemy:
    """Give *app* a database with a table of users, which has *columns* besides its key."""
    app.extensions.clear()
    db = SQLAlchemy(app)
    fields = {name: db.Column(db.String(20)) for name in columns}
    type("User", (db.Model,), {"id": db.Column(db.Integer, primary_key=True), **fields})
    Migrate(app, db, directory=str(Path(app.instance_path) / "migrations"), **options)
    return db


def columns_of(app: App, db: SQLAlchemy, table: str = "user") -> list[str]:
    with app.app_context():
        found = db.inspect(db.engine)
        return [c["name"] for c in found.get_columns(table)] if found.has_table(table) else []


def runner(app: App) -> Run:
    """Return what runs a command of *app*; *ends* is its exit status."""

    def run(*arguments: str, ends: int = 0) -> str:
        result = app.test_cli_runner().invoke(args=["db", *arguments])
        assert result.exit_code == ends, result.output
        return str(result.output)

    return run


@pytest.fixture(autouse=True)
def quiet_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the logging of the test run as it is: ``alembic.ini`` sets up that of a program."""
    monkeypatch.setattr("logging.config.fileConfig", lambda *_, **__: None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_goes_up_and_down(kind: str, tmp_path: Path) -> None:
    """Scripts are written of what has changed in the models: tables, columns, types."""
    with database(kind, tmp_path) as url:
        app = App("migrations", instance_path=str(tmp_path))
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        run = runner(app)
        db = make(app, "name")
        run("init")
        run("check", ends=1)
        run("migrate", "-m", "users")
        run("upgrade")
        assert columns_of(app, db) == ["id", "name"]
        run("check")
        assert "head" in run("current")

        db = make(app, "name", "city")
        run("check", ends=1)
        run("migrate", "-m", "where users live")
        run("upgrade")
        assert columns_of(app, db) == ["id", "name", "city"]
        assert "where users live" in run("history")
        run("migrate", "-m", "nothing")  # no script is written
        assert "nothing" not in run("history")

        run("downgrade")
        assert columns_of(app, db) == ["id", "name"]
        run("downgrade", "base")
        assert columns_of(app, db) == []
        statements = run("upgrade", "--sql")
        assert "CREATE TABLE" in statements
        assert "city" in statements
        with app.app_context():
            upgrade()
        assert columns_of(app, db) == ["id", "name", "city"]
        with app.app_context():
            db.engine.dispose()


def test_the_other_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask("others", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///others.db"
    make(app, "name")
    run = runner(app)
    run("init", "--package")
    assert (tmp_path / "migrations" / "versions" / "__init__.py").exists()
    run("revision", "-m", "one", "--rev-id", "1")
    run("revision", "-m", "two", "--rev-id", "2")
    run("revision", "-m", "also two", "--rev-id", "2b", "--head", "1", "--splice")
    assert sorted(re.findall(r"^\w+", run("heads"), re.MULTILINE)) == ["2", "2b"]
    assert "1" in run("branches")
    run("upgrade", ends=1)  # to which head?
    run("merge", "-m", "both", "--rev-id", "3", "2", "2b")
    assert "both" in run("show", "3")
    run("stamp", "2")
    assert run("current").split()[0] == "2"
    run("upgrade")
    assert run("current").split()[0] == "3"
    assert "(current)" in run("history", "-i")
    assert "flask-multidb - " in run("list-templates")
    run("downgrade", "nowhere", ends=1)
    monkeypatch.setenv("EDITOR", "true")
    run("edit", "3")
    assert "Options:" in run("upgrade", "--help")


def test_a_repository_of_several_databases(tmp_path: Path) -> None:
    app = App("several", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///main.db"
    app.config["SQLALCHEMY_BINDS"] = {"logs": "sqlite:///logs.db"}
    db = SQLAlchemy(app)
    key = {"id": db.Column(db.Integer, primary_key=True)}
    type("User", (db.Model,), {**key})
    key = {"id": db.Column(db.Integer, primary_key=True)}
    type("Line", (db.Model,), {"__bind_key__": "logs", **key})
    Migrate(app, db, directory=tmp_path / "migrations")
    run = runner(app)
    run("init", "--multidb")
    run("migrate", "-m", "all")
    run("upgrade")

    def tables() -> list[list[str]]:
        with app.app_context():
            engines = (db.engines[None], db.engines["logs"])
            return [sorted(db.inspect(engine).get_table_names()) for engine in engines]

    assert tables() == [["alembic_version", "user"], ["alembic_version", "line"]]
    run("migrate", "-m", "nothing")
    assert "nothing" not in run("history")
    assert "CREATE TABLE line" in run("upgrade", "--sql")
    run("downgrade")
    assert tables() == [["alembic_version"], ["alembic_version"]]


def test_a_changed_table_keeps_what_refers_to_its_rows(tmp_path: Path) -> None:
    """SQLite changes a table by a copy, and with foreign keys on, to drop the old one deletes the
    rows of other tables that cascade from it."""
    app = App("cascade", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///cascade.db"
    run = runner(app)

    def model(length: int) -> tuple[SQLAlchemy, Any]:
        app.extensions.clear()
        db = SQLAlchemy(app)
        key = db.Column(db.Integer, primary_key=True)
        user = type("User", (db.Model,), {"id": key, "name": db.Column(db.String(length))})
        refers = db.Column(db.ForeignKey("user.id", ondelete="CASCADE"))
        key = db.Column(db.Integer, primary_key=True)
        post = type("Post", (db.Model,), {"id": key, "user_id": refers})
        Migrate(app, db, directory=tmp_path / "migrations")
        return db, (user, post)

    db, (user, post) = model(10)
    run("init")
    run("migrate")
    run("upgrade")
    with app.app_context():
        db.session.add(user(id=1, name="Ada"))
        db.session.flush()
        db.session.add(post(user_id=1))
        db.session.commit()
        db.engine.dispose()
    db, (user, post) = model(20)
    run("migrate")
    run("upgrade")
    with app.app_context():
        assert db.session.query(post).count() == 1
        assert db.session.scalar(db.text("PRAGMA foreign_keys")) == 1
        db.engine.dispose()


def test_migrations_on_a_manager(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``Manager.add_command("db", MigrateCommand)``, as old programs have it."""
    app = Flask("managed", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///managed.db"
    db = make(app, "name")
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            manager.handle("manage.py", ["db", *arguments])
        assert ended.value.code == 0
        return capsys.readouterr().out

    run("init")
    run("migrate", "-m", "users")
    run("upgrade")
    assert columns_of(app, db) == ["id", "name"]
    assert "users" in run("history")
    run("downgrade")
    assert columns_of(app, db) == []


PROGRAM = """
from waterspout import App
from waterspout.ext.db import SQLAlchemy
from waterspout.ext.migrate import Migrate

app = App(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///program.db"
db = SQLAlchemy(app)
Migrate(app, db)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""


def test_the_command_of_a_program(tmp_path: Path) -> None:
    """``waterspout --app program db …`` in its folder, with the logging that the templates have."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    app = App("program", instance_path=str(tmp_path))
    make(app)
    runner(app)("init")
    done = subprocess.run(
        [sys.executable, "-m", "waterspout", "--app", "program", "db", "migrate", "-m", "first"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Detected added table 'user'" in done.stderr
    (script,) = (tmp_path / "migrations" / "versions").glob("*.py")
    assert '"""first' in script.read_text(encoding="utf-8")
