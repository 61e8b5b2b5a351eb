"""Run Flask's own test suite on Flask and on Waterspout's drop-in, and compare test by test.

    python scripts/flask_suite.py [--sdist flask-3.1.3.tar.gz] [--verbose]

Flask's source distribution is downloaded once (`pip download`) into the user's cache and checked
against its hash; its tests are unpacked to a temporary directory and nothing of them is kept
here. A test counts when it passes on real Flask in this environment. The exit status is 1 when
fewer than 97 % of those pass on Waterspout, or when one that does not has no reason in
`flask_suite_exclusions.toml`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

FLASK_VERSION = "3.1.3"
SDIST_NAME = f"flask-{FLASK_VERSION}.tar.gz"
SDIST_SHA256 = "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"
REQUIRED_PERCENT = 97.0
SUITE_SECONDS = 120  # one run takes about three

SCRIPTS = Path(__file__).resolve().parent
EXCLUSIONS = SCRIPTS / "flask_suite_exclusions.toml"
DROPIN_PLUGIN = "waterspout.dropin.pytest_plugin"


@dataclass(frozen=True)
class Comparison:
    """What the two runs say. Tests are named by their pytest node ids."""

    expected: list[str]  # pass on Flask
    missing: list[str]  # of those, do not pass on Waterspout
    reasons: dict[str, str]

    @property
    def percent(self) -> float:
        """How many of Flask's passing tests pass here."""
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
        lines = [
            f"passed on Flask {FLASK_VERSION}      {len(self.expected):5}",
            f"of those on Waterspout      {len(self.expected) - len(self.missing):5}",
            f"percent                     {self.percent:8.2f}",
        ]
        if self.missing:
            lines.append("missing:")
        for test in self.missing:
            lines.append(f"  {test}\n      {self.reasons.get(test, 'NO REASON RECORDED')}")
        for test in sorted(set(self.reasons) - set(self.missing)):
            lines.append(f"excluded, but passes or is not expected to: {test}")
        return "\n".join(lines)


def cache_directory() -> Path:
    """Return where the download is kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "waterspout"


def fetch_sdist(directory: Path) -> Path:
    """Return Flask's source distribution, downloading it unless *directory* has it."""
    path = directory / SDIST_NAME
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", "flask", "--dest", str(directory), f"flask=={FLASK_VERSION}"]
        subprocess.run(command, check=True)
    return path


def unpack_tests(sdist: Path, target: Path) -> Path:
    """Unpack the tests and their pytest settings below *target*; return their directory."""
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        raise SystemExit(f"{sdist} is not Flask {FLASK_VERSION}'s sdist: its SHA-256 is {digest}")
    root = f"flask-{FLASK_VERSION}/"
    with tarfile.open(sdist) as archive:
        members = [
            member
            for member in archive.getmembers()
            if member.name.startswith(root + "tests/") or member.name == root + "pyproject.toml"
        ]
        archive.extractall(target, members, filter="data")
    return target / root


def run_suite(tests: Path, name: str, plugins: list[str], verbose: bool) -> dict[str, str]:
    """Run the suite in a process of its own; return node id → outcome."""
    outcomes = tests / f"outcomes-{name}.json"
    command = [sys.executable, "-m", "pytest", "tests", "-p", "no:cacheprovider"]
    for plugin in [*plugins, "outcome_recorder"]:
        command += ["-p", plugin]
    command += ["--tb=short", "-q"] if verbose else ["--tb=no", "-qq", "--no-summary"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "PYTEST_"))}
    environ["OUTCOMES_FILE"] = str(outcomes)
    paths = [str(SCRIPTS), str(SCRIPTS.parent / "src"), environ.get("PYTHONPATH", "")]
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    result = subprocess.run(
        command,
        cwd=tests,
        env=environ,
        stdout=None if verbose else subprocess.PIPE,
        stderr=None if verbose else subprocess.STDOUT,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    if not outcomes.exists():
        raise SystemExit(f"the suite did not run on {name}:\n{result.stdout or ''}")
    found: dict[str, str] = json.loads(outcomes.read_text(encoding="utf-8"))
    return found


def compare(tests: Path, verbose: bool) -> Comparison:
    """Run both and compare."""
    on_flask = run_suite(tests, "flask", [], False)
    here = run_suite(tests, "waterspout", [DROPIN_PLUGIN], verbose)
    expected = sorted(test for test, outcome in on_flask.items() if outcome == "passed")
    if not expected:
        raise SystemExit("no test passed on Flask: is flask installed, with pytest below 9?")
    reasons = tomllib.loads(EXCLUSIONS.read_text(encoding="utf-8"))["reasons"]
    missing = [test for test in expected if here.get(test) != "passed"]
    return Comparison(expected, missing, reasons)


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sdist", type=Path, help="Flask's sdist, instead of downloading it")
    parser.add_argument("--verbose", action="store_true", help="show pytest's output of our run")
    arguments = parser.parse_args()
    sdist = arguments.sdist or fetch_sdist(cache_directory())
    with tempfile.TemporaryDirectory() as directory:
        comparison = compare(unpack_tests(sdist, Path(directory)), arguments.verbose)
    print(comparison.report())
    return 0 if comparison.good else 1


if __name__ == "__main__":
    sys.exit(main())
