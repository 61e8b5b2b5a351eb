"""Start a server pinned to one core, ask it something, weigh it, and end it by its pid."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
START_LIMIT = 20.0  # seconds a server may take until it answers
STOP_LIMIT = 10.0  # seconds between SIGTERM and SIGKILL
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """How a server is started. ``{port}`` in an argument becomes the port."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Running:
    """A server that runs, with everything it started itself."""

    def __init__(self, server: Server, port: int, process: subprocess.Popen[bytes]) -> None:
        self.server = server
        self.name = server.name
        self.port = port
        self.process = process

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: str | bytes = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, dict(headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())

    def _stats(self) -> Iterator[tuple[int, list[str]]]:
        """Yield pid and ``/proc/pid/stat`` fields (from the state on) of the server's session."""
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    stat = Path("/proc", entry, "stat").read_text()
                    fields = stat.rpartition(")")[2].split()
                    if int(fields[3]) == self.process.pid:
                        yield int(entry), fields

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        return sum(int(f[11]) + int(f[12]) for _, f in self._stats()) / TICKS

    def rss(self) -> int:
        """Return the resident memory in bytes."""
        pages = sum(int(f[21]) for _, f in self._stats())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def forget_peak(self) -> None:
        """Begin anew to note the most memory that each process holds."""
        for pid, _ in self._stats():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        """Return the most resident memory since `forget_peak` in bytes, of all processes."""
        total = 0
        for pid, _ in self._stats():
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(status.partition("VmHWM:")[2].split()[0]) * 1024
        return total


def core_seconds(core: int) -> float:
    """Return the seconds a core has been at work for programs, or was taken by the host."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = next(line.split() for line in file if line.startswith(f"cpu{core} "))
    user, nice, system, steal = (int(fields[n]) for n in (1, 2, 3, 8))
    return (user + nice + system + steal) / TICKS


def pinned(core: int, *argv: str) -> list[str]:
    """Return the command line that runs `argv` on one core, under the same pid."""
    return ["taskset", "-c", str(core), *argv]


def free_port() -> int:
    """Return a port of 127.0.0.1 nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(name: str) -> str:
    """Return the path of a command installed beside this Python, or found on PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or name


@contextlib.contextmanager
def running(server: Server, ready: str = "/") -> Iterator[Running]:
    """Start `server` on its core and yield it once GET `ready` answers; end it afterwards."""
    port = free_port()
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            pinned(SERVER_CORE, *(part.format(port=port) for part in server.argv)),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", **server.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        started = Running(server, port, process)
        try:
            try:
                _wait_until_it_answers(started, ready)
            except RuntimeError as error:
                log.seek(0)
                tail = log.read()[-2000:].decode(errors="replace")
                raise RuntimeError(f"{server.name}: {error}\n{tail}") from None
            yield started
        finally:
            _end(process)


def _wait_until_it_answers(started: Running, ready: str) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if started.process.poll() is not None:
            raise RuntimeError(f"ended with code {started.process.returncode} at the start")
        with contextlib.suppress(OSError, http.client.HTTPException):
            started.ask(ready)
            return
        time.sleep(0.05)
    raise RuntimeError(f"no answer within {START_LIMIT:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server with SIGTERM, and what is left of its session with SIGKILL."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
