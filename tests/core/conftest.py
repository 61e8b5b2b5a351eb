"""An application in an empty folder, and the ways to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from core_ways import Way

from waterspout import App


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App("core", root_path=str(tmp_path))
    app.secret_key = "core"
    return app


@pytest.fixture(params=["client", "server"])
def door(request: pytest.FixtureRequest) -> Iterator[Way]:
    """`def` functions, asked by the test client and over a socket."""
    way = Way(asynchronous=False, on_server=request.param == "server")
    yield way
    way.end()


@pytest.fixture(params=["def-client", "async-client", "def-server", "async-server"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """`def` and `async def` functions, asked by the test client and over a socket."""
    style, _, where = request.param.partition("-")
    way = Way(asynchronous=style == "async", on_server=where == "server")
    yield way
    way.end()


@pytest.fixture(params=["def", "async"])
def served(request: pytest.FixtureRequest) -> Iterator[Way]:
    """`def` and `async def` functions, asked over a socket."""
    way = Way(asynchronous=request.param == "async", on_server=True)
    yield way
    way.end()
