"""Several processes: under gunicorn's command line, and under `serve(workers=N)`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path

import pytest
from server_load import Load
from server_process import Program, Start

from processes import wait_until
from waterspout.server.listeners.tls import make_certificate

Workers = Callable[..., Program]
#: gunicorn would put a socket into the home directory.
NEWER = ("--no-control-socket",) if version("gunicorn") >= "24" else ()
OURS = "from waterspout.server import serve\nserve('served_app:app', port=0, workers=2)\n"


def gunicorn(start: Start, *options: str, app: str = "served_app:app", **environ: str) -> Program:
    """Start gunicorn's command line with our worker.

    Its own code warns on some Pythons, so warnings are no errors here.
    """
    command = ("-W", "default", "-m", "gunicorn", "-k", "waterspout.server.Worker")
    bind = () if "-b" in options else ("-b", "127.0.0.1:0")
    return start(*command, *bind, *NEWER, *options, app, **environ)


@pytest.fixture(params=["gunicorn", "waterspout"])
def two_workers(request: pytest.FixtureRequest, start: Start) -> Workers:
    """Start two workers, both ways."""
    if request.param == "gunicorn":
        return lambda app="served_app:app": gunicorn(start, "-w", "2", app=app)
    return lambda app="served_app:app": start(source=OURS.replace("served_app:app", app))


def get(port: int, path: str = "/pid") -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


async def pids(port: int, count: int, besides: frozenset[str] = frozenset()) -> set[str]:
    """Ask until `count` workers besides some have answered; return their ids."""
    async with Load(port, ("/pid",), kept=4, fresh=4) as load:
        while len(set(load.bodies) - besides) < count:
            await load.until_answered(20)
    assert load.lost == []
    return set(load.bodies) - besides


def test_two_workers_answer_and_stop(two_workers: Workers) -> None:
    """Requests reach both; hooks run in each; SIGTERM ends all with status 0."""
    program = two_workers()
    port = program.port()
    workers = asyncio.run(pids(port, 2))
    assert str(program.process.pid) not in workers
    program.wait_for_line("note: startup async", 2)
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert program.notes().count("lifespan out") == 2
    with pytest.raises(ConnectionRefusedError):
        get(port)


def test_a_killed_worker_is_replaced(two_workers: Workers) -> None:
    """The others serve on, and a new process takes the place."""
    program = two_workers()
    port = program.port()

    async def kill_one() -> tuple[set[str], str, Load]:
        before = await pids(port, 2)
        victim = sorted(before)[0]
        async with Load(port, ("/pid",), kept=6, fresh=6) as load:
            await load.until_answered(50)
            os.kill(int(victim), signal.SIGKILL)
            while not set(load.bodies) - before:
                await load.until_answered(20)
        return before, victim, load

    before, victim, load = asyncio.run(kill_one())
    assert (before - {victim}).pop() in load.bodies
    assert len(load.lost) <= 12  # what was under way there: one request of a client at the most
    assert load.refused == 0


def test_reload_under_load_loses_nothing(two_workers: Workers) -> None:
    """SIGHUP, again and again; kept and fresh connections."""
    program = two_workers()
    port = program.port()

    async def reload() -> Load:
        old = frozenset(await pids(port, 2))
        async with Load(port, ("/pid", "/thread", "/wait/0.01"), kept=8, fresh=8) as load:
            for _ in range(3):
                program.signal(signal.SIGHUP)
                new = await pids(port, 2, besides=old)
                await load.until_answered(50)
                old |= new
        return load

    load = asyncio.run(reload())
    assert load.lost == []
    assert load.refused == 0
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output


def test_sigterm_under_load_loses_nothing(two_workers: Workers) -> None:
    """With workers."""
    program = two_workers()
    port = program.port()

    async def stop() -> Load:
        await pids(port, 2)
        async with Load(port, ("/", "/thread", "/wait/0.02"), kept=8, fresh=8) as load:
            await load.until_answered(200)
            program.signal(signal.SIGTERM)
            await load.until_refused()
        return load

    load = asyncio.run(stop())
    assert load.lost == []
    assert program.wait() == 0, program.output


def test_workers_end_with_their_arbiter(two_workers: Workers) -> None:
    """No orphan keeps the port."""
    program = two_workers()
    port = program.port()
    asyncio.run(pids(port, 2))
    program.signal(signal.SIGKILL)
    program.process.wait()
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 15) as sock:
        sock.recv(1)  # returns when the workers have gone
    with pytest.raises(OSError):
        while True:
            get(port)


def test_a_hung_worker_is_found_with_its_stack_and_replaced(start: Start) -> None:
    """A loop that a view blocks; the other worker serves meanwhile."""
    program = gunicorn(start, "-w", "2", "--timeout", "2")
    port = program.port()
    before = asyncio.run(pids(port, 2))
    with socket.create_connection(("127.0.0.1", port), 15) as sock:
        sock.sendall(b"GET /hold-loop/60.0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        program.wait_for_line("note: holding")
        program.wait_for_line("WORKER TIMEOUT")
        program.wait_for_line("in hold_loop")
        assert asyncio.run(pids(port, 1, besides=frozenset(before)))


OWN_HANDLER = """
import os, signal, sys
from served_app import app

