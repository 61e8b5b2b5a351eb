"""A stop ends in time although clients hang on, and loses nothing.

The server is a process of its own, on either loop; the stop is a SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from e2e_clients import SECONDS, Visitor

PROGRAM = r"""
import asyncio, sys, time
from waterspout import App, g, spawn, sse
from waterspout.server import Timeouts, serve

app = App("stopping")
here = asyncio.Event()
held = 0

def say(text):
    sys.stdout.write(text + "\n")  # in one piece: threads speak too
    sys.stdout.flush()

@app.get("/")
async def index():
    return "idle"

@app.get("/events")
async def events():
    async def made():
        try:
            yield "first"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("told")
            raise
        finally:
            await asyncio.sleep(0)
            say("ended")
    return sse(made())

@app.get("/events-def")
def events_in_def():
    def made():
        try:
            yield "first"
            while True:
                time.sleep(0.02)
                yield None
        finally:
            say("ended def")
    return sse(made())

@app.get("/slow")
async def slow():
    global held
    held += 1
    say(f"held {held}")
    await asyncio.sleep(0.8)
    return "slow"

@app.get("/slow-def")
def slow_in_def():
    global held
    held += 1
    say(f"held {held}")
    time.sleep(0.8)
    return "slow"

@app.get("/work")
async def work():
    async def working():
        await asyncio.sleep(0.8)
        say("work done")
    spawn(working)
    return "started"

@app.on_shutdown
def shutdown():
    say("hooks")

serve(app, port=0, loop=sys.argv[1], timeouts={"graceful": float(sys.argv[2])})
"""


class Program:
    """The server's process, and what it says."""

    def __init__(self, folder: Path, loop: str, grace: float) -> None:
        path = folder / "program.py"
        path.write_text(textwrap.dedent(PROGRAM))
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(path), loop, str(grace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                with self._more:
                    self.lines.append(line.rstrip())
                    self._more.notify_all()

    def wait_for(self, text: str) -> str:
        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        with self._more:
            assert self._more.wait_for(found, SECONDS), self.lines
            return found()[0]

    @property
    def port(self) -> int:
        line = self.wait_for("Listening on ")
        return int(line.split("://")[1].split()[0].rpartition(":")[2])

    def stop(self) -> float:
        """Send SIGTERM; return the time."""
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def wait(self) -> int:
        status = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return status

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as ends:

        def start(loop: str = "auto", grace: float = 10) -> Program:
            program = Program(tmp_path, loop, grace)
            ends.callback(program.end)
            return program

        yield start


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_stop_with_every_kind_of_client(start: Start, loop: str) -> None:
    """100 idle connections, 50 event streams, 10 requests in flight, spawned work: the ten are
    answered, the streams are told and end whole, nothing is left in the log, exit 0 in time."""
    program = start(loop)
    with ExitStack() as here:
        port = program.port

        def visit(target: str, count: int) -> list[Visitor]:
            visitors = [here.enter_context(Visitor(port)) for _ in range(count)]
            for visitor in visitors:
                visitor.send(target)
            return visitors

        idle = visit("/", 100)
        assert {visitor.read().text for visitor in idle} == {"idle"}
        events = visit("/events", 45) + visit("/events-def", 5)
        for visitor in events:
            visitor.read_until(b"data: first\n\n")
        assert visit("/work", 1)[0].read().text == "started"
        running = visit("/slow", 5) + visit("/slow-def", 5)
        program.wait_for("held 10")
        stopped = program.stop()
        answers = [visitor.read() for visitor in running]
        assert {(answer.status, answer.text) for answer in answers} == {(200, "slow")}
        assert {answer.headers.get("connection") for answer in answers} == {"close"}
        for visitor in events:
            visitor.read_until(b"0\r\n\r\n")
        for visitor in idle + events + running:
            assert visitor.socket.recv(1) == b""
    assert program.wait() == 0
    assert time.monotonic() - stopped < 10
    said = [line for line in program.lines if "Listening" not in line and "held" not in line]
    assert said.count("told") == said.count("ended") == 45
    assert said.count("ended def") == 5
    assert said[-2:] == ["work done", "hooks"]
    rest = {"told", "ended", "ended def", "work done", "hooks"}
    assert [line for line in said if line not in rest and "Stopping when" not in line] == []


def test_event_streams_alone_do_not_delay_a_stop(start: Start) -> None:
    program = start(grace=30)
    with ExitStack() as here:
        for target in ("/events", "/events-def"):
            visitor = here.enter_context(Visitor(program.port))
            visitor.send(target)
            visitor.read_until(b"data: first\n\n")
        stopped = program.stop()
        assert program.wait() == 0
    assert time.monotonic() - stopped < 15
    assert program.lines[-1] == "hooks"


def test_a_second_signal_ends_at_once(start: Start) -> None:
    program = start(grace=30)
    with Visitor(program.port) as listener, Visitor(program.port) as visitor:
        listener.send("/events")
        listener.read_until(b"data: first\n\n")
        visitor.send("/slow")
        program.wait_for("held 1")
        program.stop()
        program.wait_for("told")  # the first signal was heard
        program.stop()
        assert program.wait() == 128 + signal.SIGTERM
    assert "hooks" not in program.lines
