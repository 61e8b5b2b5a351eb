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
    watch = Watch(server)
    output = start(server, request, seconds, connections).communicate(timeout=seconds + 30)[0]
    lines = [line for line in output.splitlines() if line.startswith("BENCH ")]
    if not lines:
        raise RuntimeError(f"{server.name}: wrk said nothing to read\n{output[-1000:]}")
    requests, microseconds, errors, p50, p99 = map(int, lines[-1].split()[1:])
    if errors or not requests:
        raise RuntimeError(f"{server.name}: {errors} errors in {requests} requests\n{output}")
    return watch.figures(requests, microseconds / 1e6, p50 / 1000, p99 / 1000)


class Watch:
    """The processor time of a server, of the load and of others, from now on."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._began = self._now()

    def _now(self) -> tuple[float, float, float, float, float]:
        return (
            time.monotonic(),
            self._server.cpu_seconds(),
            _load_seconds(),
            core_seconds(SERVER_CORE),
            core_seconds(LOAD_CORE),
        )

    def figures(self, requests: int, seconds: float, p50: float, p99: float) -> Figures:
        """Return the figures of so many requests in so many seconds; *p50* and *p99* in
        milliseconds."""
        took, server, load, server_core, load_core = (
            now - before for now, before in zip(self._now(), self._began, strict=True)
        )
        return Figures(
            rate=requests / seconds,
            p50=p50,
            p99=p99,
            server_cpu=server / took,
            load_cpu=load / took,
            others=max(server_core - server, load_core - load, 0.0) / took,
            per_cpu=requests / max(server, 1 / TICKS),
        )


def _load_seconds() -> float:
    """Return the processor time of this process and of its ended children: of wrk, as no server
    ends in between."""
    usages = [resource.getrusage(of) for of in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
