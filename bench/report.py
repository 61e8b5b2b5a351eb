"""What was measured, as text: one line a bar, one table a workload, and RESULTS.md."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .load import CONNECTIONS, THREADS, WRK
from .pairs import Pairs
from .servers import LOAD_CORE, SERVER_CORE
from .throughput import Measured

PACKAGES = (
    *("waterspout", "uvloop", "httptools", "Werkzeug", "Jinja2", "itsdangerous", "msgspec"),
    *("websockets", "Flask", "Tornado", "gunicorn", "granian", "uvicorn"),
    *("blacksheep", "falcon", "starlette", "sanic", "litestar"),
)

DISTURBED = 0.10  # share of a core


@dataclass(frozen=True)
class Bar:
    """What a figure has to reach: `sign` is ``>=`` or ``<=``."""

    sign: str
    limit: float
    unit: str = ""

    def met(self, figure: float) -> bool:
        """Tell whether the figure reaches the bar."""
        return figure >= self.limit if self.sign == ">=" else figure <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.sign == '>=' else '≤'} {self.limit:g}{self.unit}"


@dataclass(frozen=True)
class Verdict:
    """One line of the summary. A `bar` of None is a figure without a bar."""

    name: str
    figure: str
    bar: Bar | None
    verdict: str
    note: str = ""


@dataclass
class Section:
    """One workload: its tables and its verdicts."""

    title: str
    tables: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def table(self, name: str, measured: Sequence[Measured]) -> None:
        """Add a table of requests per second."""
        head = (
            "server",
            "req/s",
            "spread",
            "p50 ms",
            "p99 ms",
            "server core",
            "wrk core",
            "others",
        )
        rows = [
            (
                one.server,
                f"{one.median():,.0f}",
                f"{one.spread():.0%}",
                f"{one.median('p50'):.2f}",
                f"{one.median('p99'):.2f}",
                f"{one.median('server_cpu'):.0%}",
                f"{one.median('load_cpu'):.0%}",
                f"{one.median('others'):.0%}",
                f"{one.median('per_cpu'):,.0f}",
            )
            if not one.failure
            else (one.server, "failed", *[""] * 7)
            for one in measured
        ]
        self.tables.append(f"{name}\n\n{markdown((*head, 'req per CPU-second'), rows)}")
        for one in measured:
            if one.failure:
                self.tables.append(f"{one.server} failed:\n\n```\n{one.failure.strip()}\n```")

    def ratio(
        self, name: str, ours: Measured, theirs: Measured, bar: Bar, *, per_cpu: bool = False
    ) -> None:
        """Add the verdict on the ratio of two rates, by the pairs of each round.

        Requests per CPU-second are judged instead where the rate says nothing of the servers:
        when other programs took more than `DISTURBED` of a core, and with `per_cpu` (against a
        server that wrk on one core cannot keep busy).
        """
        if ours.failure or theirs.failure:
            self.verdicts.append(Verdict(name, "none", bar, "MISS", "not measured"))
            return
        rate = Pairs.of(ours.values(), theirs.values())
        cpu = Pairs.of(ours.values("per_cpu"), theirs.values("per_cpu"))
        if per_cpu or disturbed([ours, theirs]):
            self.pairs(f"{name}, per CPU-second", cpu, bar, f"by rate {rate.median():.2f}")
        else:
            self.pairs(name, rate, bar, f"per CPU-second {cpu.median():.2f}")

    def pairs(self, name: str, pairs: Pairs, bar: Bar | None, *notes: str) -> None:
        """Add the verdict on the median of some pairs, with their spread before the notes."""
        self.figure(name, pairs.median(), bar, ", ".join([pairs.spread(), *notes]))

    def figure(self, name: str, figure: float, bar: Bar | None, note: str = "") -> None:
        """Add the verdict on a figure."""
        verdict = "" if bar is None else "PASS" if bar.met(figure) else "MISS"
        unit = bar.unit if bar else ""
        self.verdicts.append(Verdict(name, f"{figure:.2f}{unit}", bar, verdict, note))


def disturbed(measured: Iterable[Measured]) -> bool:
    """Tell whether other programs took so much of a core that rates say nothing."""
    return any(one.median("others") > DISTURBED for one in measured)


def best(measured: Sequence[Measured]) -> Measured:
    """Return the fastest server, by the figure that will be judged."""
    figure = "per_cpu" if disturbed(measured) else "rate"
    return max(measured, key=lambda one: one.median(figure))


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its columns padded so that it reads as plain text too."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    out = []
    for line in lines:
        cells = [
            cell.ljust(widths[n]) if n == 0 else cell.rjust(widths[n])
            for n, cell in enumerate(line)
        ]
        out.append(f"| {' | '.join(cells)} |")
    rule = ["-" * width if n == 0 else "-" * (width - 1) + ":" for n, width in enumerate(widths)]
    return "\n".join([out[0], f"| {' | '.join(rule)} |", *out[1:]])


def summary(sections: Sequence[Section]) -> str:
    """Return the table of all verdicts."""
    rows = [
        (f"{section.title}: {one.name}", one.figure, str(one.bar or "—"), one.verdict, one.note)
        for section in sections
        for one in section.verdicts
    ]
    return markdown(("what", "figure", "bar", "verdict", "note"), rows)


def document(sections: Sequence[Section], rounds: int, seconds: float, args: str) -> str:
    """Return the whole of RESULTS.md."""
    now = datetime.datetime.now(datetime.UTC)
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    machine = (
        f"{now:%Y-%m-%d %H:%M} UTC · {platform.python_implementation()} "
        f"{platform.python_version()} · {platform.system()} {platform.release()} · {_cpu()} · "
        f"server on core {SERVER_CORE}, load on core {LOAD_CORE} · {_wrk_version()}, "
        f"{THREADS} thread, {CONNECTIONS} connections, {seconds:g} s a measurement, "
        f"{rounds} rounds that take turns"
    )
    reading = (
        "Tables show medians over the rounds. A ratio is the median of the ratios of each round, "
        "whose lowest and highest are noted beside it. Where other programs took more than "
        f"{DISTURBED:.0%} of the server's or wrk's core (column others), rates say nothing, and "
        "requests per second of the server's own processor time are judged instead."
    )
    parts = [
        "# Results",
        "Written by `python -m bench" + (f" {args}" if args else "") + "`; do not edit.",
        machine,
        versions,
        reading,
        "## Bars",
        summary(sections),
    ]
    for section in sections:
        parts += [f"## {section.title}", *section.tables]
    return "\n\n".join(parts) + "\n"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else platform.machine()


def _wrk_version() -> str:
    # NOTE: wrk -v prints its version and then its usage, and ends with code 1.
    said = subprocess.run([WRK, "-v"], capture_output=True, text=True, check=False)
    return " ".join((said.stdout or said.stderr).split()[:2])
