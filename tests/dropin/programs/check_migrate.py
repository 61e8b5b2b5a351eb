"""Flask-Migrate: its commands, through the program's command line."""

import sqlite3
from contextlib import closing

import pytest
from flask.cli import FlaskGroup, ScriptInfo
from migrate_program import create_app, db


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/things.sqlite3")
    app = create_app()
    runner = app.test_cli_runner()
    cli = FlaskGroup(create_app=lambda: app)

    def run(*arguments):
        result = runner.invoke(cli, arguments, obj=ScriptInfo(create_app=lambda: app))
        assert result.exit_code == 0, result.output
        return result.output

    yield run
    with app.app_context():
        db.engine.dispose()


# Flask-Migrate's own template of env.py asks in an old way first.
@pytest.mark.filterwarnings("default:'get_engine' is deprecated:DeprecationWarning")
def test_init_migrate_upgrade_downgrade(run, tmp_path):
    run("db", "init")
    run("db", "migrate", "-m", "first")
    run("db", "upgrade")
    with closing(sqlite3.connect(tmp_path / "things.sqlite3")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(thing)")]
    assert columns == ["id", "name"]
    assert list(tmp_path.glob("migrations/versions/*_first.py"))
    run("db", "downgrade")
    with closing(sqlite3.connect(tmp_path / "things.sqlite3")) as connection:
        assert list(connection.execute("PRAGMA table_info(thing)")) == []
