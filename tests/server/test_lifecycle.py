"""Start and stop: hooks in order, what a failing start says, servers inside other programs."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator
from urllib.request import urlopen

import pytest
import served_app
from server_process import Start

from waterspout import App, current_app
from waterspout.application.lifespan import StartupError
from waterspout.server import Server, ServerSettings, serve_in_thread
from waterspout.server.process.run import loop_factory
from waterspout.server.sockets import ListenError

BEFORE = ["lifespan in", "inner in", "startup served_app", "startup async"]
AFTER = ["shutdown async", "shutdown", "inner out", "lifespan out"]

SERVE = "from waterspout.server import serve\nserve('served_app:app', port=0, loop={loop!r})\n"


def get(url: str) -> str:
    with urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_hooks_run_once_and_in_order(start: Start, loop_name: str) -> None:
    """Contexts, startup hooks; on the way out everything in reverse."""
    program = start(source=SERVE.format(loop=loop_name))
    port = program.port()
    assert program.notes() == BEFORE
    assert get(f"http://127.0.0.1:{port}/") == "hello"
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert program.notes() == BEFORE + AFTER


def test_start_line_names_address_and_process(start: Start) -> None:
    program = start(source=SERVE.format(loop="auto"))
    line = program.wait_for_line("Listening")
    pid = program.process.pid
    assert line == f"Listening on http://127.0.0.1:{program.port()} (pid {pid})\n"


def test_port_in_use_is_said_in_words(start: Start) -> None:
    """The error names who is there and what to do, and the status is not 0."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = start(
            source=f"from waterspout.server import serve\nserve('served_app:app', port={port})\n"
        )
        assert program.wait() == 1
    assert f"Error: Port {port} on 127.0.0.1 is in use by" in program.output
    assert f"--port {port + 1}" in program.output
    assert "Traceback" not in program.output
    assert program.notes() == []


def test_unknown_application_is_said_in_words(start: Start) -> None:
    program = start(source="from waterspout.server import serve\nserve('nowhere:app', port=0)\n")
    assert program.wait() == 1
    assert "Error: 'nowhere:app' cannot be imported" in program.output


def test_failing_startup_hook_ends_the_process(start: Start) -> None:
    """A traceback, the hook's name, status 3; nobody was ever accepted."""
    program = start(
        source="""
from waterspout import App
from waterspout.server import serve
app = App(__name__)
@app.lifespan
async def context(app):
    print("note: in", flush=True)
    try:
        yield
    finally:
        print("note: out", flush=True)
@app.on_startup
def reach_database():
    raise ConnectionError("no database")
@app.on_shutdown
def never():
    print("note: never", flush=True)
serve(app, port=0)
"""
    )
    assert program.wait() == 3
    assert "ConnectionError: no database" in program.output
    assert "startup hook __main__.reach_database failed" in program.output
    assert "Listening" not in program.output
    assert program.notes() == ["in", "out"]


def test_failing_shutdown_hook_is_logged_and_the_others_run(start: Start) -> None:
    program = start(
        source="""
from waterspout import App
from waterspout.server import serve
app = App(__name__)
@app.on_shutdown
def first():
    print("note: first", flush=True)
@app.on_shutdown
async def second():
    raise RuntimeError("broken")
serve(app, port=0)
"""
    )
    program.port()
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
    assert "Shutdown hook __main__.second failed" in program.output
    assert "RuntimeError: broken" in program.output
    assert program.notes() == ["first"]


def test_stop_while_starting(start: Start) -> None:
    """SIGTERM during a long startup hook ends the process; contexts are left."""
    program = start(
        source="""
import asyncio
from waterspout import App
from waterspout.server import serve
app = App(__name__)
@app.on_startup
async def slow():
    print("note: starting", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("note: undone", flush=True)
serve(app, port=0)
"""
    )
    program.wait_for_line("note: starting")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert program.notes() == ["starting", "undone"]


def test_serve_returns_after_a_stop(start: Start) -> None:
    program = start(source=SERVE.format(loop="auto") + "print('afterwards')\n")
    program.port()
    program.signal(signal.SIGINT)
    assert program.wait() == 0, program.output
    assert "afterwards" in program.output


def test_serve_in_thread(loop_name: str) -> None:
    """A server for tests and notebooks; it ends with its block."""
    served_app.notes.clear()
    others = set(threading.enumerate())
    with serve_in_thread(served_app.app, loop=loop_name) as server:
        assert get(server.urls[0] + "/") == "hello"
        assert get(server.urls[0] + "/thread") == "from a thread"
        assert served_app.notes == BEFORE
    assert served_app.notes == BEFORE + AFTER
    with pytest.raises(OSError):
        get(server.urls[0] + "/")
    left = set(threading.enumerate()) - others
    assert "waterspout-server" not in {thread.name for thread in left}


def test_errors_of_the_start_reach_the_caller() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError), serve_in_thread(served_app.app, port=port):
            pass

    app = App("failing")

    @app.on_startup
    async def fail() -> None:
        raise LookupError("nothing here")

    with pytest.raises(StartupError, match="fail") as caught, serve_in_thread(app):
        pass
    assert isinstance(caught.value.__cause__, LookupError)


