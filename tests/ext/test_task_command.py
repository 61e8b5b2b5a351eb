"""The command ``waterspout tasks``: several workers, how they stop, what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import redis
from services import service_url
from workers import drop_queues as drop_queues  # a fixture
from workers import make_app, queue_name, worker_process

from processes import wait_until

PROGRAM = """
import os
import time

from waterspout import App
from waterspout.ext.tasks import Tasks

app = App("shop")
for name in ("TASKS_URL", "TASKS_QUEUE"):
    app.config[name] = os.environ[name]
tasks = Tasks(app)


def note(word):
    with open(os.environ["NOTES"], "a") as file:
        print(word, os.getpid(), file=file)


@app.on_startup
def started():
    note("started")


@app.on_shutdown
async def stopped():
    note("stopped")


@tasks.task(name="work")
def work():
    note("begin")
    while not os.path.exists(os.environ["NOTES"] + ".go"):
        time.sleep(0.01)
    note("end")
"""


def test_workers_stop_when_their_tasks_are_done(tmp_path: Path) -> None:
    """With ``-w 2`` two processes work; a killed one is replaced; SIGTERM ends all of them, after
    the tasks that run, with the functions of the application's stop."""
    url, queue, notes = service_url("redis"), queue_name(), tmp_path / "notes"
    notes.touch()
    (tmp_path / "shop.py").write_text(PROGRAM)
    app, tasks = make_app(url, TASKS_QUEUE=queue)

    @tasks.task(name="work")
    def work() -> None:
        """Is done by the workers."""

    def pids(word: str) -> list[int]:
        lines = (line.split() for line in notes.read_text().splitlines())
        return [int(pid) for what, pid in lines if what == word]

    environ = {"TASKS_URL": url, "TASKS_QUEUE": queue, "NOTES": str(notes)}
    with worker_process(tmp_path, environ, "-w", "2") as supervisor:
        wait_until(lambda: len(pids("started")) == 2)
        os.kill(pids("started")[0], signal.SIGKILL)
        wait_until(lambda: len(pids("started")) == 3)
        work.enqueue()
        wait_until(lambda: len(pids("begin")) == 1)
        supervisor.send_signal(signal.SIGTERM)
        (tmp_path / "notes.go").touch()
        assert supervisor.wait(20) == 0
    assert pids("end") == pids("begin")
    assert sorted(pids("stopped")) == sorted(pids("started")[1:])
    tasks.close()
    with redis.Redis.from_url(url) as client:
        assert client.xlen(f"{{{queue}}}") == 0
    assert app.name == "shop"


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    """A start function that fails ends the worker with its error."""
    (tmp_path / "broken.py").write_text(
        "from waterspout import App\n"
        "from waterspout.ext.tasks import Tasks\n"
        "app = App('broken')\n"
        "tasks = Tasks(app)\n"
        "@app.on_startup\n"
        "def wrong():\n"
        "    raise LookupError('no such warehouse')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "waterspout", "--app", "broken", "tasks"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "no such warehouse" in done.stderr
    assert "Traceback" not in done.stderr
