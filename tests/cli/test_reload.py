"""A save restarts the application; the port stays open; errors are shown."""

from __future__ import annotations

import http.client
import os
import pty
import re
import signal
import socket
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cli_program import SECONDS, Program, Served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from processes import wait_until

APP = """
    from waterspout import App

    app = App(__name__)

    @app.route("/")
    def index():
        return "%s"
"""
ARGUMENTS = ("run", "site_app:app", "--debug", "--port", "0")


def save(program: Program, answer: str) -> None:
    program.write("site_app.py", APP % answer)


@pytest.fixture
def served(program: Program) -> Served:
    save(program, "one")
    served = program.start(*ARGUMENTS)
    assert served.ask() == (200, "one")
    return served


def test_a_save_is_served(program: Program, served: Served) -> None:
    """The new version answers on the same port, and no request in between is lost."""
    save(program, "two")
    assert served.asks_until(lambda answer: answer != (200, "one")) == (200, "two")
    assert "Changed: site_app.py. Restarting." in served.said
    assert served.stop() == 0


def test_the_supervisor_never_imports_the_application(program: Program) -> None:
    """Whatever it does when it is imported, it does once."""
    program.write("site_app.py", "import os\nprint('imported in', os.getpid())\n")
    with (program.directory / "site_app.py").open("a") as file:
        file.write("from waterspout import App\napp = App(__name__)\n")
    served = program.start(*ARGUMENTS)
    assert served.ask()[0] == 404
    (pid,) = re.findall(r"imported in (\d+)", served.said)
    assert int(pid) != served.process.pid


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import not_installed\n", "ModuleNotFoundError: No module named 'not_installed'"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_an_error_is_shown_until_the_next_save(
    program: Program, served: Served, text: str, error: str
) -> None:
    """In the browser and in the log; the next good save is served."""
    program.write("site_app.py", text)
    status, page = served.asks_until(lambda answer: answer[0] != 200)
    assert status == 500
    assert error in page
    assert "waterspout/cli" not in page
    served.hears(re.escape(error))
    save(program, "two")
    assert served.asks_until(lambda answer: answer[0] == 200) == (200, "two")


def test_an_error_is_shown_at_the_first_start(program: Program) -> None:
    program.write("site_app.py", "def broken(:\n")
    served = program.start(*ARGUMENTS)
    assert served.ask()[0] == 500
    save(program, "one")
    assert served.asks_until(lambda answer: answer[0] == 200) == (200, "one")


def test_without_debug_mode_the_page_has_no_traceback(program: Program) -> None:
    """SECURITY: the traceback is for the log then."""
    program.write("site_app.py", "1 / 0\n")
    served = program.start("run", "site_app:app", "--reload", "--port", "0")
    status, page = served.ask()
    assert status == 500
    assert "Traceback" not in page
    assert "ZeroDivisionError" in served.said


def test_a_process_that_dies_is_replaced_by_the_next_save(program: Program, served: Served) -> None:
    """Even the error page cannot be served then: the supervisor says what is to be done."""
    program.write("site_app.py", "import os\nos._exit(7)\n")
    status, page = served.asks_until(lambda answer: answer[0] != 200)
    assert (status, "not running" in page) == (500, True)
    served.hears("ended with status 7. Waiting for a change")
    save(program, "two")
    assert served.asks_until(lambda answer: answer[0] == 200) == (200, "two")


def test_a_wrong_name_ends_the_command(program: Program) -> None:
    """There is nothing to wait for."""
    ended = program.run("run", "absent:app", "--reload", "--port", "0")
    assert ended.returncode == 2
    assert "Could not import 'absent'" in ended.stderr


def test_a_name_that_disappears_can_come_back(program: Program, served: Served) -> None:
    program.write("site_app.py", "")
    assert served.asks_until(lambda answer: answer[0] != 200)[0] == 500
    save(program, "two")
    assert served.asks_until(lambda answer: answer[0] == 200) == (200, "two")


@pytest.mark.timeout(240)  # fifty programs may start, one after another
def test_fifty_quick_saves_end_in_the_last_version(program: Program, served: Served) -> None:
    """All of one size within one second or two, which Python's own cache cannot tell apart."""
    for number in range(50):
        save(program, f"{number:03}")
        served.ask()
    last = served.asks_until(lambda answer: answer == (200, "049"))
    assert last == (200, "049")
    assert served.ask() == (200, "049")


