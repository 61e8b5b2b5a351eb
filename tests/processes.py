"""Servers in processes of their own, and waiting for what only they or the file system tell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from pathlib import Path

import pytest

#: Where Debian has servers, besides the search path.
_ADMIN = ":".join(["/usr/sbin", "/usr/local/sbin", *glob("/usr/lib/postgresql/*/bin")])
_SECONDS = 30.0  # the longest any of these waits; reached only by a failing test


def wait_until(true: Callable[[], bool], seconds: float = _SECONDS) -> None:
    """Wait for something that no event tells of."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def program(name: str) -> str:
    """Return the path of an installed program; without it the test is skipped, in CI it fails."""
    path = shutil.which(name) or shutil.which(name, path=_ADMIN)
    if path is None:
        assert "CI" not in os.environ, f"{name} is missing; .ci/run installs it"
        pytest.skip(f"{name} is not installed")
    return path


@contextmanager
def running(folder: Path, *command: str, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run the interpreter with *command*, a server that says where it listens; give its URL."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = ""
            for line in process.stdout:
                said += line
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                raise AssertionError(f"The server ended and said:\n{said}")
            yield found[0]
        finally:
            process.terminate()
            process.communicate(timeout=_SECONDS)