def run(loop_name: str, main: object) -> None:
    with asyncio.Runner(loop_factory=loop_factory(loop_name)) as runner:
        runner.run(main)  # type: ignore[arg-type]


def test_a_server_inside_a_program_with_a_loop_of_its_own(loop_name: str) -> None:
    """`start` and `stop` own neither the loop nor signals; tasks of hooks live on it."""
    app = App("embedded")
    seen: list[object] = []

    @app.on_startup
    async def begin() -> None:
        seen.append(asyncio.get_running_loop())

    @app.get("/")
    async def index() -> str:
        seen.append(asyncio.get_running_loop())
        return current_app.name

    async def main() -> None:
        before = signal.getsignal(signal.SIGTERM)
        server = Server(app, ServerSettings(port=0))
        await server.start()
        assert signal.getsignal(signal.SIGTERM) is before
        assert await asyncio.to_thread(get, server.urls[0]) == "embedded"
        await server.stop()
        await server.stop()  # again: nothing happens
        assert seen == [asyncio.get_running_loop()] * 2

    run(loop_name, main())


LET_GO = """
import asyncio, gc, socket
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.web import Application, RequestHandler

class Hello(RequestHandler):
    async def get(self):
        self.write("hello")

async def ask():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        HTTPServer(Application([("/", Hello)])).add_socket(listening.dup())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    await reader.readuntil(b"\\r\\n\\r\\n")
    print((await reader.readexactly(5)).decode())
    writer.close()

for _ in range(3):  # the next loop frees what belonged to the last
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask())
    loop.close()
    del loop
    gc.collect()
"""


def test_a_loop_let_go_of_without_a_stop_says_nothing(start: Start) -> None:
    """A program of tests closes its loop beside a listening application: no task of the server
    is reported as lost."""
    program = start(source=LET_GO)
    assert program.wait() == 0, program.output
    assert program.output.count("hello\n") == 3
    assert "Task was destroyed" not in program.output


def test_a_cancelled_serve_stops(loop_name: str) -> None:
    served_app.notes.clear()

    async def main() -> None:
        ready = asyncio.Event()
        server = Server(served_app.app, ServerSettings(port=0))
        task = asyncio.create_task(server.serve(lambda _: ready.set()))
        await ready.wait()
        assert await asyncio.to_thread(get, server.urls[0]) == "hello"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.connections == set()

    run(loop_name, main())
    assert served_app.notes == BEFORE + AFTER


def test_lifespan_is_entered_and_left_by_one_task(loop_name: str) -> None:
    """Task groups and timeouts in a lifespan need it."""
    app = App("grouped")
    done: list[str] = []

    @app.lifespan
    async def background(_app: App) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(60))
            yield
            task.cancel()
        done.append("left")

    with serve_in_thread(app, loop=loop_name):
        assert done == []
    assert done == ["left"]


def test_hooks_have_an_application_context_with_teardown() -> None:
    """`current_app` and `g` work in hooks; teardown functions follow each phase."""
    app = App("contexts")
    seen: list[str] = []

    @app.on_startup
    def sync_hook() -> None:
        seen.append(f"start {current_app.name}")

    @app.on_shutdown
    async def async_hook() -> None:
        seen.append(f"stop {current_app.name}")

    @app.teardown_appcontext
    async def teardown(_error: BaseException | None) -> None:
        seen.append("teardown")

    with serve_in_thread(app):
        assert seen == ["start contexts", "teardown"]
    assert seen == ["start contexts", "teardown", "stop contexts", "teardown"]


def test_factory_and_import_string(start: Start) -> None:
    for name in ("served_app:app", "served_app:create_app", "served_app:create_app()"):
        program = start(source=f"from waterspout.server import serve\nserve({name!r}, port=0)\n")
        assert get(f"http://127.0.0.1:{program.port()}/") == "hello"
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


@pytest.mark.parametrize(
    "factory",
    ["partial(made, 'by a partial')", "Maker('by a method').make", "lambda: made('by a lambda')"],
)
def test_what_needs_no_arguments_is_a_factory(start: Start, factory: str) -> None:
    """A partial or a bound method is called as a function is, by each worker."""
    program = start(
        source=(
            "from functools import partial\n"
            "from waterspout import App\n"
            "from waterspout.server import serve\n"
            "def made(word=''):\n"
            "    app = App('made')\n"
            "    app.add_url_rule('/', 'word', lambda: word)\n"
            "    return app\n"
            "class Maker:\n"
            "    def __init__(self, word): self.word = word\n"
            "    def make(self): return made(self.word)\n"
            f"serve({factory}, port=0, workers=2)\n"
        )
    )
    assert get(f"http://127.0.0.1:{program.port()}/").startswith("by a ")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output


def test_unix_socket_is_served_and_removed(start: Start) -> None:
    program = start(
        source="from waterspout.server import serve\nserve('served_app:app', uds='app.sock')\n"
    )
    line = program.wait_for_line("Listening on unix:")
    path = line.split("unix:")[1].split(" (pid")[0]
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.endswith(b"hello")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
        client.connect(path)
