"""Packages that lean on Tornado's inside, unmodified: they do here what they do on Tornado."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from dropin_process import PROGRAMS, RunPython

#: Arguments of the interpreter, and variables, for the programs' worlds.
WORLDS: dict[str, tuple[list[str], dict[str, str]]] = {
    "tornado": ([], {}),
    "uvloop": (["-m", "waterspout.dropin"], {}),
    "asyncio": (["-m", "waterspout.dropin"], {"WATERSPOUT_LOOP": "asyncio"}),
}


#: They take five on an idle machine, most of it for imports.
_SECONDS = 100
pytestmark = pytest.mark.timeout(_SECONDS + 20)


def found_by(run_python: RunPython, world: str, program: str, *arguments: str) -> dict[str, Any]:
    """Return what a program prints, which says whose handlers it had."""
    start, variables = WORLDS[world]
    result = run_python(*start, str(PROGRAMS / program), *arguments, seconds=_SECONDS, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert found.pop("handlers") == ("tornado" if world == "tornado" else "waterspout")
    return found


@pytest.mark.parametrize("world", WORLDS)
def test_distributed_talks_by_websockets(run_python: RunPython, world: str) -> None:
    """Its handlers look at `request.connection.stream`, which is None behind the upgrade. The
    dashboard is looked at where bokeh is installed: with pandas it has 200 MB."""
    found = found_by(run_python, world, "distributed_program.py")
    if find_spec("bokeh") is not None:
        assert found.pop("dashboard") == ["bokeh", "ACK", "PULL-DOC-REPLY"]
    assert found == {
        "sum": 6,
        "large": 3_000_000,
        "many": 1275,
        "error": "comes",
        "/health": 200,
        "/json/counts.json": 200,
        "/info/main/workers.html": 200,
        "/none": 404,
        "event": True,
    }


@pytest.mark.parametrize("world", WORLDS)
def test_a_jupyter_server_answers_the_request_that_ends_it(
    run_python: RunPython, world: str, tmp_path: Path
) -> None:
    """`IOLoop.stop` takes effect behind what was written before."""
    assert found_by(run_python, world, "jupyter_program.py", str(tmp_path)) == {
        "api": 200,
        "wrong token": 403,
        "put": 201,
        "content": "hello",
        "file": [200, "hello"],
        "missing": 404,
        "sessions": [200, "[]"],
        "shutdown": 200,
    }