def handler(number, frame):
    os.write(1, b"note: own handler\\n")  # in one piece: both workers write
    sys.exit(0)
signal.signal(signal.SIGTERM, handler)
"""


def test_a_handler_of_the_application_is_called(two_workers: Workers, tmp_path: Path) -> None:
    """Set by a module that workers import: it is called in each, and the stop hooks run."""
    (tmp_path / "with_handler.py").write_text(OWN_HANDLER)
    program = two_workers("with_handler:app")
    asyncio.run(pids(program.port(), 2))
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert program.notes().count("own handler") == 2
    assert program.notes().count("lifespan out") == 2
    assert "Traceback" not in program.output


ENDLESS = """
import atexit, os, queue
from waterspout import App, Response

app = App("endless")
atexit.register(print, "note: at exit", flush=True)

@app.get("/pid")
def pid():
    return str(os.getpid())

@app.get("/events")
def events():
    def made():
        yield "first"
        queue.Queue().get()
    return Response(made(), mimetype="text/event-stream")
"""


def test_workers_do_not_wait_for_a_piece_that_nobody_takes(
    two_workers: Workers, tmp_path: Path
) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    program = two_workers("endless:app")
    port = program.port()
    asyncio.run(pids(port, 2))
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request("GET", "/events")
    with connection.getresponse() as answer:
        assert answer.read(5) == b"first"
        program.signal(signal.SIGTERM)
        assert program.wait() == 0, program.output
    connection.close()
    assert program.notes().count("at exit") == 2


RECYCLING = """
from waterspout.server import serve
serve("served_app:app", port=0, workers={workers},
    limits={{"requests_per_worker": 60, "requests_per_worker_jitter": 10}})
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("way", ["gunicorn", "waterspout"])
def test_workers_are_replaced_after_so_many_requests_without_a_loss(
    start: Start, way: str, workers: int
) -> None:
    if way == "gunicorn":
        jitter = ("--max-requests", "60", "--max-requests-jitter", "10")
        program = gunicorn(start, "-w", str(workers), *jitter)
    else:
        program = start(source=RECYCLING.format(workers=workers))
    port = program.port()

    async def load() -> Load:
        async with Load(port, ("/pid",), kept=4, fresh=4) as running:
            while len(running.bodies) < workers + 3:
                await running.until_answered(50)
        return running

    running = asyncio.run(load())
    assert running.lost == []
    assert running.refused == 0
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert "Traceback" not in program.output


@pytest.mark.parametrize("app", ["served_app:app", "with_handler:app"])
def test_a_worker_that_is_told_again_and_again_stops_quietly(
    two_workers: Workers, tmp_path: Path, app: str
) -> None:
    """gunicorn repeats SIGTERM each tenth of a second until the worker has gone."""
    (tmp_path / "with_handler.py").write_text(OWN_HANDLER)
    program = two_workers(app)
    port = program.port()
    victim = int(sorted(asyncio.run(pids(port, 2)))[0])
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(victim, signal.SIGTERM)
            time.sleep(0.001)
    assert asyncio.run(pids(port, 1, besides=frozenset({str(victim)})))
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert "Traceback" not in program.output
    assert "exited with code" not in program.output


