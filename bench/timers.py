"""Events for many clients: of request handlers, which a timer writes and flushes, and of `async
def` generators.

Every client gets an event each 20 or 100 ms. Judged are events per second of the server's own
processor time, since a clock sets the rate.
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
from .servers import LOAD_CORE, START_LIMIT, Running, Server, running
from .throughput import WARM_UP

CLIENTS = 200
MANY = 500
EVENT = b"data: tick\n\n"


def events(server: Running, path: str, clients: int, seconds: float) -> tuple[float, float]:
    """Return the events that came, per second and per second of the server's processor time."""
    with selectors.EpollSelector() as selector:
        socks = []
        for _ in range(clients):
            sock = socket.create_connection(("127.0.0.1", server.port), 5)
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            selector.register(sock, selectors.EVENT_READ)
            socks.append(sock)
        try:
            _wait_for_all(selector)
            before, begun = server.cpu_seconds(), time.perf_counter()
            count = _count(selector, seconds)
            took = time.perf_counter() - begun
            return count / took, count / max(server.cpu_seconds() - before, 0.01)
        finally:
            for sock in socks:
                sock.close()


def _wait_for_all(selector: selectors.BaseSelector) -> None:
    """Return when each client has had something. Raises RuntimeError where one gets nothing."""
    silent = {key.fileobj for key in selector.get_map().values()}
    until = time.perf_counter() + START_LIMIT
    while silent:
        if time.perf_counter() > until:
            raise RuntimeError(f"{len(silent)} clients got nothing")
        for key, _ in selector.select(0.1):
            key.fileobj.recv(65_536)  # type: ignore[union-attr]  # a socket, always
            silent.discard(key.fileobj)


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
    ours = peers.waterspout("tornado_app", name="Waterspout drop-in", dropin=True)
    load = ("/events", CLIENTS, 20)
    _measure(section, load, ours, (peers.TORNADO,), Bar(">=", 1), rounds, seconds)
    return section


def event_streams(rounds: int, seconds: float) -> Section:
    """Measure server-sent events of `async def` generators, which sleep between two."""
    section = Section("Server-sent events of `async def` generators")
    rivals = (
        peers.uvicorn("Starlette", "starlette_app"),
        peers.granian("Starlette", "starlette_app"),
    )
    ours = peers.waterspout("views_app")
    _measure(section, ("/ticks", MANY, 100), ours, rivals, Bar(">=", 1.3), rounds, seconds)
    return section


def _measure(
    section: Section,
    load: tuple[str, int, int],
    ours: Server,
    rivals: Sequence[Server],
    bar: Bar,
    rounds: int,
    seconds: float,
) -> None:
    """Measure all in turn, and judge *ours* against each of the *rivals*."""
    path, clients, interval = load
    servers = (ours, *rivals)
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    per_cpu: dict[str, list[float]] = {server.name: [] for server in servers}
    held: dict[str, float] = {}
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(running(server)) for server in servers]
            for server in started:
                events(server, path, clients, WARM_UP)
            for turn in range(rounds):
                for server in forth_and_back(started, turn):
                    rate, by_cpu = events(server, path, clients, seconds)
                    rates[server.name].append(rate)
                    per_cpu[server.name].append(by_cpu)
                    held[server.name] = server.rss() / 2**20
                    time.sleep(0.1)  # let the closed connections be cleared away
    finally:
        os.sched_setaffinity(0, everywhere)
    median = statistics.median
    rows = [
        (
            name,
            f"{median(rates[name]):,.0f}",
            f"{median(per_cpu[name]):,.0f}",
            f"{held[name]:.0f}",
        )
        for name in rates
    ]
    table = markdown(("server", "events/s", "events per CPU-second", "resident, MiB"), rows)
    section.tables.append(f"{clients} clients, an event each {interval} ms\n\n{table}")
    for rival in rivals:
        pairs = Pairs.of(per_cpu[ours.name], per_cpu[rival.name])
        name = rival.name if len(rivals) > 1 else "Tornado"
        section.pairs(f"against {name}, per CPU-second", pairs, bar)
