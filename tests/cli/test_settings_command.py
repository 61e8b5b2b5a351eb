"""`settings`, `run --help`, and what the environment says to every way of serving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_program import HELLO, Program

from waterspout.server.settings import ServerSettings
from waterspout.server.settings_sources import described, unknown_variables, values


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "WATERSPOUT" not in name}
    return subprocess.run(
        [sys.executable, "-m", "waterspout", *arguments],
        cwd=folder,
        env={**clean, "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def settings(folder: Path, *arguments: str, **environ: str) -> dict[str, tuple[object, str]]:
    done = run(folder, "settings", "--json", *arguments, **environ)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {name: (row["value"], row["source"]) for name, row in found.items()}


def test_every_setting_is_described() -> None:
    """Each has a sentence, and a variable that sets it."""
    for setting in described():
        assert len(setting.about) > 10, setting
        text = "0o600" if setting.name == "uds_mode" else None
        if isinstance(setting.default, float) or type(setting.default) is int:
            text = "7"
        if text is not None:
            made = values(ServerSettings.from_env({setting.variable: text}))
            assert made[setting.name] == (0o600 if text == "0o600" else 7)


def test_each_value_has_its_source(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WATERSPOUT_TIMEOUTS_GRACEFUL=30\nWATERSPOUT_BACKLOG=7\n")
    found = settings(
        tmp_path, "--port", "8000", "-w", "2",
        WATERSPOUT_HOST="0.0.0.0", WATERSPOUT_BACKLOG="9", WATERSPOUT_LIMITS_PIPELINE="16",
    )  # fmt: skip
    assert found["port"] == (8000, "option")
    assert found["workers"] == (2, "option")
    assert found["host"] == ("0.0.0.0", "environment (WATERSPOUT_HOST)")
    assert found["backlog"] == (9, "environment (WATERSPOUT_BACKLOG)")
    assert found["limits.pipeline"] == (16, "environment (WATERSPOUT_LIMITS_PIPELINE)")
    assert found["timeouts.graceful"] == (30.0, "file (WATERSPOUT_TIMEOUTS_GRACEFUL)")
    assert found["access_log"] == ("-", "run")
    assert found["timeouts.keep_alive"] == (75.0, "default")


def test_under_gunicorn(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("keepalive = 9\nthreads = 3\nmine = 1\n")
    found = settings(
        tmp_path, "--gunicorn", "gunicorn.conf.py", GUNICORN_CMD_ARGS="--limit-request-fields 50"
    )
    source = "gunicorn (gunicorn.conf.py)"
    assert found["timeouts.keep_alive"] == (9.0, source)
    assert found["threads.views_max"] == (3, source)
    assert found["limits.header_count"] == (50, source)
    assert found["limits.request_line"] == (8192, "default")


def test_gunicorns_errors_are_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("keepalive = 'long'\n")
    done = run(tmp_path, "settings", "--gunicorn", "gunicorn.conf.py")
    assert done.returncode == 2
    assert "gunicorn.conf.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_as_a_table(tmp_path: Path) -> None:
    done = run(tmp_path, "settings", WATERSPOUT_KEY_PASSWORD="secret")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert rows["timeouts.graceful"].split() == ["timeouts.graceful", "10.0", "default"]
    assert "secret" not in done.stdout


def test_the_help_of_run_lists_the_variables(tmp_path: Path) -> None:
    text = " ".join(run(tmp_path, "run", "--help").stdout.split())
    assert all(setting.variable in text for setting in described())
    assert (
        "WATERSPOUT_TIMEOUTS_GRACEFUL For the whole of a stop: draining, running requests, hooks."
        " (seconds) [default: 10.0]"
    ) in text


def test_a_misspelt_variable_is_named(program: Program) -> None:
    assert unknown_variables({"WATERSPOUT_PROT": "1", "WATERSPOUT_DROPIN": "1", "HOME": "/"}) == [
        "The variable WATERSPOUT_PROT sets nothing. Did you mean WATERSPOUT_PORT?"
    ]
    program.write("hello.py", HELLO)
    served = program.start("run", "hello:app", "--port", "0", WATERSPOUT_TIMEOUT_GRACEFUL="3")
    served.hears(
        "The variable WATERSPOUT_TIMEOUT_GRACEFUL sets nothing."
        r" Did you mean WATERSPOUT_TIMEOUTS_GRACEFUL\?"
    )
    assert served.ask() == (200, "hello")


@pytest.mark.parametrize("way", ["app.run", "flask run"])
def test_app_run_and_flask_run_take_what_the_environment_says(program: Program, way: str) -> None:
    program.write("hello.py", HELLO)
    program.write("main.py", "from hello import app\napp.run()\n")
    variables = {"WATERSPOUT_PORT": "0", "WATERSPOUT_LIMITS_REQUEST_LINE": "100"}
    command = {
        "app.run": [sys.executable, "main.py"],
        "flask run": [sys.executable, "-m", "waterspout.flask", "--app", "hello", "run"],
    }[way]
    served = program.start_process(command, **variables)
    assert served.ask() == (200, "hello")
    assert served.ask("/" + "x" * 200)[0] == 414


def test_arguments_of_app_run_come_first(program: Program) -> None:
    program.write("hello.py", HELLO)
    program.write("main.py", "from hello import app\napp.run('127.0.0.1', 0)\n")
    variables = {"WATERSPOUT_PORT": "1", "WATERSPOUT_HOST": "0.0.0.0", "WATERSPOUT_UDS": "no.sock"}
    served = program.start_process([sys.executable, "main.py"], **variables)
    assert served.ask() == (200, "hello")
