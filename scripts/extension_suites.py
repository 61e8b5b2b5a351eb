"""Run the own test suites of Flask extensions on them and on our modules, and compare.

    python scripts/extension_suites.py [NAME ...] [--sources DIR] [--verbose]

Each suite runs twice, both times on Waterspout's drop-in: with the installed extension, and with
the extension's name leading to our module (`from flask_sqlalchemy import SQLAlchemy` gives that of
`waterspout.ext.db`). A test counts when it passes with the extension. The exit status is 1 when
fewer than 95 % of those pass with our module, or when one that does not has no reason in
`extension_suites_exclusions.toml`.

The tests are those of the source distribution, which is downloaded once (`pip download`) into the
user's cache; where it has no tests, DIR must have a checkout of the repository, or its git
directory, under the extension's name. Nothing of them is kept here.
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from flask_suite import cache_directory
from suite_comparison import SCRIPTS, Comparison, run_pytest

REQUIRED_PERCENT = 95.0
SUITE_SECONDS = 900  # flask_migrate starts some thirty programs
EXCLUSIONS = SCRIPTS / "extension_suites_exclusions.toml"


@dataclass(frozen=True)
class Extension:
    """An extension, and what takes its place."""

    distribution: str
    version: str
    aliases: Mapping[str, str]
    """Names of modules of the extension (and their submodules) → our modules."""
    sha256: str | None = None
    """Of the source distribution; None: it has no tests."""
    repository: str = ""
    """Where the tests are if the source distribution has none."""
    tag: str = ""
    tests: tuple[str, ...] = ("tests",)
    """What pytest is given, in the root of the sources."""
    options: tuple[str, ...] = ()
    """Further options for pytest."""
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Packages that its tests import, besides those of our own tests."""
    inside: tuple[str, ...] = ()
    """A command that runs the suite, which is appended, beside what it needs."""

    @property
    def sdist(self) -> str:
        """The file name of the source distribution."""
        return f"{self.distribution}-{self.version}.tar.gz"


def redis_of_its_own(port: int) -> tuple[str, ...]:
    """Return what runs a command in a network of its own, with an empty Redis at *port*: the suite
    flushes what it finds there."""
    script = (
        f'ip link set lo up; redis-server --port {port} --save "" --loglevel warning & redis=$!;'
        ' sleep 1; code=0; "$@" || code=$?; kill $redis; exit $code'
    )
    return ("unshare", "--map-root-user", "--net", "sh", "-ec", script, "sh")


EXTENSIONS = {
    "flask_migrate": Extension(
        "flask_migrate",
        "4.1.0",
        {"flask_migrate": "waterspout.ext.migrate", "flask_sqlalchemy": "waterspout.ext.db"},
        sha256="1a336b06eb2c3ace005f5f2ded8641d534c18798d64061f6ff11f79e1434126d",
    ),
    "flask_sqlalchemy": Extension(
        "flask_sqlalchemy",
        "3.1.1",
        {"flask_sqlalchemy": "waterspout.ext.db"},
        sha256="e4b68bb881802dda1a7d878b2fc84c06d1ee57fb40b874d3dc97dabfa36b8312",
    ),
    "flask_login": Extension(
        "Flask-Login",
        "0.6.3",
        {"flask_login": "waterspout.ext.auth"},
        sha256="5e23d14a607ef12806c699590b89d0f0e0d67baeec599d75947bf9c147330333",
        needs=("semantic_version",),
    ),
    "flask_wtf": Extension(
        "flask_wtf",
        "1.3.0",
        {"flask_wtf": "waterspout.ext.forms"},
        sha256="61d5dabc50c3df885c297dcbd80810443a5d632106c8a69cab8ce740f0cdd7cc",
    ),
    "flask_mail": Extension(
        "flask_mail",
        "0.10.0",
        {"flask_mail": "waterspout.ext.mail"},
        repository="https://github.com/pallets-eco/flask-mail",
        tag="0.10.0",
    ),
    "flask_session": Extension(
        "flask_session",
        "0.8.0",
        {"flask_session": "waterspout.ext.sessions", "flask_sqlalchemy": "waterspout.ext.db"},
        repository="https://github.com/pallets-eco/flask-session",
        tag="0.8.0",
        tests=tuple(
            f"tests/test_{name}.py"
            for name in ("basic", "cachelib", "filesystem", "redis", "sqlalchemy")
        ),
        options=("--override-ini=addopts=",),
        inside=redis_of_its_own(6379),
    ),
    "flask_caching": Extension(
        "flask_caching",
        "2.5.1",
        {"flask_caching": "waterspout.ext.cache"},
        sha256="f75b451fde3faac0e278da72263818134deca8c4ba6bb07b9b3b238991368dae",
        needs=("pytest_asyncio", "xprocess"),
        inside=redis_of_its_own(6360),
    ),
    "flask_limiter": Extension(
        "flask_limiter",
        "4.1.1",
        {"flask_limiter": "waterspout.ext.limits"},
        sha256="ca11608fc7eec43dcea606964ca07c3bd4ec1ae89043a0f67f717899a4f48106",
        options=(
            *("--override-ini=addopts=", "--continue-on-collection-errors"),
            *("-p", "docker_services"),
        ),
        # Without `rich`, that is without the extra of its commands, which ours has not.
        needs=("flask_restful", "hiro", "pymemcache", "pymongo", "pytest_check", "pytest_mock"),
        inside=redis_of_its_own(46379),
    ),
}


