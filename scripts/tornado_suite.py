"""Run Tornado's own web tests on Tornado and on Waterspout's drop-in, and compare test by test.

    python scripts/tornado_suite.py [--verbose] [module ...]

The tests come with the installed Tornado (`tornado.test`). A test counts when it passes on real
Tornado in this environment. The exit status is 1 when fewer than 98.5 % of those pass on
Waterspout, or when one that does not has no reason in `tornado_suite_exclusions.toml`. Modules
named on the command line (`web_test`) are run instead of all twelve.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from suite_comparison import DROPIN_PLUGIN, SCRIPTS, Comparison, run_pytest

MODULES = (
    *("web_test", "template_test", "escape_test", "httputil_test", "options_test"),
    *("routing_test", "websocket_test", "locale_test", "httpserver_test", "auth_test"),
    *("autoreload_test", "wsgi_test"),
)
REQUIRED_PERCENT = 98.5
SUITE_SECONDS = 200  # one run takes about forty
TEST_SECONDS = 60  # those of autoreload start twelve programs, one after another

EXCLUSIONS = SCRIPTS / "tornado_suite_exclusions.toml"

# The tests start programs, which have to get the drop-in as well.
SITECUSTOMIZE = "import waterspout.dropin\n\nwaterspout.dropin.install()\n"


def table(comparison: Comparison) -> str:
    """Return what passes, module by module."""
    expected = Counter(test.partition("::")[0] for test in comparison.expected)
    missing = Counter(test.partition("::")[0] for test in comparison.missing)
    missing["all"] = len(comparison.missing)
    lines = [f"{'module':18}{'Tornado':>9}{'Waterspout':>12}{'percent':>9}"]
    for module, count in [*expected.items(), ("all", len(comparison.expected))]:
        passed = count - missing[module]
        lines.append(f"{module:18}{count:9}{passed:12}{100 * passed / count:9.2f}")
    return "\n".join(lines + comparison.explanation())


def run_suite(modules: list[str], *, dropin: bool, verbose: bool) -> dict[str, str]:
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
        # Tornado's own runner silences the access log; its tests fail on every stray record.
        command += ["--timeout", str(TEST_SECONDS), "-p", "tornado_suite_plugin"]
        command += ["--pyargs", *(f"tornado.test.{module}" for module in modules)]
        found = run_pytest(
            command,
            place,
            place / "outcomes.json",
            verbose=verbose,
            seconds=SUITE_SECONDS,
            without=("PYTEST_", "WATERSPOUT_"),
            paths=[place],
        )
    return {short(test): outcome for test, outcome in found.items()}


def tests_directory() -> str:
    """Return where Tornado's tests are; what pytest names them by."""
    spec = find_spec("tornado")
    if spec is None or spec.origin is None:
        raise SystemExit("tornado is not installed: pip install 'waterspout[test]'")
    return str(Path(spec.origin).with_name("test"))


def short(node: str) -> str:
    """Return ``web_test::Class::test`` for pytest's node id."""
    path, _, test = node.partition("::")
    return f"{Path(path).stem}::{test}"


def compare(modules: list[str], verbose: bool) -> Comparison:
    """Run both and compare."""
    with ThreadPoolExecutor() as pool:  # at once: the tests wait more than they work
        there = pool.submit(run_suite, modules, dropin=False, verbose=False)
        here = pool.submit(run_suite, modules, dropin=True, verbose=verbose)
    return Comparison.of(REQUIRED_PERCENT, there.result(), here.result(), EXCLUSIONS)


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=MODULES, help="instead of all twelve")
    parser.add_argument("--verbose", action="store_true", help="show pytest's output of our run")
    arguments = parser.parse_args()
    comparison = compare(list(arguments.modules), arguments.verbose)
    print(table(comparison))
    return 0 if comparison.good else 1


if __name__ == "__main__":
    sys.exit(main())
