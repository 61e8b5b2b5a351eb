"""A peer's test suite, run on the peer and on Waterspout: what the two runs say."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
DROPIN_PLUGIN = "waterspout.dropin.pytest_plugin"


@dataclass(frozen=True)
class Comparison:
    """The tests that count, and what became of them here."""

    required_percent: float
    expected: list[str]  # pass on the peer
    missing: list[str]  # of those, do not pass on Waterspout
    reasons: dict[str, str]  # why some do not, by test

    @classmethod
    def of(
        cls,
        required_percent: float,
        there: Mapping[str, str],
        here: Mapping[str, str],
        exclusions: Path,
        table: str = "reasons",
    ) -> Comparison:
        """Compare outcomes by test; the reasons are in a *table* of a TOML file."""
        expected = [test for test, outcome in there.items() if outcome == "passed"]
        if not expected:
            raise SystemExit("no test passed on the peer: is it installed, with pytest below 9?")
        reasons = tomllib.loads(exclusions.read_text(encoding="utf-8")).get(table, {})
        missing = [test for test in expected if here.get(test) != "passed"]
        return cls(required_percent, expected, missing, reasons)

    @property
    def percent(self) -> float:
        """How many of the peer's passing tests pass here."""
        return 100 * (len(self.expected) - len(self.missing)) / len(self.expected)

    @property
    def unexplained(self) -> list[str]:
        """Missing tests without a reason."""
        return [test for test in self.missing if test not in self.reasons]

    @property
    def good(self) -> bool:
        """Whether this is what we promise."""
        return self.percent >= self.required_percent and not self.unexplained

    def explanation(self) -> list[str]:
        """Return the lines about what is missing, and about reasons that nothing needs."""
        lines = ["missing:"] if self.missing else []
        for test in self.missing:
            lines.append(f"  {test}\n      {self.reasons.get(test, 'NO REASON RECORDED')}")
        modules = {test.partition("::")[0] for test in self.expected}
        for test in sorted(set(self.reasons) - set(self.missing)):
            if test.partition("::")[0] in modules:
                lines.append(f"excluded, but passes or is not expected to: {test}")
        return lines


def run_pytest(
    command: Sequence[str],
    place: Path,
    outcomes: Path,
    *,
    verbose: bool,
    seconds: float,
    without: tuple[str, ...],
    paths: Sequence[Path] = (),
) -> dict[str, str]:
    """Run pytest in *place*, in a process of its own; return node id → outcome.

    *without* begins the names of environment variables that it does not get.
    """
    environ = {k: v for k, v in os.environ.items() if not k.startswith(without)}
    environ["OUTCOMES_FILE"] = str(outcomes)
    all_paths = [*map(str, paths), str(SCRIPTS), str(SCRIPTS.parent / "src")]
    environ["PYTHONPATH"] = os.pathsep.join(
        [*all_paths, *filter(None, [environ.get("PYTHONPATH")])]
    )
    quiet = ["--tb=short", "-q"] if verbose else ["--tb=no", "-qq", "--no-summary"]
    result = subprocess.run(
        [*command, "-p", "outcome_recorder", *quiet],
        cwd=place,
        env=environ,
        stdout=None if verbose else subprocess.PIPE,
        stderr=None if verbose else subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if not outcomes.exists():
        raise SystemExit(f"the suite did not run:\n{result.stdout or ''}")
    found: dict[str, str] = json.loads(outcomes.read_text(encoding="utf-8"))
    return found
