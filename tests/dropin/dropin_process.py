"""Processes for the drop-in's tests: what `import flask` means is decided once for a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
PROGRAMS = HERE / "programs"
SECONDS = 45  # the longest any of these processes may take

RunPython = Callable[..., subprocess.CompletedProcess[str]]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that shall find Waterspout and the programs."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "PYTEST_"))}
    clean.pop("WATERSPOUT_DROPIN", None)
    paths = [str(SOURCE), str(PROGRAMS), clean.get("PYTHONPATH", "")]
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return {**clean, **more}


def run_python(
    directory: Path,
    *arguments: str,
    python: str = sys.executable,
    seconds: float = SECONDS,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the interpreter with *arguments* in *directory*, to its end."""
    return subprocess.run(
        [python, *arguments],
        cwd=directory,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
