"""What tests of the batteries have in common."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Python 3.13 and later tell of each connection of sqlite3 that is collected before it is
    # closed: those in SQLAlchemy's pools, of applications that a test has made and dropped.
    config.addinivalue_line(
        "filterwarnings", "ignore:unclosed database in <sqlite3:ResourceWarning"
    )
