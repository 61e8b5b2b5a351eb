"""Unmodified Tornado programs over the real server, however they are started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dropin_process import PROGRAMS
from test_serving import INSTALL_AND_RUN, ask, serving

PROGRAM = str(PROGRAMS / "tornado_program.py")


def arguments_for(way: str, port: int) -> list[str]:
    """Return the command line that serves the program."""
    return {
        "waterspout run": [
            *("-m", "waterspout", "--dropin", "-A", "tornado_program:app"),
            *("run", "--port", str(port)),
        ],
        "python -m waterspout.dropin": ["-m", "waterspout.dropin", PROGRAM, f"--port={port}"],
        "python -m waterspout.dropin -m": [
            *("-m", "waterspout.dropin", "-m", "tornado_program", f"--port={port}"),
        ],
        "install()": ["-c", INSTALL_AND_RUN, PROGRAM, f"--port={port}"],
    }[way]


@pytest.mark.parametrize(
    "way",
    [
        "waterspout run",
        "python -m waterspout.dropin",
        "python -m waterspout.dropin -m",
        "install()",
    ],
)
def test_a_tornado_program(way: str, tmp_path: Path, reserve: Callable[[], int]) -> None:
    """Its handlers are ours; its coroutines, locks and HTTP client are Tornado's, on one loop."""
    port = reserve()
    with serving(tmp_path, port, *arguments_for(way, port)) as connection:
        answer = ask(connection, "GET", "/?q=1")
        assert answer.status == 200
        assert answer.text == "Hello from waterspout.tornado.web at 1"  # type: ignore[attr-defined]
        if way != "waterspout run":  # which does not set the program's own option
            relayed = ask(connection, "GET", "/relay")
            assert relayed.text.endswith("at relay")  # type: ignore[attr-defined]


def test_a_program_that_stops_its_loop(tmp_path: Path, reserve: Callable[[], int]) -> None:
    """It ends as it does on Tornado, without a word about what was left."""
    port = reserve()
    arguments = arguments_for("python -m waterspout.dropin", port)
    with serving(tmp_path, port, *arguments) as connection:
        assert ask(connection, "GET", "/").status == 200
        assert ask(connection, "GET", "/stop").text == "stopping"  # type: ignore[attr-defined]
        log = tmp_path / "log"
        # The end of the process is the end of its connections.
        assert connection.sock is None or connection.sock.recv(1) == b""
    said = log.read_text()
    assert "the loop has stopped" in said
    assert "Traceback" not in said
    assert "was destroyed" not in said


def test_asyncio_run(tmp_path: Path, reserve: Callable[[], int]) -> None:
    """A program that never names `IOLoop`."""
    port = reserve()
    program = str(PROGRAMS / "asyncio_program.py")
    with serving(tmp_path, port, "-m", "waterspout.dropin", program, str(port)) as connection:
        answer = ask(connection, "GET", "/")
        assert answer.text.startswith("Hello from waterspout.")  # type: ignore[attr-defined]
