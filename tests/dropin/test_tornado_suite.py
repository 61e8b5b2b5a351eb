"""Tornado's own web tests on the drop-in: 98.5 % pass, the others have a reason each."""

from __future__ import annotations

import pytest
from dropin_process import SOURCE, RunPython

SCRIPT = SOURCE.parent / "scripts" / "tornado_suite.py"


@pytest.mark.timeout(240)  # two runs of the suite, some forty seconds each on a busy machine
def test_tornados_own_tests(run_python: RunPython) -> None:
    """The installed Tornado brings its tests."""
    result = run_python(str(SCRIPT), seconds=220)
    assert result.returncode == 0, result.stdout + result.stderr
