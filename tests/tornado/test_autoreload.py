"""`autoreload`: a program that starts itself anew, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# Runs twice: the first time it changes a file that is watched.
PROGRAM = """
import os, sys
from waterspout.tornado import autoreload
from waterspout.tornado.ioloop import IOLoop

print("started", sys.argv[1:], flush=True)
if os.path.exists("second"):
    os._exit(0)
autoreload.watch("watched")
autoreload.add_reload_hook(lambda: print("hook", flush=True))
autoreload.start(check_time=10)
def change():
    open("second", "w").close()
    os.utime("watched", (1, 1))
IOLoop.current().call_later(0.1, change)
IOLoop.current().start()
"""


def run(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in *directory*."""
    environ = {name: value for name, value in os.environ.items() if name != "WATERSPOUT_DROPIN"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**environ, "PYTHONPATH": str(SOURCE), **variables},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


@pytest.mark.parametrize("way", [["program.py"], ["-X", "utf8", "-m", "program"]])
def test_a_changed_file_starts_the_program_anew(way: list[str], tmp_path: Path) -> None:
    """By the same command line; hooks run before."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "watched").touch()
    done = run(tmp_path, *way, "an argument")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "started ['an argument']",
        "hook",
        "started ['an argument']",
    ]


def test_under_our_supervisor_it_leaves_that_to_it(tmp_path: Path) -> None:
    """Two that restart one program would get in each other's way."""
    script = (
        "from waterspout.tornado import autoreload as a; a.start(); a.start(); print(len(a._loops))"
    )
    assert run(tmp_path, "-c", script).stdout == "1\n"
    assert run(tmp_path, "-c", script, WERKZEUG_RUN_MAIN="true").stdout == "0\n"


class TestCommand:
    """``python -m waterspout.tornado.autoreload``."""

    COMMAND = ("-m", "waterspout.tornado.autoreload")

    def test_until_success(self, tmp_path: Path) -> None:
        """A program that fails is run again when its file changes; a good end is the end."""
        program = tmp_path / "program.py"
        # Mends itself in the background, as somebody with an editor would.
        program.write_text(
            "import subprocess, sys\n"
            'mend = \'import time; time.sleep(1.5); open(sys.argv[1], "w").write("print(1)")\'\n'
            "subprocess.Popen([sys.executable, '-c', 'import sys;' + mend, __file__])\n"
            "print(0, flush=True)\n"
            "raise ValueError('at first')\n"
        )
        done = run(tmp_path, *self.COMMAND, "--until-success", "program.py")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["0", "1"]
        assert "at first" in done.stderr

    def test_arguments(self, tmp_path: Path) -> None:
        """All that stands behind the program is the program's."""
        (tmp_path / "program.py").write_text("import sys; print(sys.argv)")
        for way in (["program.py"], ["-m", "program"]):
            done = run(tmp_path, *self.COMMAND, "--until-success", *way, "a", "--b", "-m")
            assert done.stdout.endswith("'a', '--b', '-m']\n"), done.stderr

    def test_nothing_to_run(self, tmp_path: Path) -> None:
        """It says what is missing."""
        done = run(tmp_path, *self.COMMAND)
        assert done.returncode == 2
        assert "Either -m or a path must be specified" in done.stderr
