"""How long the import takes, by ``-X importtime`` and by the clock, against Flask."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable

from .pairs import Pairs, forth_and_back
from .report import Bar, Section, markdown
from .servers import ROOT, SERVER_CORE, pinned

RUNS = 8  # even, as they go forth and back

OURS, FLASK = "waterspout", "flask"
# NOTE: `import waterspout` loads its names when they are first used, so that its figure says little
# about a program's start; these lines load what a program uses. Most of both is Werkzeug's import.
NAMES = {
    OURS: "from waterspout import App, request, render_template",
    FLASK: "from flask import Flask, request, render_template",
}
CLOCK = "from time import perf_counter as t; a = t(); {}; print(t() - a)"


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python on the server's core, compiled modules kept."""
    return subprocess.run(
        pinned(SERVER_CORE, sys.executable, *arguments),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": ""},
    )


def by_importtime(package: str) -> float:
    """Return the cumulative milliseconds that ``-X importtime`` gives for ``import package``."""
    lines = _python("-X", "importtime", "-c", f"import {package}").stderr.splitlines()
    for line in reversed(lines):
        _, cumulative, name = line.split("|")
        if name.strip() == package:
            return int(cumulative) / 1000
    raise RuntimeError(f"{package} was not imported")


def by_clock(statement: str) -> float:
    """Return the milliseconds a statement takes in a fresh Python."""
    return float(_python("-c", CLOCK.format(statement)).stdout) * 1000


def import_time(rounds: int, seconds: float) -> Section:
    """Measure the import of Waterspout against that of Flask, taking turns, median of `RUNS`."""
    section = Section("Import")
    kinds: tuple[tuple[str, str, Callable[[str], float]], ...] = (
        ("import {}, by -X importtime", "{}", by_importtime),
        ("import {}, by the clock", "import {}", by_clock),
        ("App, request, render_template from {}, by the clock", "names", by_clock),
    )
    rows = []
    for name, form, measure in kinds:
        taken: dict[str, list[float]] = {OURS: [], FLASK: []}
        for run in range(RUNS + 1):
            for package in forth_and_back((OURS, FLASK), run):
                what = NAMES[package] if form == "names" else form.format(package)
                try:
                    took = measure(what)
                except subprocess.CalledProcessError as error:
                    raise RuntimeError(f"{what}: {error.stderr[-1000:]}") from None
                if run:  # the first one compiles
                    taken[package].append(took)
        ours, flask = (statistics.median(taken[package]) for package in (OURS, FLASK))
        pairs = Pairs.of(taken[OURS], taken[FLASK])
        title = name.format("the package")
        rows.append((title, f"{ours:.1f}", f"{flask:.1f}", f"{pairs.median():.2f}"))
        section.pairs(title, pairs, Bar("<=", 0.6) if measure is by_importtime else None)
    head = ("what", "Waterspout, ms", "Flask, ms", "ratio")
    section.tables.append(f"median of {RUNS}\n\n{markdown(head, rows)}")
    return section