SLOW_IMPORT = """
from waterspout.server import serve
from waterspout.server.process import arbiter
arbiter._WORKER_TIMEOUT = 1  # instead of 30 seconds, for this test
serve("slow:app", port=0, workers=2, timeouts={{"boot": {boot}}})
"""


def test_an_import_may_take_longer_than_a_loop_may_hang(start: Start, tmp_path: Path) -> None:
    """The heartbeat counts from the first answer on, at the start and at a reload."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(3)\nfrom served_app import app\n")
    program = start(source=SLOW_IMPORT.format(boot=60))
    port = program.port()
    old = frozenset(asyncio.run(pids(port, 2)))
    program.signal(signal.SIGHUP)
    asyncio.run(pids(port, 2, besides=old))
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert "TIMEOUT" not in program.output


def test_an_import_that_does_not_end_is_given_up(start: Start, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(60)\n")
    program = start(source=SLOW_IMPORT.format(boot=0.5))
    assert program.wait() == 3
    assert "did not start within 0.5 s (timeouts.boot)" in program.output
    assert "in <module>" in program.output  # where it was
    assert "out of memory" not in program.output


def test_a_reload_that_takes_too_long_keeps_the_old_version(start: Start, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, time\nif os.path.exists('go'): time.sleep(60)\nfrom served_app import app\n"
    )
    program = start(source=SLOW_IMPORT.format(boot=5))
    port = program.port()
    old = asyncio.run(pids(port, 2))
    (tmp_path / "go").touch()
    program.signal(signal.SIGHUP)
    program.wait_for_line("New workers did not start within 5 s (timeouts.boot).")
    program.wait_for_line("the old version keeps serving")
    assert asyncio.run(pids(port, 2)) == old
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    if version("gunicorn") >= "24":  # older ones say so of every SIGKILL
        assert "out of memory" not in program.output


@pytest.mark.parametrize("way", ["gunicorn", "waterspout"])
def test_workers_open_log_files_anew(start: Start, tmp_path: Path, way: str) -> None:
    """SIGUSR1 to the arbiter, after logrotate has renamed them."""
    if way == "gunicorn":
        program = gunicorn(start, "-w", "2", WATERSPOUT_ACCESS_LOG="access.log")
    else:
        source = OURS.replace("workers=2", "workers=2, access_log='access.log'")
        program = start(source=source)
    port = program.port()
    log = tmp_path / "access.log"
    assert get(port, "/first")
    wait_until(lambda: log.exists() and "/first" in log.read_text())
    log.rename(tmp_path / "access.log.1")
    program.signal(signal.SIGUSR1)
    wait_until(lambda: bool(get(port, "/next")) and log.exists() and "/next" in log.read_text())
    assert "/first" not in log.read_text()


def test_gunicorns_access_log(start: Start) -> None:
    """`--access-logfile -` and its format."""
    form = '%(h)s %(m)s "%(r)s" %(s)s %(b)s %({x-tag}i)s %(a)s %(U)s'
    program = gunicorn(start, "--access-logfile", "-", "--access-logformat", form)
    connection = HTTPConnection("127.0.0.1", program.port(), timeout=15)
    connection.request("GET", "/?a=b", headers={"X-Tag": "seven", "User-Agent": "tester"})
    assert connection.getresponse().read() == b"hello"
    connection.close()
    line = program.wait_for_line('"GET /?a=b HTTP/1.1"')
    assert line == '127.0.0.1 GET "GET /?a=b HTTP/1.1" 200 5 seven tester /\n'


HOOKS = """
import json, os

def pre_request(worker, req):
    if req.path == "/bad":
        raise LookupError("nobody may ask this")
    req.mark = "marked"
    worker.log.warning("pre %s", json.dumps([req.method, req.path, req.query, req.version]))

