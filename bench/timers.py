"""Events of request handlers that a timer writes and flushes: ours against Tornado's.

Many clients read; every 20 ms the program's timer sends one event to each. Judged are events per
second of the server's own processor time, since the timer sets the rate.
"""

from __future__ import annotations

import os
import selectors
import socket
import statistics
import time

from . import peers
from .pairs import Pairs, forth_and_back
from .report import Bar, Section, markdown
from .servers import LOAD_CORE, Running, Server, running
from .throughput import WARM_UP

CLIENTS = 200
EVENT = b"data: tick\n\n"


def events(server: Running, clients: int, seconds: float) -> tuple[float, float]:
    """Return the events that came, per second and per second of the server's processor time."""
    with selectors.EpollSelector() as selector:
        socks = []
        for _ in range(clients):
            sock = socket.create_connection(("127.0.0.1", server.port), 5)
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            selector.register(sock, selectors.EVENT_READ)
            socks.append(sock)
        try:
            _count(selector, 0.2)  # until all are at it
            before, begun = server.cpu_seconds(), time.perf_counter()
            count = _count(selector, seconds)
            took = time.perf_counter() - begun
            return count / took, count / max(server.cpu_seconds() - before, 0.01)
        finally:
            for sock in socks:
                sock.close()


def _count(selector: selectors.BaseSelector, seconds: float) -> int:
    """Count the events for some time. Raises RuntimeError where a stream ends."""
    count = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for key, _ in selector.select(0.1):
            data = key.fileobj.recv(65_536)  # type: ignore[union-attr]  # a socket, always
            if not data:
                raise RuntimeError("a stream of events has ended")
            count += data.count(EVENT)
    return count


def flushed_from_timers(rounds: int, seconds: float) -> Section:
    """Measure both in turn."""
    section = Section("Events of a Tornado program, flushed from a timer")
    ours: Server = peers.waterspout("tornado_app", name="Waterspout drop-in", dropin=True)
    rates: dict[str, list[float]] = {ours.name: [], peers.TORNADO.name: []}
    per_cpu: dict[str, list[float]] = {ours.name: [], peers.TORNADO.name: []}
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with running(ours) as mine, running(peers.TORNADO) as theirs:
            for server in (mine, theirs):
                events(server, CLIENTS, WARM_UP)
            for turn in range(rounds):
                for server in forth_and_back((mine, theirs), turn):
                    rate, by_cpu = events(server, CLIENTS, seconds)
                    rates[server.name].append(rate)
                    per_cpu[server.name].append(by_cpu)
                    time.sleep(0.1)  # let the closed connections be cleared away
    finally:
        os.sched_setaffinity(0, everywhere)
    median = statistics.median
    rows = [
        (name, f"{median(rates[name]):,.0f}", f"{median(per_cpu[name]):,.0f}") for name in rates
    ]
    table = markdown(("server", "events/s", "events per CPU-second"), rows)
    section.tables.append(f"{CLIENTS} clients, an event each 20 ms\n\n{table}")
    pairs = Pairs.of(per_cpu[ours.name], per_cpu[peers.TORNADO.name])
    section.pairs("against Tornado, per CPU-second", pairs, Bar(">=", 1))
    return section
