"""A server in a process of its own, for the tests: what it prints, its port, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
_SECONDS = 20.0  # the longest any of these waits; reached only by a failing test


class Program:
    """A server in a process of its own, and what it wrote."""

    def __init__(self, command: list[str], cwd: Path, environ: dict[str, str]) -> None:
        paths = [str(cwd), str(HERE), *sys.path]
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for_line(self, text: str, count: int = 1) -> str:
        """Return the `count`-th line that contains `text`."""
        deadline = time.monotonic() + _SECONDS
        with self._more:
            while len(found := [line for line in self.lines if text in line]) < count:
                ended = self.process.poll() is not None and not self._reader.is_alive()
                if ended or not self._more.wait(min(0.5, deadline - time.monotonic())):
                    assert not ended, self.output
                    assert time.monotonic() < deadline, self.output
            return found[count - 1]

    def notes(self) -> list[str]:
        """Return what the served application noted so far."""
        marked = [line for line in self.lines if line.startswith("note: ")]
        return [line.removeprefix("note: ").rstrip() for line in marked]

    def port(self) -> int:
        """Wait for the start line and return its port."""
        line = self.wait_for_line(" http")
        return int(line.split("://")[1].split()[0].rstrip("/").rpartition(":")[2])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Return the exit status."""
        status = self.process.wait(_SECONDS)
        self._reader.join(_SECONDS)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()

    def end(self) -> None:
        """Kill the process and the workers that it started (its own session)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_SECONDS)
        self._reader.join(_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


Start = Callable[..., Program]
