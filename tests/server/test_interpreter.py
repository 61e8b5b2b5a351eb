"""What a process that serves sets for its threads and its memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SERVES = """
import sys, threading, time, urllib.request
from waterspout import App
from waterspout.server import ServerSettings, serve
import waterspout.server.process.run as run
{before}
app = App("program")

@app.get("/")
def interval():
    threading.Timer(0.1, lambda: __import__("os").kill(__import__("os").getpid(), 15)).start()
    return str(sys.getswitchinterval())

def ask(server):
    def work():
        print(urllib.request.urlopen(server.urls[0], timeout=10).read().decode())
    threading.Thread(target=work).start()

run.serve_here(app, ServerSettings(port=0, access_log=None){change}, ready=ask)
"""


@pytest.mark.parametrize(
    ("before", "change", "interval"),
    [
        ("", "", "0.001"),
        ("", ".evolve(threads={'switch': 0.01})", "0.01"),
        ("sys.setswitchinterval(0.02)", "", "0.02"),
    ],
    ids=["default", "setting", "program"],
)
def test_threads_that_compute_let_others_run(before: str, change: str, interval: str) -> None:
    program = SERVES.format(before=before, change=change)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == interval, done.stderr


def test_an_allocator_that_the_environment_sets_is_left_alone() -> None:
    program = (
        "import ctypes\n"
        "ctypes.CDLL = lambda *_: print('asked')\n"
        "from waterspout.server.process.interpreter import prepare\n"
        "from waterspout.server.settings import Threads\n"
        "prepare(Threads())\n"
    )
    for name, said in (("MALLOC_TRIM_THRESHOLD_", ""), ("OTHER", "asked")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, name: "1000000"},
        )
        assert done.stdout.strip() == said
