"""Programs in a directory of their own, and the commands that run them in processes."""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
SECONDS = 55  # the longest anything here may take
LISTENING = re.compile(r"(?:Listening|Running) on https?://[^ :]+:(\d+)")

HELLO = """
    from waterspout import App

    app = App(__name__)

    @app.route("/")
    def index():
        return "hello"
"""


class Program:
    """A directory with source files, and what is run in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._served: list[Served] = []

    def write(self, name: str, text: str) -> Path:
        """Save a file, as an editor does: in one step."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + "~")
        draft.write_text(textwrap.dedent(text), encoding="utf-8")
        draft.replace(path)
        return path

    def environment(self, **variables: str) -> dict[str, str]:
        """Return this process's environment without what would speak to the command."""
        ours = ("FLASK_", "WATERSPOUT_", "WERKZEUG_", "PYTEST_")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        paths = [str(SOURCE), clean.get("PYTHONPATH", "")]
        return clean | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | variables

    def run(
        self, *arguments: str, module: str = "waterspout", given: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.directory,
            env=self.environment(**variables),
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(
        self,
        *arguments: str,
        module: str = "waterspout",
        stdin: int | None = None,
        **variables: str,
    ) -> Served:
        """Start a command that serves. It is ended with the test."""
        command = [sys.executable, "-m", module, *arguments]
        return self.start_process(command, stdin, **variables)

    def start_process(
        self, command: list[str], stdin: int | None = None, **variables: str
    ) -> Served:
        """Start any process that serves."""
        process = subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.environment(**variables),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        served = Served(process)
        self._served.append(served)
        return served

    def close(self) -> None:
        """End what is still running."""
        for served in self._served:
            served.stop()


class Served:
    """A process that serves, what it said, and a client of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.said += line
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def hears(self, pattern: str | re.Pattern[str], times: int = 1) -> re.Match[str]:
        """Wait until the process has said *pattern* that many times; return the last."""
        found: list[re.Match[str]] = []

        def enough() -> bool:
            found[:] = re.finditer(pattern, self.said)
            return len(found) >= times or self.process.poll() is not None

        with self._heard:
            assert self._heard.wait_for(enough, SECONDS), self.said
        assert len(found) >= times, f"It ended and said:\n{self.said}"
        return found[-1]

    @property
    def port(self) -> int:
        """The port, once it listens."""
        return int(self.hears(LISTENING)[1])

    def ask(self, path: str = "/", tls: ssl.SSLContext | None = None) -> tuple[int, str]:
        """Return status and body of the answer to a GET."""
        connection = (
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=tls)
            if tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        )
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def asks_until(self, wanted: Callable[[tuple[int, str]], bool]) -> tuple[int, str]:
        """Ask until the answer is as *wanted*; every request must be answered."""
        deadline = time.monotonic() + SECONDS
        while not wanted(answer := self.ask()):
            assert time.monotonic() < deadline, f"{answer}\n{self.said}"
        return answer

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._listener.join()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(SECONDS)
