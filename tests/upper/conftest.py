"""An application in an empty folder of its own, and its client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waterspout import App

Write = Callable[[str, str], Path]


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App("upper", root_path=str(tmp_path))
    app.config.update(TESTING=True, SECRET_KEY="upper")
    return app


@pytest.fixture
def client(app: App) -> Any:
    return app.test_client()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below the application's root path."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
