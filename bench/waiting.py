"""How an ``async def`` view fares while 50 clients sit in a ``def`` view that sleeps 200 ms."""

from __future__ import annotations

from . import peers
from .load import Request, measure, start
from .pairs import Pairs
from .report import Section
from .servers import running
from .throughput import WARM_UP, Measured, expect

SLEEPERS = 50
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