class Missing(Exception):
    """The sources of an extension are not there; the message says which, and how to get them."""


def fetch_sdist(extension: Extension, directory: Path) -> Path:
    """Return the source distribution, downloading it unless *directory* has it."""
    path = directory / extension.sdist
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", extension.distribution.replace("_", "-")]
        command += ["--dest", str(directory), f"{extension.distribution}=={extension.version}"]
        if subprocess.run(command, check=False).returncode or not path.exists():
            raise Missing(f"{extension.sdist} is not in {directory}, and pip could not get it")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != extension.sha256:
        raise Missing(f"{path} is not the one that is meant: its SHA-256 is {digest}")
    return path


def unpack(name: str, extension: Extension, sources: Path | None, target: Path) -> Path:
    """Unpack the sources below *target*; return their root. Raises `Missing`."""
    place = None if sources is None else sources / name
    if place is not None and place.exists():
        command = ["git", "-C", str(place), "archive", "--format=tar", extension.tag or "HEAD"]
        packed = subprocess.run(command, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(target / name, filter="data")
        return target / name
    if extension.sha256 is None:
        raise Missing(
            f"the source distribution of {name} has no tests; needed is a clone of"
            f" {extension.repository} with the tag {extension.tag}: DIR/{name} with --sources DIR"
        )
    with tarfile.open(fetch_sdist(extension, sources or cache_directory())) as archive:
        archive.extractall(target, filter="data")
    roots = [path for path in target.iterdir() if path.is_dir()]
    assert len(roots) == 1, roots
    return roots[0]


def run_suite(
    root: Path, extension: Extension, name: str, aliases: Mapping[str, str], verbose: bool
) -> dict[str, str]:
    """Run the suite in a process of its own, whose subprocesses get the same; return node id →
    outcome."""
    starting = root / f"start-{name}"
    starting.mkdir()
    (starting / "sitecustomize.py").write_text("import extension_alias\n", encoding="utf-8")
    os.environ["EXTENSION_ALIASES"] = json.dumps(dict(aliases))
    os.environ.update(extension.environment)
    command = [sys.executable, "-m", "pytest", *extension.tests, "-p", "no:cacheprovider"]
    command = [*extension.inside, *command, "-p", "no:randomly", *extension.options]
    return run_pytest(
        command,
        root,
        root / f"outcomes-{name}.json",
        verbose=verbose,
        seconds=SUITE_SECONDS,
        without=("FLASK_", "PYTEST_"),
        paths=[starting],
    )


def compare(name: str, sources: Path | None, verbose: bool) -> Comparison:
    """Run one extension's suite both ways. Raises `Missing`."""
    extension = EXTENSIONS[name]
    if lacking := [package for package in extension.needs if find_spec(package) is None]:
        raise Missing(f"its tests need: pip install {' '.join(lacking)}")
    with tempfile.TemporaryDirectory() as directory:
        root = unpack(name, extension, sources, Path(directory))
        there = run_suite(root, extension, "extension", {}, False)
        here = run_suite(root, extension, "waterspout", extension.aliases, verbose)
    return Comparison.of(REQUIRED_PERCENT, there, here, EXCLUSIONS, name)


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXTENSIONS))
    parser.add_argument("--sources", type=Path, help="sdists, and clones of repositories")
    parser.add_argument("--verbose", action="store_true", help="show pytest's output of our run")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(EXTENSIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(EXTENSIONS)}")
    # The suites start programs, such as `flask`, by name.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    good = True
    for name in arguments.names or EXTENSIONS:
        try:
            comparison = compare(name, arguments.sources, arguments.verbose)
        except Missing as missing:
            print(f"{name}: not run: {missing}")
            good = False
            continue
        expected, gone = len(comparison.expected), len(comparison.missing)
        print(
            f"{name:18}{expected:5} pass on it, {expected - gone:5} of those on our module", end=""
        )
        print(f" {comparison.percent:7.2f} %")
        print("\n".join(comparison.explanation()), end="\n" if gone else "")
        good = good and comparison.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
