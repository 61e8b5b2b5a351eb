"""Werkzeug's `run_simple` on our server (A3, dropin.md §3)."""

from __future__ import annotations

import inspect
import signal
import socket
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


ONE_THREAD = """
import sqlite3, threading
from waterspout import App, Response
from waterspout.server import run_simple

app = App("one")
here = sqlite3.connect(":memory:")  # refuses to be used in another thread
here.execute("create table t (n)")
here.executemany("insert into t values (?)", [(n,) for n in range(5)])

@app.before_request
async def note(): ...

@app.get("/rows")
def rows():
    cursor = here.execute("select n from t order by n")
    return Response(f"{n} " for (n,) in cursor)

@app.get("/same")
def same():
    return str(threading.current_thread() is threading.main_thread())

@app.teardown_request
def end(error):
    here.execute("select 1")

run_simple("127.0.0.1", 0, app)
print("ended", flush=True)
"""


def test_without_threads_all_def_code_runs_in_the_calling_thread(start: Start) -> None:
    """As on Werkzeug's server with ``threaded=False``; what the program has made before it
    serves belongs to that thread."""
    program = start(source=ONE_THREAD)
    address = f"http://127.0.0.1:{program.port()}"
    for _ in range(3):
        assert get(f"{address}/rows") == "0 1 2 3 4 "
        assert get(f"{address}/same") == "True"
    program.signal(signal.SIGTERM)
    program.wait_for_line("ended")
    assert program.wait() == 0
    assert "ProgrammingError" not in program.output


LOGGED = """
import logging, sys
from waterspout.server import run_simple
from served_app import app

werkzeug = logging.getLogger("werkzeug")

class Note(logging.Handler):
    def emit(self, record):
        print("note:", record.getMessage(), record.args, flush=True)

werkzeug.addFilter(lambda record: "quiet" not in record.getMessage())
werkzeug.addHandler(Note())

def application(environ, start_response):
    if environ["QUERY_STRING"] == "silence":
        werkzeug.setLevel(logging.ERROR)
    return app(environ, start_response)

run_simple("127.0.0.1", 0, application)
"""


def test_the_logger_werkzeug_governs_the_lines(start: Start) -> None:
    """A filter hides a request, a handler gets the others and the start, a level silences them."""
    program = start(source=LOGGED)
    program.wait_for_line("note:  * Running on http://127.0.0.1:")
    site = f"http://127.0.0.1:{program.port()}"
    get(site + "/?quiet")
    get(site + "/?seen")
    line = program.wait_for_line("?seen")
    assert line.startswith("note: 127.0.0.1 - - [")
    assert line.endswith("\"GET /?seen HTTP/1.1\" 200 - ('GET /?seen HTTP/1.1', '200', '-')\n")
    get(site + "/?silence")
    get(site + "/?unsaid")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
    for word in ("quiet", "silence", "unsaid"):
        assert word not in program.output


def test_several_processes(start: Start) -> None:
    program = start(source=RUN.format("'127.0.0.1', 0, app, processes=2"))
    assert get(f"http://127.0.0.1:{program.port()}/") == "hello"
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


def test_adhoc_tls(start: Start) -> None:
    program = start(source=RUN.format("'127.0.0.1', 0, app, ssl_context='adhoc'"))
    assert "https://127.0.0.1" in program.wait_for_line(" * Running on")


def test_unix_socket_by_hostname(start: Start) -> None:
    program = start(source=RUN.format("'unix://run.sock', 0, app"))
    assert "run.sock" in program.wait_for_line(" * Running on unix:")


def test_wrong_arguments_are_refused_as_by_werkzeug() -> None:
    with pytest.raises(TypeError, match="port must be an integer"):
        run_simple("127.0.0.1", "5000", None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="multi-thread"):
        run_simple("127.0.0.1", 0, None, threaded=True, processes=2)


ENDLESS = """
import atexit, queue
from waterspout import App, Response
from waterspout.server import run_simple

app = App("endless")
atexit.register(print, "at exit", flush=True)

def made():
    yield b"first"
    queue.Queue().get()

@app.get("/events")
def events():
    return Response(made(), mimetype="text/event-stream")

@app.get("/camera")
def camera():
    return Response(made(), mimetype="multipart/x-mixed-replace; boundary=frame")

@app.get("/async")
async def from_the_loop():
    return Response(made(), mimetype="text/event-stream")

@app.get("/text")
def text():
    return Response(made())

@app.get("/view")
def view():
    print("in the view", flush=True)
    queue.Queue().get()

run_simple("127.0.0.1", 0, app, threaded=True)
print("ended", flush=True)
"""


def ask(port: int, path: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=15)
    sock.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    return sock


@pytest.mark.parametrize("path", ["/events", "/camera", "/async"])
def test_a_stop_does_not_wait_for_a_piece_that_nobody_takes(
    start: Start, path: str, loop_name: str
) -> None:
    """A `def` stream that waits for its next event would wait for ever."""
    environ = {"WATERSPOUT_TIMEOUTS_GRACEFUL": "3600", "WATERSPOUT_LOOP": loop_name}
    program = start(source=ENDLESS, **environ)
    with ask(program.port(), path) as client:
        received = b""
        while b"first" not in received:
            received += client.recv(4096)
        program.signal(signal.SIGINT)
        program.wait_for_line("ended")
    assert program.wait() == 0
    assert program.lines[-2:] == ["ended\n", "at exit\n"]


@pytest.mark.parametrize("path", ["/text", "/view"])
def test_a_process_ends_as_python_does_though_a_thread_is_stuck(
    start: Start, path: str, loop_name: str
) -> None:
    environ = {"WATERSPOUT_TIMEOUTS_GRACEFUL": "0.3", "WATERSPOUT_LOOP": loop_name}
    program = start(source=ENDLESS, **environ)
    with ask(program.port(), path) as client:
        if path == "/view":
            program.wait_for_line("in the view")
        else:
            assert client.recv(1)
        program.signal(signal.SIGTERM)
        program.wait_for_line("ended")
    assert program.wait() == 0
    assert program.lines[-2:] == ["ended\n", "at exit\n"]
