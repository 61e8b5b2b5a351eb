"""Fixtures of the drop-in's tests."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from dropin_process import RunPython
from dropin_process import run_python as run_python_in


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run the interpreter with some arguments in an empty directory."""
    return partial(run_python_in, tmp_path)
