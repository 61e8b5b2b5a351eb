"""Run wrk, pinned to the core the server does not have, and read its figures."""

from __future__ import annotations

import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .servers import LOAD_CORE, SERVER_CORE, TICKS, Running, core_seconds, pinned

HERE = Path(__file__).parent
WRK = "/usr/bin/wrk"
THREADS = 1
CONNECTIONS = 64


@dataclass(frozen=True)
class Request:
    """One request, sent over and over; `paths` names a file of paths to send in turn instead."""

    path: str = "/"
    method: str = "GET"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    paths: Path | None = None

    def script(self) -> list[str]:
        """Return wrk's arguments after the URL, and before them the script."""
        if self.paths:
            return [str(HERE / "many.lua"), str(self.paths)]
        pairs = [f"{name}={value}" for name, value in self.headers]
        return [str(HERE / "wrk.lua"), self.method, self.body, *pairs]


@dataclass(frozen=True)
class Figures:
    """What one run of wrk measured.

    `rate` is requests per second, `p50` and `p99` are milliseconds, `server_cpu` and `load_cpu`
    are shares of one core, `others` is the share that other programs took of the two cores (the
    larger of the two), and `per_cpu` is requests per second of the server's processor time: the
    figure that other programs disturb least.
    """

    rate: float
    p50: float
    p99: float
    server_cpu: float
    load_cpu: float
    others: float
    per_cpu: float


def start(
    server: Running, request: Request, seconds: float, connections: int = CONNECTIONS
) -> subprocess.Popen[str]:
    """Start wrk against `server` and return its process."""
    script, *arguments = request.script()
    return subprocess.Popen(
        pinned(
            LOAD_CORE,
            WRK,
            f"-t{THREADS}",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "-s",
            script,
            f"http://127.0.0.1:{server.port}{request.path}",
            "--",
            *arguments,
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def measure(
    server: Running, request: Request, seconds: float, connections: int = CONNECTIONS
) -> Figures:
    """Load `server` for `seconds` and return the figures; an answer that is no success is an error.

    Raises RuntimeError for a failed answer, a broken connection or a wrk that says nothing.
    """
    began, server_began, load_began = time.monotonic(), server.cpu_seconds(), _load_seconds()
    busy_began = [core_seconds(core) for core in (SERVER_CORE, LOAD_CORE)]
    output = start(server, request, seconds, connections).communicate(timeout=seconds + 30)[0]
    took = time.monotonic() - began
    server_took = server.cpu_seconds() - server_began
    load_took = _load_seconds() - load_began
    server_core, load_core = (
        core_seconds(core) - before
        for core, before in zip((SERVER_CORE, LOAD_CORE), busy_began, strict=True)
    )
    others = max(server_core - server_took, load_core - load_took, 0.0)
    lines = [line for line in output.splitlines() if line.startswith("BENCH ")]
    if not lines:
        raise RuntimeError(f"{server.name}: wrk said nothing to read\n{output[-1000:]}")
    requests, microseconds, errors, p50, p99 = map(int, lines[-1].split()[1:])
    if errors or not requests:
        raise RuntimeError(f"{server.name}: {errors} errors in {requests} requests\n{output}")
    return Figures(
        rate=requests / microseconds * 1e6,
        p50=p50 / 1000,
        p99=p99 / 1000,
        server_cpu=server_took / took,
        load_cpu=load_took / took,
        others=others / took,
        per_cpu=requests / max(server_took, 1 / TICKS),
    )


def _load_seconds() -> float:
    """Return the processor time of ended children: of wrk, as no server ends in between."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
