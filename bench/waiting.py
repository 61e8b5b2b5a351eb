"""How an ``async def`` view fares while 50 clients sit in a ``def`` view that sleeps 200 ms, and
while 1,000 wait for the next event of ``def`` streams."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from . import peers
from .load import Request, measure, start
from .pairs import Pairs, forth_and_back
from .report import Bar, Section
from .servers import running
from .throughput import WARM_UP, Measured, expect

SLEEPERS = 50
STREAMS = 1000
CLIENTS = 8  # of the async view: few, so that their own queue does not hide the delay


def beside_sleepers(rounds: int, seconds: float) -> Section:
    """Measure the async view alone and beside the sleepers, taking turns."""
    section = Section("An `async def` view beside sleeping `def` views")
    alone, beside = Measured("alone"), Measured(f"beside {SLEEPERS} clients asleep")
    text, sleep = Request("/"), Request("/sleep")
    try:
        with running(peers.waterspout("views_app")) as server:
            expect(server.ask("/"), b"Hello, World!")
            expect(server.ask("/sleep"), b"slept")
            measure(server, text, WARM_UP, CLIENTS)
            for _ in range(rounds):
                alone.rounds.append(measure(server, text, seconds, CLIENTS))
                sleepers = start(server, sleep, seconds + 1, SLEEPERS)
                try:
                    beside.rounds.append(measure(server, text, seconds, CLIENTS))
                finally:
                    said = sleepers.communicate(timeout=seconds + 30)[0]
            note = said.rpartition("BENCH ")[2].split()
            section.tables.append(f"sleepers answered in the last round: {note[0]}")
            errors = int(note[2])
            if errors:
                section.tables.append(f"sleepers refused or broken off: {errors}")
    except (AssertionError, RuntimeError, OSError) as error:
        alone.failure = beside.failure = str(error)
    section.table(f"async view, {CLIENTS} connections", [alone, beside])
    if not alone.failure:
        pairs = Pairs.of(beside.values("p99"), alone.values("p99"))
        both = f"p99 {alone.median('p99'):.2f} ms alone, {beside.median('p99'):.2f} ms beside"
        section.pairs("p99 beside / p99 alone", pairs, None, both)
    return section


def beside_streams(rounds: int, seconds: float) -> Section:
    """Measure the async view alone, and on a server of its own beside the streams."""
    section = Section("An `async def` view beside waiting `def` event streams")
    alone, beside = Measured("alone"), Measured(f"beside {STREAMS:,} streams")
    text = Request("/")
    try:
        with (
            running(peers.waterspout("views_app")) as quiet,
            running(peers.waterspout("views_app")) as full,
            _watching(full.port),
        ):
            for server in (quiet, full):
                expect(server.ask("/"), b"Hello, World!")
                measure(server, text, WARM_UP, CLIENTS)
            for turn in range(rounds):
                both = ((alone, quiet), (beside, full))
                for measured, server in forth_and_back(both, turn):
                    measured.rounds.append(measure(server, text, seconds, CLIENTS))
            expect(full.ask("/over"), b"over")
    except (AssertionError, RuntimeError, OSError) as error:
        alone.failure = beside.failure = str(error)
    section.table(f"async view, {CLIENTS} connections", [alone, beside])
    if not alone.failure:
        pairs = Pairs.of(beside.values("p99"), alone.values("p99"))
        both_p99 = f"p99 {alone.median('p99'):.2f} ms alone, {beside.median('p99'):.2f} ms beside"
        section.pairs("p99 beside / p99 alone", pairs, Bar("<=", 2), both_p99)
    return section


@contextlib.contextmanager
def _watching(port: int) -> Iterator[None]:
    """Hold the streams open, each of which has sent its first event."""
    with contextlib.ExitStack() as stack:
        for _ in range(STREAMS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            seen = b""
            while b"data: ready" not in seen:
                piece = sock.recv(4096)
                if not piece or not (seen + piece).startswith(b"HTTP/1.1 200"[: len(seen + piece)]):
                    raise RuntimeError(f"a stream was answered {seen + piece!r}")
                seen += piece
        yield
