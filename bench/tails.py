"""How long a short `def` view takes while one request in twenty computes for 50 ms.

Forty clients ask in turn, each for a text and each twentieth time for the computation. The time of
the texts is measured; threads wait for the interpreter's lock, or for a thread to be free.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import statistics
import time
from collections.abc import Sequence

from . import peers
from .pairs import Pairs, forth_and_back
from .report import Bar, Section, markdown
from .servers import LOAD_CORE, Running, Server, running
from .throughput import WARM_UP, expect

CLIENTS = 40
BUSY_EACH = 20
#: Seconds of a measurement, at least: some 400 requests come in one.
LEAST = 3.0


def text_beside_computing(rounds: int, seconds: float) -> Section:
    """Measure Flask on gunicorn with a thread for each client, on granian, and on Waterspout."""
    section = Section(f"`def` text beside 1 in {BUSY_EACH} that computes for 50 ms")
    servers: Sequence[Server] = (
        peers.gunicorn("Flask", "flask_app", threads=CLIENTS),
        peers.FLASK_GRANIAN,
        peers.waterspout("flask_app", name="Waterspout drop-in", dropin=True),
    )
    times: dict[str, list[tuple[float, float, float]]] = {server.name: [] for server in servers}
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(running(server)) for server in servers]
            for server in started:
                expect(server.ask("/busy"), b"computed")
                ask_all(server, WARM_UP)
            for turn in range(rounds):
                for server in forth_and_back(started, turn):
                    times[server.name].append(ask_all(server, max(seconds, LEAST)))
    finally:
        os.sched_setaffinity(0, everywhere)
    rows = [
        (name, *(f"{statistics.median(column):,.1f}" for column in zip(*found, strict=True)))
        for name, found in times.items()
    ]
    table = markdown(("server", "texts/s", "p50 ms", "p99 ms"), rows)
    section.tables.append(f"{CLIENTS} clients\n\n{table}")
    gunicorn, granian, ours = ([p99 for _, _, p99 in found] for found in times.values())
    section.pairs("p99 / gunicorn's", Pairs.of(ours, gunicorn), Bar("<=", 1))
    section.pairs("p99 / granian's", Pairs.of(ours, granian), None)
    return section


class Client:
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, port: int, number: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self._count = number  # the computations of all clients are spread evenly
        self._seen = b""
        self._began = 0.0
        self._is_busy = False

    def ask(self) -> None:
        """Send the next request."""
        self._count += 1
        self._is_busy = self._count % BUSY_EACH == 0
        path = "/busy" if self._is_busy else "/"
        self._seen = b""
        self._began = time.perf_counter()
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def read(self) -> float | None:
        """Read what has arrived; return the seconds that a text took, 0.0 for a computation, None
        if the answer is not complete. Raises RuntimeError for another answer."""
        data = self.sock.recv(65536)
        self._seen += data
        body = b"computed" if self._is_busy else b"Hello, World!"
        if self._seen.endswith(body) and self._seen.startswith(b"HTTP/1.1 200"):
            return 0.0 if self._is_busy else time.perf_counter() - self._began
        if not data:
            raise RuntimeError(f"answered {self._seen!r}")
        return None


def ask_all(server: Running, seconds: float) -> tuple[float, float, float]:
    """Return texts per second, and the median and the 99th percentile of their milliseconds."""
    taken: list[float] = []
    with contextlib.ExitStack() as stack, selectors.EpollSelector() as selector:
        for number in range(CLIENTS):
            client = Client(server.port, number)
            stack.enter_context(client.sock)
            selector.register(client.sock, selectors.EVENT_READ, client)
            client.ask()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for key, _ in selector.select(0.1):
                took = key.data.read()
                if took is not None:
                    if took:
                        taken.append(took * 1000)
                    key.data.ask()
    taken.sort()
    if not taken:
        raise RuntimeError(f"{server.name}: no answer in {seconds} s")
    return len(taken) / seconds, statistics.median(taken), taken[int(len(taken) * 0.99)]
