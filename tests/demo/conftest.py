"""The guestbook, in memory by the test client and on a socket by its command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from guestbook_people import Site, Visitor

from waterspout import App
from waterspout.demo import create_app
from waterspout.demo.store import Guestbook


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = create_app(str(tmp_path / "book.sqlite3"))
    app.testing = True
    return app


@pytest.fixture
def book(app: App) -> Guestbook:
    found: Guestbook = app.extensions["guestbook"]
    return found


@pytest.fixture
def visitor(app: App) -> Visitor:
    return Visitor(app)


@pytest.fixture
def stranger(app: App) -> Visitor:
    """Somebody else, in another browser."""
    return Visitor(app)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.start()
    yield site
    assert site.stop() == 0
