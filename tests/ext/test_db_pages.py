"""docs/db.md and docs/migrate.md keep their word: their programs run, their settings are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pages
import pytest

from waterspout.ext.db import extension
from waterspout.ext.migrate.cli import db as commands


@pytest.fixture
def notes(tmp_path: Path) -> dict[str, Any]:
    return pages.program("db", tmp_path)


def test_both_languages_agree() -> None:
    pages.assert_both_languages_agree("db")
    pages.assert_both_languages_agree("migrate")


def test_the_program_of_databases_runs(notes: dict[str, Any]) -> None:
    client = notes["app"].test_client()
    for text in ("first", "second"):
        assert client.post("/notes", data={"name": "Ada", "text": text}).status_code == 201
    assert client.get("/notes?per_page=1").json == {"notes": ["first"], "pages": 2}
    assert client.get("/notes/2").json == {"text": "second", "by": "Ada"}
    assert client.get("/search?words=sec").json == {"notes": ["second"]}
    assert client.get("/counts").json == {"counts": [1, 2]}
    assert client.get("/export").text == client.get("/export/async").text == "first\nsecond\n"
    assert client.get("/health/database").json == {"database": "up"}
    _, shop_db, visit = notes["make_shop"]()
    with notes["make_shop"].__globals__["app"].app_context():
        assert visit.metadata is shop_db.metadatas["logs"]


def test_the_tests_of_the_program_pass(notes: dict[str, Any], tmp_path: Path) -> None:
    """Each is undone: both see the notes that it has made, and they are gone afterwards."""
    for text in ("first", "again"):
        for client in notes["client"].__wrapped__():  # the fixture's function
            notes["test_adding_a_note"](client, text)
    with notes["app"].app_context():
        assert notes["db"].session.scalars(notes["db"].select(notes["Note"])).all() == []


def test_every_setting_is_on_the_page(notes: dict[str, Any]) -> None:
    page = (pages.DOCS / "db.md").read_text(encoding="utf-8").partition("## Settings")[2]
    rows = dict(re.findall(r"^\| `(SQLALCHEMY_\w+)` \| `(.*?)` \|", page, re.MULTILINE))
    read = {name: repr(value) for name, value in extension._SETTINGS.items()}
    pragmas = notes["app"].config["SQLALCHEMY_SQLITE_PRAGMAS"]
    assert {name: value.replace('"', "'") for name, value in rows.items()} == {
        **read,
        "SQLALCHEMY_SQLITE_PRAGMAS": repr(pragmas),
    }


def test_the_program_of_migrations_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("logging.config.fileConfig", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    shop = pages.program("migrate", tmp_path)
    app, db = shop["app"], shop["db"]
    (script,) = pages.blocks("migrate", "sh")
    for line in script.splitlines()[:2]:
        message = re.search(r'"(.*?)"', line)
        arguments = line.split("#")[0].split('"')[0].split()[3:] + ([message[1]] if message else [])
        result = app.test_cli_runner().invoke(args=arguments)
        assert result.exit_code == 0, result.output
    shop["prepare_database"]()
    with app.app_context():
        assert db.inspect(db.engine).has_table("product")
        db.engine.dispose()
    with pytest.raises(SystemExit):
        shop["manager"].handle("manage.py", ["db", "current"])
    assert "(head)" in capsys.readouterr().out


def test_every_command_is_on_the_page() -> None:
    page = (pages.DOCS / "migrate.md").read_text(encoding="utf-8").partition("## The commands")[2]
    named = set(re.findall(r"`db ([a-z-]+)", page.partition("\n## ")[0]))
    assert named == set(commands.commands)