def test_other_files(program: Program) -> None:
    """A template or a page is no reason; a named file is; an excluded one is not."""
    save(program, "one")
    extra = program.write("settings.toml", "a = 1\n")
    served = program.start(
        *ARGUMENTS, "--extra-files", str(extra), "--exclude-patterns", "*/generated_*"
    )
    assert served.ask()[0] == 200
    program.write("templates/page.html", "<p>")
    program.write("generated_models.py", "")
    program.write("__pycache__/x.py", "")
    program.write("settings.toml", "a = 2\n")
    said = served.hears(r"Changed: (.*)\. Restarting")
    assert said[1] == "settings.toml"
    served.hears("Listening on", times=2)
    program.write("package/new.py", "")
    said = served.hears(r"Changed: (.*)\. Restarting", times=2)
    assert "package" in said[1]


def test_the_directory_of_the_application_is_watched(
    program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also if it is not the current one."""
    save(program, "one")
    elsewhere = Program(tmp_path_factory.mktemp("elsewhere"))
    served = elsewhere.start("run", str(program.directory / "site_app.py"), *ARGUMENTS[2:])
    try:
        assert served.ask() == (200, "one")
        save(program, "two")
        assert served.asks_until(lambda answer: answer != (200, "one")) == (200, "two")
    finally:
        elsewhere.close()


STREAM = (
    APP
    + """
    from waterspout import Response

    @app.route("/stream")
    def stream():
        def numbers():
            number = 0
            while True:
                number += 1
                yield f"data: {number}\\n\\n"
        return Response(numbers(), mimetype="text/event-stream")
"""
)


def test_an_open_stream_does_not_hold_it_up(program: Program) -> None:
    """A restart works with an endless answer running."""
    program.write("site_app.py", STREAM % "one")
    served = program.start(*ARGUMENTS)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.read(7) == b"data: 1"
    save(program, "two")
    assert served.asks_until(lambda answer: answer != (200, "one")) == (200, "two")
    connection.close()
    assert served.stop() == 0


SOCKETS = """
    from waterspout import App, RequestHandler, WebSocketHandler

    app = App(__name__)

    @app.route("/")
    def index():
        return "%s"

    @app.websocket("/function")
    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    @app.route("/handler")
    class Echo(WebSocketHandler):
        def on_message(self, message):
            self.write_message(message)
"""


def test_open_sockets_do_not_hold_it_up(program: Program) -> None:
    """A restart closes sockets with 1001, and the new version takes them again."""
    program.write("site_app.py", SOCKETS % "one")
    served = program.start(*ARGUMENTS)

    def open_socket(here: ExitStack, path: str) -> ClientConnection:
        address = f"ws://127.0.0.1:{served.port}{path}"
        client = here.enter_context(connect(address, open_timeout=SECONDS))
        client.send(path)
        assert client.recv(timeout=SECONDS) == path
        return client

    with ExitStack() as here:
        before = [open_socket(here, f"/{kind}") for kind in ("function", "handler") * 20]
        program.write("site_app.py", SOCKETS % "two")
        assert served.asks_until(lambda answer: answer != (200, "one")) == (200, "two")
        for client in before:
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=SECONDS)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        open_socket(here, "/function")
        open_socket(here, "/handler")
    assert served.stop() == 0
    assert "Traceback" not in served.said


@contextmanager
def asking(count: int, ask: Callable[[], tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Let *count* threads ask all the while; every request must be answered."""
    stop = threading.Event()
    answers: list[tuple[int, str]] = []
    errors: list[Exception] = []

    def go_on() -> None:
        while not stop.is_set():
            try:
                answers.append(ask())
            except Exception as ex:
                errors.append(ex)

    clients = [threading.Thread(target=go_on) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert errors == []


def restart(program: Program, served: Served) -> None:
    for version in ("two", "three", "four"):
        save(program, version)
        served.asks_until(lambda answer, version=version: answer == (200, version))


def test_requests_during_restarts_wait(program: Program, served: Served) -> None:
    """Nobody is refused: each of many requests made all the while is answered."""
    with asking(3, served.ask) as answers:
        restart(program, served)
    assert {status for status, _ in answers} == {200}


def test_requests_on_kept_connections_during_restarts(program: Program, served: Served) -> None:
    """The same when the clients keep their connections until an answer says that it closes."""
    kept: dict[int, http.client.HTTPConnection] = {}

    def ask() -> tuple[int, str]:
        me = threading.get_ident()
        if me not in kept:
            kept[me] = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
        kept[me].request("GET", "/")
        answer = kept[me].getresponse()
        text = answer.read().decode()
        if answer.will_close:
            kept.pop(me).close()
        return answer.status, text

    with asking(3, ask) as answers:
        restart(program, served)
    for connection in kept.values():
        connection.close()
    assert {status for status, _ in answers} == {200}


def test_a_client_that_is_slow_to_speak_is_answered(program: Program, served: Served) -> None:
    """A browser's connection, accepted just before the save, on which nothing was sent yet."""
    with socket.create_connection(("127.0.0.1", served.port), SECONDS) as early:
        assert served.ask() == (200, "one")  # so the connection before it was accepted too
        save(program, "two")
        served.hears(r"Restarting")
        early.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with early.makefile("rb") as answer:
            assert answer.read().endswith(b"one")
    assert served.asks_until(lambda answer: answer != (200, "one")) == (200, "two")


def test_sighup_restarts(program: Program) -> None:
    """As for a server of several workers; a closed terminal ends it."""
    program.write("pid.py", PID)
    served = program.start("run", "pid:app", "--debug", "--port", "0")
    before = served.ask()
    served.process.send_signal(signal.SIGHUP)
    assert served.asks_until(lambda answer: answer != before)[0] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_processes(
    program: Program, served: Served, number: signal.Signals
) -> None:
    """Status 0, and nobody listens any more."""
    port = served.port
    assert served.stop(number) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


PID = """
    import os
    from waterspout import App

    app = App(__name__)
    app.get("/")(lambda: str(os.getpid()))
"""
SCRIPT = """
    import sys
    from waterspout.flask import Flask

    app = Flask(__name__)
    app.route("/")(lambda: "%s from " + sys.argv[1])
    app.run(port=0, debug=True)
"""


def test_debug_run_of_a_script(program: Program) -> None:
    """`python app.py` with `debug=True`: restarted with its arguments, and after an error that
    only the interpreter saw."""
    program.write("script.py", SCRIPT % "one")
    served = program.start_process([sys.executable, "script.py", "argument"])
    assert served.ask() == (200, "one from argument")
    program.write("script.py", "def broken(:\n")
    assert served.asks_until(lambda answer: answer[0] != 200)[0] == 500
    program.write("script.py", SCRIPT % "two")
    answer = served.asks_until(lambda answer: answer[0] == 200)
    assert answer == (200, "two from argument")
    assert served.stop() == 0


def test_flask_run_debug(program: Program) -> None:
    """The same with `flask run --debug`; the mark of Werkzeug's reloader is set for programs
    that do things once by it."""
    program.write(
        "app.py",
        "import os\nfrom waterspout.flask import Flask\napp = Flask(__name__)\n"
        "app.route('/')(lambda: os.environ['WERKZEUG_RUN_MAIN'])\n",
    )
    served = program.start("run", "--debug", "--port", "0", module="waterspout.flask")
    assert served.ask() == (200, "true")
    assert served.said.count("Debug mode: on") == 1


def test_the_terminal_is_put_back(program: Program) -> None:
    """A child that is stopped in a debugger's prompt leaves the echo off."""
    program.write(
        "site_app.py",
        "import sys, termios\n"
        "settings = termios.tcgetattr(sys.stdin)\nsettings[3] &= ~termios.ECHO\n"
        "termios.tcsetattr(sys.stdin, termios.TCSANOW, settings)\n"
        "from waterspout import App\napp = App(__name__)\n",
    )
    controller, terminal = pty.openpty()
    try:
        served = program.start(*ARGUMENTS, stdin=terminal)
        assert served.ask()[0] == 404
        assert not termios.tcgetattr(terminal)[3] & termios.ECHO
        assert served.stop() == 0
        assert termios.tcgetattr(terminal)[3] & termios.ECHO
    finally:
        os.close(controller)
        os.close(terminal)


def test_the_supervisor_reads_nothing_when_idle(served: Served) -> None:
    """Events of the system, not a walk over the files."""

    def read() -> str:
        io = Path(f"/proc/{served.process.pid}/io").read_text()
        return io.split("rchar: ")[1].split()[0]

    def is_idle() -> bool:
        before = read()
        for _ in range(20):
            served.ask()
        return read() == before

    wait_until(is_idle)  # it may still be setting up
