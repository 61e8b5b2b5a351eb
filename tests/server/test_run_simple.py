"""Werkzeug's `run_simple` on our server (A3, dropin.md §3)."""

from __future__ import annotations

import inspect
import signal
from urllib.request import urlopen

import pytest
import werkzeug.serving
from server_process import Start

from waterspout.server import run_simple

RUN = "from waterspout.server import run_simple\nfrom served_app import app\nrun_simple({})\n"


def get(url: str) -> str:
    with urlopen(url, timeout=15) as answer:
        text: str = answer.read().decode()
        return text


def test_the_signature_is_werkzeugs() -> None:
    ours = inspect.signature(run_simple).parameters
    theirs = inspect.signature(werkzeug.serving.run_simple).parameters
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


def test_serves_until_stopped_and_logs_requests(start: Start) -> None:
    program = start(source=RUN.format("'127.0.0.1', 0, app, threaded=True"))
    assert get(f"http://127.0.0.1:{program.port()}/thread") == "from a thread"
    line = program.wait_for_line('"GET /thread HTTP/1.1" 200 -')
    assert line.startswith("127.0.0.1 - - [")
    program.signal(signal.SIGINT)
    assert program.wait() == 0


def test_several_processes(start: Start) -> None:
    program = start(source=RUN.format("'127.0.0.1', 0, app, processes=2"))
    assert get(f"http://127.0.0.1:{program.port()}/") == "hello"
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


def test_adhoc_tls(start: Start) -> None:
    pytest.importorskip("cryptography")
    program = start(source=RUN.format("'127.0.0.1', 0, app, ssl_context='adhoc'"))
    assert "https://127.0.0.1" in program.wait_for_line("Listening on")


def test_unix_socket_by_hostname(start: Start) -> None:
    program = start(source=RUN.format("'unix://run.sock', 0, app"))
    assert "run.sock" in program.wait_for_line("Listening on unix:")


def test_wrong_arguments_are_refused_as_by_werkzeug() -> None:
    with pytest.raises(TypeError, match="port must be an integer"):
        run_simple("127.0.0.1", "5000", None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="multi-thread"):
        run_simple("127.0.0.1", 0, None, threaded=True, processes=2)
