"""Unmodified Flask programs with unmodified extensions, and their tests, on Waterspout.

The programs and their checks are in `programs/`. They know nothing of Waterspout: the same files
pass on real Flask, which the first test makes sure of.
"""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from dropin_process import PROGRAMS, RunPython

EXTENSIONS = [
    *("csrf", "login", "mail", "migrate", "openapi3", "session", "smorest", "sqlalchemy", "wtf"),
]

#: Packages that follow a request by context variables; each changes its process for good.
TRACERS = ["elasticapm", "opentelemetry", "sentry", "structlog"]

#: Packages that keep what belongs to a request by the thread it runs in.
KEEPERS = ["peewee"]


def check(run_python: RunPython, world: str, *files: str) -> subprocess.CompletedProcess[str]:
    plugin = ["-p", "waterspout.dropin.pytest_plugin"] if world == "waterspout" else []
    paths = [str(PROGRAMS / file) for file in files]
    return run_python(
        "-m", "pytest", *plugin, "-c", str(PROGRAMS / "pytest.ini"), *paths, FLASK_IS=world
    )


def test_checks_hold_on_real_flask(run_python: RunPython) -> None:
    """The programs are Flask programs: what is asked of Waterspout is what Flask does."""
    result = check(run_python, "flask", *(f"check_{name}.py" for name in EXTENSIONS))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_program_with_extension(run_python: RunPython, extension: str) -> None:
    """The extension works as on Flask."""
    result = check(run_python, "waterspout", f"check_{extension}.py")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("tracer", [*TRACERS, *KEEPERS])
@pytest.mark.parametrize("world", ["flask", "waterspout"])
def test_what_follows_requests_does_not_mix_them(
    run_python: RunPython, world: str, tracer: str
) -> None:
    """`def` and `async def` views, streams and errors, asked for by a crowd at once."""
    result = check(run_python, world, f"check_{tracer}.py")
    assert result.returncode == 0, result.stdout


def test_flask_script_with_flask_migrate(run_python: RunPython, tmp_path: Path) -> None:
    """`python manage.py db …`, as Flask-Migrate had it until 3.0, over the installed one."""
    database = f"sqlite:///{tmp_path}/things.sqlite3"

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(PROGRAMS / "manage_program.py")
        return run_python("-m", "waterspout.dropin", program, *arguments, DATABASE_URL=database)

    for arguments in (["db", "init"], ["db", "migrate", "-m", "first"], ["db", "upgrade"]):
        result = manage(*arguments)
        assert result.returncode == 0, result.stderr
    with closing(sqlite3.connect(tmp_path / "things.sqlite3")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(thing)")]
    assert columns == ["id", "name"]
    assert list(tmp_path.glob("migrations/versions/*_first.py"))
    assert "(head)" in manage("db", "current").stdout
    wrong = manage("db", "no-such")
    assert wrong.returncode == 2
    assert "No such command 'no-such'" in wrong.stderr
