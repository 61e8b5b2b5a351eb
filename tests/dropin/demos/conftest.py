"""Fixtures for Tornado's demos: their sources, the running programs, people who visit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import demos_sources
import pytest
from demos_browser import Browser
from demos_process import ON_TORNADO, Demo

#: Starts a demo: program below demos/, arguments → the demo.
Start = Callable[..., Demo]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the first test wait for the sources, and those of another process for the first."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(2 * demos_sources.SECONDS))


@pytest.fixture(scope="session")
def demos(pytestconfig: pytest.Config) -> Path:
    """Return the directory of Tornado's demos."""
    assert pytestconfig.cache is not None
    return demos_sources.demos(pytestconfig.cache.mkdir("tornado-demos"))


@pytest.fixture
def start(demos: Path, tmp_path: Path, reserve: object) -> Iterator[Start]:
    """Return what starts a program of the demos; each is ended and its output looked at, while
    its port is still reserved."""
    numbers = count()
    with ExitStack() as running:

        def start_demo(program: str, *arguments: str, **options: object) -> Demo:
            log = tmp_path / f"log{next(numbers)}"
            demo = Demo(demos / program, log, *arguments, **options)  # type: ignore[arg-type]
            running.callback(demo.end)
            return demo

        yield start_demo


@pytest.fixture
def serve(start: Start, reserve: Callable[[], int]) -> Callable[..., tuple[Demo, int]]:
    """Return what starts a demo with ``--port`` and waits for it; gives the demo and its port.

    That Waterspout serves the *pages*, and not Tornado, is seen from what has been imported.
    """

    def serve_demo(
        program: str, *arguments: str, pages: bool = True, **options: object
    ) -> tuple[Demo, int]:
        port = reserve()
        demo = start(program, f"--port={port}", *arguments, **options)
        demo.wait_for_port(port)
        if not ON_TORNADO:
            assert "tornado.http1connection" not in demo.imported
            assert not pages or "waterspout.server" in demo.imported
        return demo, port

    return serve_demo


@pytest.fixture
def browse() -> Iterator[Callable[[int], Browser]]:
    """Return what makes a person's browser for the demo at a port."""
    with ExitStack() as opened:
        yield lambda port: opened.enter_context(Browser(port))
