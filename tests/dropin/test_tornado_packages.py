"""L5: packages for Tornado, unmodified, as they do on Tornado: they keep handlers and write to them
from elsewhere, bring mixins, and put functions of their own in the place of Tornado's.

The programs are in `programs/`. Each says what it has seen, and has to say the same on both.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from time import monotonic

import pytest
from dropin_process import PROGRAMS, RunPython

STARTING = 10.0  # seconds that Redis may take to start


def said(run_python: RunPython, name: str, *arguments: str) -> str:
    """Run a program on Tornado and on Waterspout; return what it says, the same on both."""
    program = str(PROGRAMS / f"{name}_program.py")
    real = run_python(program, *arguments)
    assert real.returncode == 0, real.stderr
    ours = run_python("-m", "waterspout.dropin", program, *arguments)
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout == real.stdout
    assert "Traceback" not in ours.stderr
    return ours.stdout


@pytest.fixture
def redis(reserve: Callable[[], int]) -> Iterator[int]:
    """Return the port of a Redis of our own."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    port = reserve()
    # Silent: its log is of no interest, and its data is not kept.
    arguments = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        try:
            end = monotonic() + STARTING
            while not _answers(port):
                assert monotonic() < end, "Redis does not start"
                assert process.poll() is None, "Redis has ended"
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with (
        suppress(OSError),
        closing(socket.create_connection(("127.0.0.1", port), timeout=STARTING)) as client,
    ):
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def test_l5_sockjs(run_python: RunPython) -> None:
    """sockjs-tornado: streams, polling and sockets, written to from timers and other requests."""
    assert "ended True" in said(run_python, "sockjs")


def test_l5_pycket(run_python: RunPython, redis: int) -> None:
    """pycket: its mixin's `session`, behind RequestHandler among the bases, is the one."""
    assert "ann 200 ann pycket.session" in said(run_python, "pycket", str(redis))


def test_l5_opentelemetry(run_python: RunPython) -> None:
    """OpenTelemetry: a span for each request, none when it is uninstrumented."""
    assert "/waits 200 within INTERNAL None UNSET child" in said(run_python, "otel")


def test_l5_sentry(run_python: RunPython) -> None:
    """sentry-sdk: an event of each error, with the request and the tags of its own task."""
    assert "ZeroDivisionError bob GET who=bob" in said(run_python, "sentry")


def test_l5_elastic_apm(run_python: RunPython) -> None:
    """Elastic APM: a transaction of each request, with what its handler has added."""
    assert "transaction GET Hello HTTP 2xx {'who': 'bob'}" in said(run_python, "apm")


#: What only Tornado's own code calls, to read connections and files.
ITS_OWN_WAYS = {
    "HTTPServer handle_stream",
    "RequestHandler detach",
    "StaticFileHandler _check_in_root",
    "StaticFileHandler _resolve_symlink_target",
    "StaticFileHandler _stat_regular_file",
    "WebSocketHandler _detach_stream",
}


def test_what_is_replaced_later_is_called(run_python: RunPython) -> None:
    """Every method that Tornado calls while it serves, each replaced by itself after the first
    requests: on the class, on the handler, on application and server; and a rule's."""
    program = str(PROGRAMS / "replaced_program.py")
    real = run_python(program)
    assert real.returncode == 0, real.stderr
    ours = run_python("-m", "waterspout.dropin", program)
    assert ours.returncode == 0, ours.stderr
    called = set(real.stdout.splitlines())
    assert {"RequestHandler flush", "handler compute_etag", "server start_request"} <= called
    assert called - ITS_OWN_WAYS - set(ours.stdout.splitlines()) == set()
