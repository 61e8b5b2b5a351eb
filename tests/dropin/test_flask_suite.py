"""Flask's own tests on the drop-in: at least 97 % pass, the others have a reason each."""

from __future__ import annotations

import pytest
from dropin_process import SOURCE, RunPython

SCRIPT = SOURCE.parent / "scripts" / "flask_suite.py"


@pytest.mark.timeout(240)  # two runs of the suite take ten seconds, the first download a minute
def test_flasks_own_tests(run_python: RunPython) -> None:
    """The script downloads Flask's tests once, into the user's cache, and compares."""
    result = run_python(str(SCRIPT), seconds=220)
    assert result.returncode == 0, result.stdout + result.stderr
