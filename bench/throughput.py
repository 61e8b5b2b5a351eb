"""Requests per second of several servers for the same request, in rounds that take turns."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .load import CONNECTIONS, Figures, Request, measure
from .pairs import forth_and_back
from .servers import Answer, Running, Server, running

WARM_UP = 1.0  # seconds of load before the first measurement; the later ones find a warm server

Prepare = Callable[[Running], Request]
Measure = Callable[[Running, Request, float, int], Figures]


@dataclass(frozen=True)
class Cell:
    """One request and how to see that a server answers it rightly.

    `prepare` asks the server once, raises AssertionError when the answer is wrong, and returns
    the request to measure (with the cookie it got, for instance).
    """

    name: str
    prepare: Prepare
    connections: int = CONNECTIONS
    measure: Measure = measure


@dataclass
class Measured:
    """The rounds of one server in one cell."""

    server: str
    rounds: list[Figures] = field(default_factory=list)
    failure: str = ""

    def values(self, figure: str = "rate") -> list[float]:
        """Return one of the `Figures`, for each round."""
        return [float(getattr(one, figure)) for one in self.rounds]

    def median(self, figure: str = "rate") -> float:
        """Return the median over the rounds of one of the `Figures`; 0 where there are none."""
        values = self.values(figure)
        return statistics.median(values) if values else 0.0

    def spread(self) -> float:
        """Return (highest - lowest) / median of the rate."""
        rates = self.values()
        return (max(rates) - min(rates)) / statistics.median(rates) if rates else 0.0


@contextlib.contextmanager
def all_running(servers: Sequence[Server], ready: str = "/") -> Iterator[dict[str, Running | str]]:
    """Start the servers; one that does not start stands in the answer as its error."""
    with contextlib.ExitStack() as stack:
        started: dict[str, Running | str] = {}
        for server in servers:
            try:
                started[server.name] = stack.enter_context(running(server, ready))
            except (RuntimeError, OSError) as error:
                started[server.name] = str(error)
        yield started


def take_turns(
    started: dict[str, Running | str], cell: Cell, rounds: int, seconds: float
) -> list[Measured]:
    """Measure every server in turn, `rounds` times, and return what was measured.

    A server that has not failed has a figure for each round, see `pairs`.
    """
    measured = [Measured(name) for name in started]
    for turn in range(rounds):
        for one in forth_and_back(measured, turn):
            server = started[one.server]
            if one.failure:
                continue
            if isinstance(server, str):
                one.failure = server
                continue
            try:
                request = cell.prepare(server)
                if turn == 0:
                    cell.measure(server, request, WARM_UP, cell.connections)
                one.rounds.append(cell.measure(server, request, seconds, cell.connections))
            except (AssertionError, RuntimeError, OSError) as error:
                one.failure = f"{type(error).__name__}: {error}"
            time.sleep(0.1)  # let the closed connections be cleared away
    return measured


def expect(answer: Answer, body: bytes, status: int = 200) -> None:
    """Raise AssertionError unless the answer has this status and body."""
    if (answer.status, answer.body) != (status, body):
        raise AssertionError(f"expected {status} {body!r}, got {answer.status} {answer.body!r}")
