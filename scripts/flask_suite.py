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
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from suite_comparison import DROPIN_PLUGIN, SCRIPTS, Comparison, run_pytest

FLASK_VERSION = "3.1.3"
SDIST_NAME = f"flask-{FLASK_VERSION}.tar.gz"
SDIST_SHA256 = "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"
REQUIRED_PERCENT = 97.0
SUITE_SECONDS = 120  # one run takes about three

EXCLUSIONS = SCRIPTS / "flask_suite_exclusions.toml"


def table(comparison: Comparison) -> str:
    """Return what passes."""
    expected, missing = len(comparison.expected), len(comparison.missing)
    lines = [
        f"passed on Flask {FLASK_VERSION}      {expected:5}",
        f"of those on Waterspout      {expected - missing:5}",
        f"percent                     {comparison.percent:8.2f}",
    ]
    return "\n".join(lines + comparison.explanation())


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
    command = [sys.executable, "-m", "pytest", "tests", "-p", "no:cacheprovider"]
    for plugin in plugins:
        command += ["-p", plugin]
    return run_pytest(
        command,
        tests,
        tests / f"outcomes-{name}.json",
        verbose=verbose,
        seconds=SUITE_SECONDS,
        without=("FLASK_", "PYTEST_"),
    )


def compare(tests: Path, verbose: bool) -> Comparison:
    """Run both and compare."""
    there = run_suite(tests, "flask", [], False)
    here = run_suite(tests, "waterspout", [DROPIN_PLUGIN], verbose)
    return Comparison.of(REQUIRED_PERCENT, there, here, EXCLUSIONS)


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sdist", type=Path, help="Flask's sdist, instead of downloading it")
    parser.add_argument("--verbose", action="store_true", help="show pytest's output of our run")
    arguments = parser.parse_args()
    sdist = arguments.sdist or fetch_sdist(cache_directory())
    with tempfile.TemporaryDirectory() as directory:
        comparison = compare(unpack_tests(sdist, Path(directory)), arguments.verbose)
    print(table(comparison))
    return 0 if comparison.good else 1


if __name__ == "__main__":
    sys.exit(main())
