"""Fixtures of the server's tests."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import Program, Start


@pytest.fixture(scope="session", autouse=True)
def _ended_in_order() -> Iterator[None]:
    """Let a run that is told to end (`timeout`) end the servers that it started."""

    def end(*_: object) -> None:
        pytest.exit("told to end")

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program: arguments of Python, or its source."""
    started: list[Program] = []

    def run(*arguments: str, source: str = "", **environ: str) -> Program:
        if source:
            script = tmp_path / "program.py"
            script.write_text(source)
            arguments = (str(script), *arguments)
        command = [sys.executable, "-W", "error", *arguments]
        started.append(Program(command, tmp_path, environ))
        return started[-1]

    yield run
    for program in started:
        program.end()
        print(program.output)  # pytest shows it for a test that failed


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
