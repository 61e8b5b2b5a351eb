"""A program that `python -m waterspout.dropin program.py` runs finds what Python gives it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from dropin_process import PROGRAMS, RunPython

PROGRAM = """
import asyncio, json, sys
from tornado import gen, web

@gen.coroutine
def early():
    return web.__spec__.name

def main():
    future = early()  # on the loop that `get_event_loop` gives, before anything runs
    module = asyncio.get_event_loop().run_until_complete(future)
    found = {"file": __file__, "name": __name__, "argv": sys.argv[1:], "path": sys.path[0]}
    print(json.dumps(found | {"module": module}))

main()
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there is no loop before one runs")
@pytest.mark.parametrize("launcher", [[], ["-m", "waterspout.dropin"]], ids=["python", "drop-in"])
def test_a_program_is_run_as_python_runs_it(
    launcher: list[str], run_python: RunPython, tmp_path: Path
) -> None:
    """Its path is absolute however it was named, its arguments are its own, and a coroutine may be
    called before there is a loop."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "program.py").write_text(PROGRAM, encoding="utf-8")
    result = run_python(*launcher, "below/program.py", "--a", "b")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "file": str(tmp_path / "below" / "program.py"),
        "name": "__main__",
        "argv": ["--a", "b"],
        "path": str(tmp_path / "below"),
        "module": "waterspout.tornado.web" if launcher else "tornado.web",
    }


def test_uvloop_can_be_declined(run_python: RunPython) -> None:
    """`WATERSPOUT_LOOP=asyncio`: what patches asyncio's loop works."""
    program = str(PROGRAMS / "loop_program.py")
    result = run_python("-m", "waterspout.dropin", program, WATERSPOUT_LOOP="asyncio")
    assert result.returncode == 0, result.stderr
    assert "OK" in result.stderr


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_children_of_tornado_are_waited_for(run_python: RunPython, loop: str) -> None:
    """On either loop; uvloop keeps SIGCHLD to itself."""
    program = str(PROGRAMS / "child_program.py")
    result = run_python("-m", "waterspout.dropin", program, WATERSPOUT_LOOP=loop)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        *("out 0", "[0, 1, 2, 3, 4] [0, 1, 2, 3, 4]", "-9", "error 3", "4"),
    ]


@pytest.mark.parametrize("name", ["asyncio", "auto"])
def test_the_loop_of_app_run_can_be_declined(run_python: RunPython, name: str) -> None:
    program = """
import asyncio, os, signal
from flask import Flask
app = Flask(__name__)

@app.on_startup
async def tell():
    print(type(asyncio.get_running_loop()).__module__)
    os.kill(os.getpid(), signal.SIGTERM)

app.run(port=0)
"""
    code = f"import waterspout.dropin; waterspout.dropin.begin()\n{program}"
    result = run_python("-c", code, WATERSPOUT_LOOP=name)
    assert result.returncode == 0, result.stderr
    assert (
        result.stdout.splitlines()[-1]
        == {
            "asyncio": "asyncio.unix_events",
            "auto": "uvloop",
        }[name]
    )


def test_a_variable_without_effect_is_named(run_python: RunPython, tmp_path: Path) -> None:
    """`WATERSPOUT_DROPIN=1` in an environment that is not enabled for it."""
    (tmp_path / "plain.py").write_text(
        "import os, signal\n"
        "from waterspout import App\n"
        "from waterspout.server import serve\n"
        "app = App(__name__)\n"
        "app.on_startup(lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "serve(app, port=0)\n"
    )
    said = run_python("plain.py", WATERSPOUT_DROPIN="1").stderr
    assert "WATERSPOUT_DROPIN=1 has no effect" in said
    assert "python -m waterspout.dropin enable" in said
    assert "no effect" not in run_python("plain.py").stderr
