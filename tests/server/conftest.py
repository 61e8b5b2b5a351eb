"""Processes and loops for the server's tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_SECONDS = 20.0  # the longest any of these waits; reached only by a failing test


class Program:
    """A server in a process of its own, and what it wrote."""

    def __init__(self, command: list[str], cwd: Path, environ: dict[str, str]) -> None:
        self.notes = cwd / "notes"
        paths = [str(cwd), str(HERE), *sys.path]
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "NOTES": str(self.notes),
                "PYTHONUNBUFFERED": "1",
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
                    assert not ended and time.monotonic() < deadline, self.output
            return found[count - 1]

    def wait_for_note(self, text: str, count: int = 1) -> None:
        deadline = time.monotonic() + _SECONDS
        while self.noted().count(text) < count:
            assert time.monotonic() < deadline, (self.noted(), self.output)
            time.sleep(0.01)

    def noted(self) -> list[str]:
        return self.notes.read_text().split("\n")[:-1] if self.notes.exists() else []

    def port(self) -> int:
        """Wait for the start line and return its port."""
        line = self.wait_for_line("Listening")
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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program: arguments of Python, or its source."""
    started: list[Program] = []

    def run(*arguments: str, source: str = "", **environ: str) -> Program:
        if source:
            script = tmp_path / "program.py"
            script.write_text(source)
            arguments = (str(script), *arguments)
        command = [sys.executable, "-W", "error", *arguments]
        started.append(Program(command, tmp_path, environ))
        return started[-1]

    yield run
    for program in started:
        program.end()


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "uvloop":
        pytest.importorskip("uvloop")
    return name


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
