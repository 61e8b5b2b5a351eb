"""What a serving process does with signals, and with what the program has set for them."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest
from server_process import Start

from processes import wait_until

WAYS = {
    "run": "app.run(port=0)",
    "serve": "from waterspout.server import serve\nserve(app, port=0, loop={loop!r})",
}
OWN_HANDLER = """
import signal, sys, threading
from served_app import app
stop = threading.Event()
def work():
    stop.wait()
    print("note: worker saved its state", flush=True)
threading.Thread(target=work).start()
def handler(number, frame):
    print("note: own handler", flush=True)
    stop.set()
    sys.exit(3)
signal.signal(signal.{name}, handler)
{way}
"""


def get(port: int, path: str = "/") -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize("way", WAYS)
def test_a_handler_of_the_program_is_called(
    start: Start, way: str, name: str, loop_name: str
) -> None:
    """It decides; where it ends the process, the stop hooks run all the same."""
    source = OWN_HANDLER.format(name=name, way=WAYS[way].format(loop=loop_name))
    program = start(source=source)
    assert get(program.port()) == "hello"
    program.signal(getattr(signal, name))
    assert program.wait() == 3, program.output
    notes = program.notes()
    assert {"own handler", "worker saved its state", "lifespan out"} <= set(notes)
    assert "Traceback" not in program.output


def test_an_ignored_signal_stays_ignored(start: Start) -> None:
    program = start(
        source="import signal\nfrom waterspout.server import serve\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nserve('served_app:app', port=0)\n"
    )
    port = program.port()
    program.signal(signal.SIGINT)
    assert get(port) == "hello"
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


def test_a_thread_of_the_program_does_not_outlive_sigterm(start: Start) -> None:
    """As without us: the signal would end it at once. What follows `serve` still runs."""
    program = start(
        source="import threading\nfrom waterspout.server import serve\n"
        "threading.Thread(target=threading.Event().wait, name='for-ever').start()\n"
        "serve('served_app:app', port=0)\nprint('note: after', flush=True)\n"
    )
    program.port()
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert program.notes()[-1] == "after"
    assert "Leaving without threads that did not end: for-ever." in program.output


def test_sighup_without_a_terminal_is_refused(start: Start) -> None:
    program = start(source="from waterspout.server import serve\nserve('served_app:app', port=0)\n")
    port = program.port()
    program.signal(signal.SIGHUP)
    program.wait_for_line("SIGHUP is refused")
    assert get(port) == "hello"
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


def test_a_closed_terminal_stops_gracefully(tmp_path: Path) -> None:
    master, terminal = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    log = tmp_path / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "waterspout", "run", "served_app:app", "--port", "0"],
            cwd=Path(__file__).parent,
            stdin=terminal,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509  # no thread of ours holds a lock
        )
    try:
        os.close(terminal)
        wait_until(lambda: "Listening" in log.read_text())
        process.send_signal(signal.SIGHUP)  # the terminal is there yet
        wait_until(lambda: "SIGHUP is refused" in log.read_text())
        os.close(master)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait(15)
    assert "note: lifespan out" in log.read_text()


def test_log_files_are_opened_anew(start: Start, tmp_path: Path) -> None:
    """SIGUSR1 after logrotate has renamed them: the access log, and those of the program."""
    program = start(
        source="import logging\nfrom waterspout.server import serve\n"
        "handler = logging.FileHandler('app.log')\n"
        "logging.getLogger('mine').addHandler(handler)\n"
        "from served_app import app\n"
        "@app.get('/log/<text>')\n"
        "def log(text):\n    logging.getLogger('mine').error(text)\n    return text\n"
        "serve(app, port=0, access_log='access.log')\n"
    )
    port = program.port()
    names = ("access.log", "app.log")
    assert get(port, "/log/first") == "first"
    wait_until(lambda: (tmp_path / "access.log").exists())
    for name in names:
        wait_until(lambda name=name: "first" in (tmp_path / name).read_text())
        (tmp_path / name).rename(tmp_path / f"{name}.1")
    program.signal(signal.SIGUSR1)
    wait_until(lambda: get(port, "/log/next") == "next" and (tmp_path / "app.log").exists())
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
    for name in names:
        assert "next" in (tmp_path / name).read_text()
        assert "first" not in (tmp_path / name).read_text()


def test_a_notebook_serves_in_a_thread(start: Start, loop_name: str) -> None:
    """Where the thread runs a loop already, `app.run()` serves beside it, and ends by SIGINT."""
    new_loop = "uvloop.new_event_loop" if loop_name == "uvloop" else "asyncio.new_event_loop"
    program = start(
        source=f"import asyncio\n{'import uvloop' if loop_name == 'uvloop' else ''}\n"
        "from served_app import app\n"
        "async def cell():\n    app.run(port=0)\n    print('note: next cell', flush=True)\n"
        f"loop = {new_loop}()\nloop.run_until_complete(cell())\nloop.close()\n"
    )
    assert get(program.port(), "/thread") == "from a thread"
    program.signal(signal.SIGINT)
    assert program.wait() == 0, program.output
    assert program.notes()[-2:] == ["lifespan out", "next cell"]


TORNADO = """
import signal, sys
from waterspout.tornado.ioloop import IOLoop
from waterspout.tornado.web import Application, RequestHandler
class Main(RequestHandler):
    def get(self):
        self.write("x" * 1000)
server = Application([("/", Main)]).listen(0, "127.0.0.1")
port = list(server._sockets.values())[0].getsockname()[1]
print(f"Listening on http://127.0.0.1:{port}", flush=True)
def handler(number, frame):
    sys.exit(7)
signal.signal(signal.SIGTERM, handler)
try:
    IOLoop.current().start()
except (KeyboardInterrupt, SystemExit) as error:
    print("note:", type(error).__name__, flush=True)
"""


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize(
    ("number", "noted"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "SystemExit")]
)
def test_a_signal_during_traffic_ends_the_ioloop(
    start: Start, attempt: int, number: int, noted: str
) -> None:
    """What Ctrl-C, or the program's own handler, raises comes out of `IOLoop.start`, wherever the
    signal fell."""
    program = start(source=TORNADO)
    port = program.port()
    ended = threading.Event()
    served = threading.Semaphore(0)

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=15)
        while not ended.is_set():
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
            except OSError:
                return
            served.release()

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for _ in range(200):
        served.acquire(timeout=15)
    program.signal(number)
    status = program.wait()
    ended.set()
    for client in clients:
        client.join()
    assert status == 0, program.output
    assert program.notes() == [noted]
    assert "Traceback" not in program.output
