"""Several worker processes, and new ones when a process ends or a source file changes."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module

import click

__all__ = ["CHILD_VARIABLE", "Supervisor"]

#: Is set in the environment of a worker process.
CHILD_VARIABLE = "WATERSPOUT_TASKS_CHILD"

#: Seconds that a worker may take, after its tasks' grace, to end.
_FAREWELL = 5.0
#: Seconds before a worker that has ended is started anew; doubled each time, up to the second.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: A worker that has lived so long has not failed at its start.
_HEALTHY = 10.0

Event = tuple[str, object]


class Supervisor:
    """Keeps *count* processes running, each this very command line again."""

    def __init__(self, count: int, grace: float, reload: bool) -> None:
        self._count = count
        self._patience = grace + _FAREWELL
        self._reload = reload
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._children: dict[subprocess.Popen[bytes], float] = {}
        self._pause = _FIRST_PAUSE

    def run(self) -> int:
        """Supervise until a signal comes; return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self._events.put(("signal", number)))
        if self._reload:
            threading.Thread(target=self._watch, name="waterspout-tasks-watch", daemon=True).start()
        for _ in range(self._count):
            self._start()
        while True:
            what, which = self._events.get()
            if what == "signal":
                return self._stop()
            if what == "changed":
                click.echo("Source files have changed; the workers begin anew.", err=True)
                self._stop()
                for _ in range(self._count):
                    self._start()
            elif which in self._children:
                self._replace(which)

    def _start(self) -> None:
        command = [sys.executable, *sys.orig_argv[1:]]
        child = subprocess.Popen(command, env={**os.environ, CHILD_VARIABLE: "1"})
        self._children[child] = time.monotonic()

        def wait() -> None:
            child.wait()
            self._events.put(("ended", child))

        threading.Thread(target=wait, name="waterspout-tasks-child", daemon=True).start()

    def _replace(self, child: subprocess.Popen[bytes]) -> None:
        if time.monotonic() - self._children.pop(child) > _HEALTHY:
            self._pause = _FIRST_PAUSE
        click.echo(
            f"A worker ended with status {child.returncode}; a new one is started.", err=True
        )
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._start()

    def _stop(self) -> int:
        """Tell all to end, and wait; kill those that do not."""
        children, self._children = self._children, {}
        for child in children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + self._patience
        for child in children:
            try:
                child.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                click.echo(f"Worker {child.pid} did not end and is killed.", err=True)
                child.kill()
                child.wait()
        return 0

    def _watch(self) -> None:
        watchfiles = import_module("watchfiles")  # PERF: takes 60 ms, and nobody else needs it
        filtered = watchfiles.PythonFilter()
        for _ in watchfiles.watch(
            os.getcwd(), watch_filter=filtered, ignore_permission_denied=True
        ):
            self._events.put(("changed", None))