def post_request(worker, req, environ, resp):
    shown = [req.mark, environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["HTTP_X_TAG"],
             resp.status, resp.status_code, dict(resp.headers)["Content-Type"], resp.sent]
    worker.log.warning("post %s", json.dumps(shown))
    if req.query == "fails":
        raise LookupError("the hook fails")
"""


def test_hooks_around_a_request(start: Start, tmp_path: Path) -> None:
    """`pre_request` and `post_request` of a configuration file get one request object."""
    (tmp_path / "hooks.py").write_text(HOOKS)
    program = gunicorn(start, "-c", str(tmp_path / "hooks.py"))
    port = program.port()
    for query in ("a=b", "fails"):
        connection = HTTPConnection("127.0.0.1", port, timeout=15)
        connection.request("GET", f"/?{query}", headers={"X-Tag": "seven", "X_Tag": "x"})
        assert connection.getresponse().read() == b"hello"
        connection.close()
        program.wait_for_line(f'pre ["GET", "/", "{query}", [1, 1]]')
        program.wait_for_line(
            'post ["marked", "GET", "/", "seven", "200 OK", 200, "text/html; charset=utf-8", 5]'
        )
    program.wait_for_line("Exception in post_request hook")
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request("GET", "/bad")
    assert connection.getresponse().status == 500
    connection.close()
    program.wait_for_line("LookupError: nobody may ask this")


ATOMS = (
    "%(h)s %(l)s %(u)s %(m)s %(U)s %(q)s %(H)s %(s)s %(b)s %(B)s %(f)s %(a)s %({x-tag}i)s"
    " %({content-type}o)s %({content-length}o)s %({x-none}o)s %({request_method}e)s %({none}i)s"
    ' "%(r)s"'
)


@pytest.mark.parametrize("path", ["/", "/thread", "/scheme"])
def test_every_atom_of_gunicorns_access_log(start: Start, path: str) -> None:
    """Fields of the answer too, whichever way it is written; times are numbers."""
    times = " %(T)s %(M)s %(D)s %(L)s %(p)s %(t)s"
    program = gunicorn(start, "--access-logfile", "-", "--access-logformat", ATOMS + times)
    connection = HTTPConnection("127.0.0.1", program.port(), timeout=15)
    user = base64.b64encode(b"ann:secret").decode()
    headers = {
        "X-Tag": "7",
        "User-Agent": "me",
        "Referer": "there",
        "Authorization": f"Basic {user}",
    }
    connection.request("GET", f"{path}?a=b", headers=headers)
    answer = connection.getresponse()
    size = len(answer.read())
    connection.close()
    line = program.wait_for_line("127.0.0.1 - ann GET")
    kind = answer.headers["Content-Type"]
    shown = f"127.0.0.1 - ann GET {path} a=b HTTP/1.1 200 {size} {size} there me 7"
    assert line.startswith(f'{shown} {kind} {size} - GET - "GET {path}?a=b HTTP/1.1" ')
    times = line.rpartition('" ')[2]
    assert re.fullmatch(r"\d+ \d+ \d+ \d+\.\d{6} <\d+> \[.* [+-]\d{4}\]\n", times), times


def test_gunicorn_with_tls(start: Start, tmp_path: Path) -> None:
    certificate, key = make_certificate()
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    program = gunicorn(start, "--certfile", "cert.pem", "--keyfile", "key.pem")
    port = program.port()
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with (
        socket.create_connection(("127.0.0.1", port), 15) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        sock.sendall(b"GET /scheme HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"".join(iter(lambda: sock.recv(1000), b"")).endswith(b"https")


def test_gunicorn_as_a_daemon(start: Start, tmp_path: Path) -> None:
    """`-D` with log files and a pid file."""
    files = ("-p", "gunicorn.pid", "--access-logfile", "access.log", "--error-logfile", "error.log")
    program = gunicorn(start, "-D", "--preload", *files, "-b", "unix:app.sock")
    assert program.wait() == 0, program.output
    path = str(tmp_path / "app.sock")
    pid_file = tmp_path / "gunicorn.pid"
    try:
        with socket.socket(socket.AF_UNIX) as client:
            wait_until(lambda: client.connect_ex(path) == 0)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            client.settimeout(15)
            assert b"".join(iter(lambda: client.recv(1000), b"")).endswith(b"hello")
        wait_until(lambda: "GET / HTTP/1.1" in (tmp_path / "access.log").read_text())
    finally:
        wait_until(pid_file.exists)
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
    wait_until(lambda: not pid_file.exists())


def test_gunicorn_serves_a_factory(start: Start) -> None:
    for name in ("served_app:create_app", "served_app:create_app()"):
        program = gunicorn(start, app=name)
        assert get(program.port(), "/") == "hello"
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


def test_gunicorn_on_a_unix_socket(start: Start, tmp_path: Path) -> None:
    program = gunicorn(start, "-b", f"unix:{tmp_path}/app.sock")
    program.wait_for_line("note: startup async")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(15)
        client.connect(f"{tmp_path}/app.sock")
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"".join(iter(lambda: client.recv(1000), b"")).endswith(b"hello")


def test_gunicorn_stops_when_a_startup_hook_fails(start: Start, tmp_path: Path) -> None:
    """No fork storm."""
    (tmp_path / "failing.py").write_text(
        "from waterspout import App\napp = App(__name__)\n"
        "@app.on_startup\ndef fail():\n    raise LookupError('no settings')\n"
    )
    program = gunicorn(start, app="failing:app")
    assert program.wait() == 3
    assert "startup hook failing.fail failed" in program.output
    assert "LookupError: no settings" in program.output


def test_workers_that_cannot_start_end_the_server(start: Start) -> None:
    """The arbiter gives up with a status, after the reason."""
    program = start(
        source="from waterspout.server import serve\nserve('nowhere:app', port=0, workers=2)\n"
    )
    assert program.wait() in (3, 4)
    assert "'nowhere:app' cannot be imported" in program.output
    assert "Traceback" not in program.output


def test_workers_that_die_at_once_end_the_server(start: Start, tmp_path: Path) -> None:
    """Also when they leave no reason."""
    (tmp_path / "dying.py").write_text("import os\nos._exit(9)\n")
    program = start(
        source="from waterspout.server import serve\nserve('dying:app', port=0, workers=2)\n"
    )
    assert program.wait() == 3
    assert "died before they served" in program.output


def test_reload_with_broken_code_keeps_the_old_version(start: Start, tmp_path: Path) -> None:
    """SIGHUP on a syntax error changes nothing; repaired, it loads the new version."""
    module = tmp_path / "versioned.py"
    source = (
        "from waterspout import App\napp = App(__name__)\n"
        "@app.get('/')\nasync def version(): return {!r}\n"
    )
    module.write_text(source.format("one"))
    program = start(
        source="import sys\nsys.dont_write_bytecode = True\n"
        "from waterspout.server import serve\nserve('versioned:app', port=0, workers=2)\n"
    )
    port = program.port()
    assert get(port, "/") == "one"
    module.write_text("def broken(:\n")
    program.signal(signal.SIGHUP)
    program.wait_for_line("the old version keeps serving")
    assert {get(port, "/") for _ in range(10)} == {"one"}
    module.write_text(source.format("two"))
    program.signal(signal.SIGHUP)

    async def until_new() -> None:
        async with Load(port, ("/",), kept=2, fresh=2) as load:
            while "two" not in load.bodies:
                await load.until_answered(5)
        assert load.lost == []

    asyncio.run(until_new())


HALF_BROKEN = """
import asyncio, os, time
from waterspout import App
try:
    os.close(os.open("taken", os.O_CREAT | os.O_EXCL))
