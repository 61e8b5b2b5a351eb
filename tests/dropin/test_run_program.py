"""L5: a program that `python -m waterspout.dropin program.py` runs finds what Python gives it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from dropin_process import RunPython

PROGRAM = """
import asyncio, json, sys
from tornado import gen, web

@gen.coroutine
def early():
    return web.__name__

def main():
    future = early()  # on the loop that `get_event_loop` gives, before anything runs
    module = asyncio.get_event_loop().run_until_complete(future)
    found = {"file": __file__, "name": __name__, "argv": sys.argv[1:], "path": sys.path[0]}
    print(json.dumps(found | {"module": module}))

main()
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there is no loop before one runs")
@pytest.mark.parametrize("launcher", [[], ["-m", "waterspout.dropin"]], ids=["python", "drop-in"])
def test_l5_a_program_is_run_as_python_runs_it(
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
