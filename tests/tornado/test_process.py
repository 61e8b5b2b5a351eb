"""`HTTPServer.start(n)`: several processes by forking, as Tornado's programs do it."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

PROGRAM = """
import os, sys
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.ioloop import IOLoop
from waterspout.tornado.process import task_id
from waterspout.tornado.web import Application, RequestHandler
import logging

class Who(RequestHandler):
    def get(self):
        self.write(f"{task_id()} {os.getpid()} {os.getppid()}")

class End(RequestHandler):
    def get(self, status):
        os._exit(int(status))

logging.basicConfig(level="INFO")
server = HTTPServer(Application([("/", Who), ("/([0-9])", End)]))
server.bind(0, "127.0.0.1")
print(server._pending_sockets[0].getsockname()[1], flush=True)
server.start(2, max_restarts=1)
IOLoop.current().start()
"""


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    """Run the program above."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.communicate()


def ask(port: int, path: str) -> str:
    """Ask one of the processes; ``""`` if it has ended instead of answering."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (ConnectionError, http.client.RemoteDisconnected):
        return ""
    finally:
        connection.close()


def test_forks_are_replaced_and_the_parent_ends_last(program: subprocess.Popen[str]) -> None:
    """A child that fails is started again; when all have ended well, so does the parent."""
    assert program.stdout is not None
    port = int(program.stdout.readline())
    number, pid, parent = map(int, ask(port, "/").split())
    assert number in (0, 1)
    assert pid != parent == program.pid
    for path in ("/3", "/0", "/0"):
        assert ask(port, path) == ""
    _, said = program.communicate(timeout=20)
    assert program.returncode == 0, said
    assert "Starting 2 processes" in said
    assert said.count("exited with status 3, restarting") == 1
    assert said.count("exited normally") == 2


def test_children_that_fail_too_often(program: subprocess.Popen[str]) -> None:
    """The parent gives up and says so."""
    assert program.stdout is not None
    port = int(program.stdout.readline())
    assert [ask(port, "/3"), ask(port, "/3")] == ["", ""]
    _, said = program.communicate(timeout=20)  # to the end of all of them
    assert program.returncode == 1
    assert "Too many child restarts, giving up" in said