except FileExistsError:
    while not os.path.exists("go"):
        time.sleep(0.01)
    raise RuntimeError("the second worker cannot start")
app = App(__name__)

@app.get("/")
async def version(): return "two"

@app.get("/wait")
async def wait():
    print("note: waiting", flush=True)
    await asyncio.sleep(0.5)
    return "waited"
"""


def test_reload_that_half_fails_loses_nothing(start: Start, tmp_path: Path) -> None:
    """Of two new workers one serves and one cannot start; the one that goes again finishes
    what it has begun."""
    module = tmp_path / "versioned.py"
    module.write_text(
        "from waterspout import App\napp = App(__name__)\n"
        "@app.get('/')\nasync def version(): return 'one'\n"
    )
    program = start(
        source="import sys\nsys.dont_write_bytecode = True\n"
        "from waterspout.server import serve\nserve('versioned:app', port=0, workers=2)\n"
    )
    port = program.port()
    assert get(port, "/") == "one"
    module.write_text(HALF_BROKEN)
    program.signal(signal.SIGHUP)
    body = b""
    while body != b"two":
        connection = HTTPConnection("127.0.0.1", port, timeout=15)
        connection.request("GET", "/")
        body = connection.getresponse().read()
        if body != b"two":
            connection.close()
    with contextlib.closing(connection):
        connection.request("GET", "/wait")
        program.wait_for_line("note: waiting")
        (tmp_path / "go").touch()
        assert connection.getresponse().read() == b"waited"
    program.wait_for_line("the old version keeps serving")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output


def test_the_second_signal_ends_the_workers(start: Start) -> None:
    program = start(source=OURS)
    port = program.port()
    with socket.create_connection(("127.0.0.1", port), 15) as sock:
        sock.sendall(b"GET /wait/60.0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        program.wait_for_line("note: waiting")
        program.signal(signal.SIGINT)
        program.wait_for_line("Stopping when 1 connections")
        program.signal(signal.SIGINT)
        assert program.wait() == 0


def test_what_the_caller_does_afterwards_is_done_once(start: Start) -> None:
    """`finally` blocks around `serve` belong to the parent, not to each worker."""
    program = start(
        source="from waterspout.server import serve\n"
        "try:\n    serve('served_app:app', port=0, workers=2)\n"
        "finally:\n    print('note: cleaned up', flush=True)\n"
    )
    asyncio.run(pids(program.port(), 2))
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
    assert program.notes().count("cleaned up") == 1


def test_port_in_use_is_said_at_once(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = start(source=OURS.replace("port=0", f"port={port}"))
        assert program.wait() == 1
    assert f"Error: Port {port} on 127.0.0.1 is in use" in program.output


WITHOUT_GUNICORN = """\
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == "gunicorn" else found(name, *rest)
"""


def test_without_gunicorn_the_extra_is_named(start: Start) -> None:
    """One process needs none; several say what to install."""
    program = start(source=WITHOUT_GUNICORN + OURS)
    assert program.wait() != 0
    assert "pip install 'waterspout[workers]'" in program.output


TORNADO = """
import os
import tornado.web

class Pid(tornado.web.RequestHandler):
    def get(self):
        self.write(str(os.getpid()))

print("note:", tornado.web.Application.__module__, flush=True)
app = tornado.web.Application([("/pid", Pid)])
"""


def test_gunicorns_own_tornado_worker_under_the_drop_in(start: Start, tmp_path: Path) -> None:
    """`gunicorn -k tornado --max-requests`: its worker, our server under Tornado's names."""
    (tmp_path / "program_of_tornado.py").write_text(TORNADO)
    program = start(
        *("-W", "default", "-m", "waterspout.dropin", "-m", "gunicorn", "-k", "tornado"),
        *(*NEWER, "--max-requests", "30", "-w", "2", "-b", "127.0.0.1:0"),
        "program_of_tornado:app",
    )
    port = program.port()
    seen: set[str] = set()
    while len(seen) < 4:
        with contextlib.suppress(OSError):  # its worker does not wait for what it has accepted
            seen.add(get(port))
    program.wait_for_line("Autorestarting worker", 2)
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output
    assert set(program.notes()) == {"waterspout.tornado.web.application"}
    assert "Traceback" not in program.output
