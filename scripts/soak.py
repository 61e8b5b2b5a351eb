"""Serve mixed traffic for a long time and watch that nothing grows.

    python scripts/soak.py [MINUTES]

A server in a process of its own (`soak_app.py`) is visited by polite, rude and slow clients at
once (`soak_traffic.py`): views and streams in threads and on the loop, events, handlers that a
timer flushes, WebSockets, uploads; some clients leave at each point of a request's life. Every
minute they all leave, and when the server has had time to clean up, what it holds is counted:
memory, open files, threads, tasks, files in its temporary directory. After a warm-up the counts
must stay what they are, and neither the memory nor the number of Python's own blocks of memory may
climb by more than a limit an hour, and what such a reading is off by: the memory moves with the
allocator's arenas, the blocks hardly. No answer may be unexpected, and nothing may stand in the
server's log but the errors that the visitors asked for. Prints a reading at the start, each minute
and at the end, and a verdict; the exit status is 1 if it is bad.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from soak_traffic import VISITORS
from soak_wire import Address, Visitor, connected

SCRIPTS = Path(__file__).resolve().parent
ROUND_SECONDS = 48.0  # of traffic, at the most; a short run has rounds enough to judge
ROUNDS = 8
REST_SECONDS = 12.0  # longer than any deadline below
WARM_UP = 0.4  # share of the run
MIB = 1024 * 1024
#: What the visitors of `/error` and the rude ones leave in the log, and the server's start.
EXPECTED = re.compile(
    r"^.*Exception on /error .*\nTraceback.*\n(?: .*\n)*ValueError: an error of the soak$"
    r"|^Refused a request from 127\.0\.0\.1 with .*$|^Listening on .*$",
    re.MULTILINE,
)
#: Hours that have to lie between readings of the memory which tell something.
LEAST_SPAN = 5 / 60
#: What may be added in an hour, and what a reading is off by.
MEMORY_LIMITS = (1.0 * MIB, 2.0 * MIB)
BLOCK_LIMITS = (10_000, 1_000)

SERVE = """
from soak_app import app
from waterspout.server import serve
serve(app, fds=({fd},), access_log="/dev/null",
      timeouts={{"header": 3.0, "body_idle": 3.0, "write": 3.0, "unread_body": 2.0}},
      threads={{"idle": 3.0}})
"""


@dataclass(frozen=True)
class Reading:
    """What the server holds at rest."""

    hours: float
    resident: int
    files: int
    threads: int
    tasks: list[str]
    blocks: int
    temporary: int

    @property
    def counts(self) -> tuple[int, list[str], int]:
        """What must be the same after every rest."""
        return self.files, self.tasks, self.temporary

    def __str__(self) -> str:
        return (
            f"{self.hours * 60:6.1f} min  {self.resident / MIB:7.2f} MiB  {self.files:3} files"
            f"  {self.threads:2} threads  {self.blocks} blocks  {self.temporary} temporary files"
            f"  tasks: {' '.join(self.tasks)}"
        )


class Server:
    """The served process, seen from outside."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._log = folder / "server.log"
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            self.address: Address = listener.getsockname()
            fd = listener.fileno()
            with self._log.open("w") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", SERVE.format(fd=fd)],
                    cwd=SCRIPTS,
                    pass_fds=(fd,),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "TMPDIR": str(self.temporary), "MALLOC_ARENA_MAX": "2"},
                )
        self._began = time.monotonic()

    async def read(self) -> Reading:
        """Count what it holds. Raises `SystemExit` with its log if it has ended."""
        if self.process.poll() is not None:
            raise SystemExit(f"The server has ended:\n{self._log.read_text()[-2000:]}")
        async with connected(self.address) as wire:
            for _ in range(2):  # at the first, the task that opened the connection is there yet
                wire.send("GET", "/pulse")
                _, _, pulse = await wire.answer()
        proc = Path(f"/proc/{self.process.pid}")
        resident = re.search(r"VmRSS:\s+(\d+)", (proc / "status").read_text())
        assert resident is not None
        return Reading(
            hours=(time.monotonic() - self._began) / 3600,
            resident=int(resident[1]) * 1024,
            files=len(list((proc / "fd").iterdir())),
            **json.loads(pulse),
            temporary=len(list(self.temporary.iterdir())),
        )

    def end(self) -> int:
        """Stop it; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def unexpected(self) -> Counter[str]:
        """Return what stands in its log beside the errors that visitors asked for."""
        return Counter(filter(None, EXPECTED.sub("", self._log.read_text()).splitlines()))


class Traffic:
    """The visitors, for one round after the other."""

    def __init__(self, address: Address) -> None:
        self.visits: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._address = address

    async def round(self, seconds: float) -> None:
        """Let all kinds come again and again for some time."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for visitor, number in VISITORS.items():
                for _ in range(number):
                    group.create_task(self._come_again(visitor, end))

    async def _come_again(self, visitor: Visitor, end: float) -> None:
        name = visitor.__name__
        while time.monotonic() < end:
            try:
                await visitor(self._address)
            except Exception as error:
                self.failures[f"{name}: {error!r}"] += 1
            self.visits[name] += 1
            await asyncio.sleep(random.uniform(0.0, 0.1))


def judge(readings: list[Reading], traffic: Traffic, server: Server, status: int) -> list[str]:
    """Return what is wrong."""
    wrong = [f"{number} × {what}" for what, number in traffic.failures.most_common(10)]
    wrong += [f"in the log {n} ×: {line}" for line, n in server.unexpected().most_common(20)]
    if status:
        wrong.append(f"the server ended with status {status}")
    settled = readings[int(len(readings) * WARM_UP) :]
    if any(one.counts != settled[0].counts for one in settled):
        wrong.append("files, tasks or temporary files are not constant")
    if settled[-1].threads > max(one.threads for one in settled[: len(settled) // 2 + 1]):
        wrong.append("there are more and more threads")
    hours = [one.hours for one in settled]
    span = hours[-1] - hours[0]
    if span > LEAST_SPAN:
        for name, values, (limit, error) in (
            ("bytes of memory", [one.resident for one in settled], MEMORY_LIMITS),
            ("blocks", [one.blocks for one in settled], BLOCK_LIMITS),
        ):
            slope, _ = linear_regression(hours, values)
            print(f"{slope:+,.0f} {name} an hour, over {span * 60:.0f} minutes")
            if slope * span > limit * span + error:
                wrong.append(f"the {name} climb")
    return wrong


async def soak(minutes: float) -> bool:
    """Run it; return whether all is well."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        server = Server(Path(folder))
        try:
            traffic = Traffic(server.address)
            readings: list[Reading] = []
            print("at the start:", await server.read(), sep="\n", flush=True)
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end:
                await traffic.round(min(ROUND_SECONDS, minutes * 60 / ROUNDS))
                await asyncio.sleep(REST_SECONDS)
                readings.append(await server.read())
                print(readings[-1], flush=True)
        finally:
            status = server.end()
        wrong = judge(readings, traffic, server, status)
    print(
        f"{traffic.visits.total()} visits:", *map("{0[0]} {0[1]},".format, traffic.visits.items())
    )
    print("\n".join(["BAD", *wrong]) if wrong else "GOOD")
    return not wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("minutes", type=float, nargs="?", default=60.0)
    return 0 if asyncio.run(soak(parser.parse_args().minutes)) else 1


if __name__ == "__main__":
    sys.exit(main())
