"""Run Tornado's own web tests on Tornado and on Waterspout's drop-in, and compare test by test.

    python scripts/tornado_suite.py [--verbose] [module ...]

The tests come with the installed Tornado (`tornado.test`). A test counts when it passes on real
Tornado in this environment. The exit status is 1 when fewer than 95 % of those pass on
Waterspout, or when one that does not has no reason in `tornado_suite_exclusions.toml`. Modules
named on the command line (`web_test`) are run instead of all twelve.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

MODULES = (
    *("web_test", "template_test", "escape_test", "httputil_test", "options_test"),
    *("routing_test", "websocket_test", "locale_test", "httpserver_test", "auth_test"),
    *("autoreload_test", "wsgi_test"),
)
REQUIRED_PERCENT = 95.0
SUITE_SECONDS = 200  # one run takes about forty
TEST_SECONDS = 15  # Tornado's own limit for one test is five

SCRIPTS = Path(__file__).resolve().parent
EXCLUSIONS = SCRIPTS / "tornado_suite_exclusions.toml"
DROPIN_PLUGIN = "waterspout.dropin.pytest_plugin"

# The tests start programs, which have to get the drop-in as well.
SITECUSTOMIZE = "import waterspout.dropin\n\nwaterspout.dropin.install()\n"


@dataclass(frozen=True)
class Comparison:
    """What the two runs say. Tests are named ``module::Class::test``."""

    expected: list[str]  # pass on Tornado
    missing: list[str]  # of those, do not pass on Waterspout
    reasons: dict[str, str]

    @property
    def percent(self) -> float:
        """How many of Tornado's passing tests pass here."""
        return 100 * (len(self.expected) - len(self.missing)) / len(self.expected)

    @property
    def unexplained(self) -> list[str]:
        """Missing tests without a reason."""
        return [test for test in self.missing if test not in self.reasons]

    @property
    def good(self) -> bool:
        """Whether this is what we promise."""
        return self.percent >= REQUIRED_PERCENT and not self.unexplained

    def report(self) -> str:
        """Write the table."""
        expected = Counter(test.partition("::")[0] for test in self.expected)
        missing = Counter(test.partition("::")[0] for test in self.missing)
        lines = [f"{'module':18}{'Tornado':>9}{'Waterspout':>12}{'percent':>9}"]
        for module, count in [*expected.items(), ("all", len(self.expected))]:
            passed = count - (missing[module] if module in expected else len(self.missing))
            lines.append(f"{module:18}{count:9}{passed:12}{100 * passed / count:9.2f}")
        if self.missing:
            lines.append("missing:")
        for test in self.missing:
            lines.append(f"  {test}\n      {self.reasons.get(test, 'NO REASON RECORDED')}")
        for test in sorted(set(self.reasons) - set(self.missing)):
            if test.partition("::")[0] in expected:
                lines.append(f"excluded, but passes or is not expected to: {test}")
        return "\n".join(lines)


def run_suite(name: str, modules: list[str], *, dropin: bool, verbose: bool) -> dict[str, str]:
    """Run the tests in a process of their own; return test → outcome."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += [
            "-c",
            os.devnull,
            "--rootdir",
            tests_directory(),
            "-o",
            "python_files=*_test.py",
        ]
        if dropin:
            command += ["-p", DROPIN_PLUGIN]
            place.joinpath("sitecustomize.py").write_text(SITECUSTOMIZE, encoding="utf-8")
        command += ["--timeout", str(TEST_SECONDS)]
        # Tornado's own runner silences the access log; its tests fail on every stray record.
        command += ["-p", "outcome_recorder", "-p", "tornado_suite_logging"]
        command += ["--tb=short", "-q"] if verbose else ["--tb=no", "-qq", "--no-summary"]
        command += ["--pyargs", *(f"tornado.test.{module}" for module in modules)]
        outcomes = place / "outcomes.json"
        result = subprocess.run(
            command,
            cwd=place,
            env=environment(outcomes, place),
            stdout=None if verbose else subprocess.PIPE,
            stderr=None if verbose else subprocess.STDOUT,
            text=True,
            timeout=SUITE_SECONDS,
            check=False,
        )
        if not outcomes.exists():
            raise SystemExit(f"the suite did not run on {name}:\n{result.stdout or ''}")
        found: dict[str, str] = json.loads(outcomes.read_text(encoding="utf-8"))
    return {short(test): outcome for test, outcome in found.items()}


def tests_directory() -> str:
    """Return where Tornado's tests are; what pytest names them by."""
    spec = find_spec("tornado")
    if spec is None or spec.origin is None:
        raise SystemExit("tornado is not installed: pip install 'waterspout[test]'")
    return str(Path(spec.origin).with_name("test"))


def environment(outcomes: Path, place: Path) -> dict[str, str]:
    """Return the environment of a run."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "WATERSPOUT_"))}
    paths = [str(place), str(SCRIPTS), str(SCRIPTS.parent / "src"), clean.get("PYTHONPATH", "")]
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return {**clean, "OUTCOMES_FILE": str(outcomes)}


def short(node: str) -> str:
    """Return ``web_test::Class::test`` for pytest's node id."""
    path, _, test = node.partition("::")
    return f"{Path(path).stem}::{test}"


def compare(modules: list[str], verbose: bool) -> Comparison:
    """Run both and compare."""
    with ThreadPoolExecutor() as pool:  # at once: the tests wait more than they work
        one = pool.submit(run_suite, "tornado", modules, dropin=False, verbose=False)
        other = pool.submit(run_suite, "waterspout", modules, dropin=True, verbose=verbose)
    on_tornado, here = one.result(), other.result()
    expected = [test for test, outcome in on_tornado.items() if outcome == "passed"]
    if not expected:
        raise SystemExit("no test passed on Tornado: is tornado installed?")
    reasons = tomllib.loads(EXCLUSIONS.read_text(encoding="utf-8"))["reasons"]
    missing = [test for test in expected if here.get(test) != "passed"]
    return Comparison(expected, missing, reasons)


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=MODULES, help="instead of all twelve")
    parser.add_argument("--verbose", action="store_true", help="show pytest's output of our run")
    arguments = parser.parse_args()
    comparison = compare(list(arguments.modules), arguments.verbose)
    print(comparison.report())
    return 0 if comparison.good else 1


if __name__ == "__main__":
    sys.exit(main())
