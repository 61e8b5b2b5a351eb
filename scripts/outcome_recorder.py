"""A pytest plugin that writes node id → outcome to the JSON file named by `OUTCOMES_FILE`.

A test has passed when its set-up, its call and its tear-down have.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


class OutcomeRecorder:
    """Collects the reports of one session."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst outcome of a test's phases."""
        if report.outcome != "passed" or report.nodeid not in self.outcomes:
            self.outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        self.path.write_text(json.dumps(self.outcomes), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder."""
    config.pluginmanager.register(OutcomeRecorder(Path(os.environ["OUTCOMES_FILE"])))
