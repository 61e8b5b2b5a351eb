"""Where the demos come from: the source distribution of Tornado 6.2, the last that carries them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

VERSION = "6.2"
SHA256 = "9b630419bde84ec666bfd7ea0a4cb2a8a651c2d5cccdbdd1972a0c859dfc3c13"
SECONDS = 200  # pip builds the distribution's metadata, for which it fetches setuptools


def demos(cache: Path) -> Path:
    """Return the directory of the demos below *cache*, fetched from the package index if need be.

    Several processes may ask at once. Where the index cannot be reached the test is skipped, but
    fails with ``CI=true``.
    """
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = cache / f"tornado-{VERSION}"
        if not unpacked.exists():
            _unpack(_archive(cache), unpacked)
    return unpacked / "demos"


def _archive(cache: Path) -> Path:
    wanted = cache / "wanted.txt"
    wanted.write_text(f"tornado=={VERSION} --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pip += ["--retries", "1"]
    options = ["--no-deps", "--no-binary", ":all:", "--dest", str(cache), "-r", str(wanted)]
    try:
        subprocess.run(
            [*pip, *options], check=True, timeout=SECONDS, stderr=subprocess.PIPE, text=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        failed = isinstance(error, subprocess.CalledProcessError)
        said = (error.stderr if failed else str(error)).strip().splitlines()[-1]
        lacking(f"Tornado {VERSION}'s demos could not be fetched from the package index: {said}")
    return cache / f"tornado-{VERSION}.tar.gz"


def _unpack(archive: Path, target: Path) -> None:
    temporary = target.with_name("unpacking")
    with tarfile.open(archive) as tar:
        inside = [m for m in tar.getmembers() if m.name.startswith(f"{target.name}/demos/")]
        tar.extractall(temporary, inside, filter="data")
    (temporary / target.name).rename(target)
    temporary.rmdir()


def lacking(what: str) -> None:
    """Skip a test for want of something, which CI must have."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
