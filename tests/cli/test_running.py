"""`run` serves, by every way of naming and listening, and says what is wrong."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable

import pytest
from cli_program import HELLO, LISTENING, SECONDS, Program

from waterspout.cli import demo_command

FACTORY = """
    from waterspout import App

    def create_app(name="nobody", *, shout=False):
        app = App(__name__)

        @app.route("/")
        def index():
            return name.upper() if shout else name

        return app
"""


@pytest.fixture
def hello(program: Program) -> Program:
    program.write("hello.py", HELLO)
    program.write("factory.py", FACTORY)
    return program


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("hello:app", "hello"),
        ("hello", "hello"),
        ("hello.py:app", "hello"),
        ("factory", "nobody"),
        ("factory:create_app", "nobody"),
        ("factory:create_app()", "nobody"),
        ('factory:create_app("ada", shout=True)', "ADA"),
    ],
)
def test_the_application_is_the_argument(hello: Program, named: str, expected: str) -> None:
    """`module:name`, a file, a factory, a call with arguments."""
    assert hello.start("run", named, "--port", "0").ask() == (200, expected)


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--app", "hello", "run", "--port", "0"], {}),
        (["run", "--port", "0"], {"FLASK_APP": "hello"}),
        (["run"], {"WATERSPOUT_APP": "hello", "WATERSPOUT_PORT": "0"}),
        (["run"], {"FLASK_APP": "hello", "FLASK_RUN_PORT": "0"}),
    ],
)
def test_the_application_is_named_otherwise(
    hello: Program, arguments: list[str], variables: dict[str, str]
) -> None:
    """Options and environment, for the port too."""
    assert hello.start(*arguments, **variables).ask() == (200, "hello")


def test_the_start_line_and_the_end(hello: Program) -> None:
    """It says where it listens and which process it is; a signal ends it with status 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        served = hello.start("run", "hello:app", "--port", "0")
        assert int(served.hears(r"\(pid (\d+)\)")[1]) == served.process.pid
        assert served.stop(number) == 0


def test_access_log(hello: Program) -> None:
    """A line for each request, unless there shall be none."""
    served = hello.start("run", "hello:app", "--port", "0")
    served.ask("/with-log")
    served.hears('"GET /with-log HTTP/1.1" 404')
    quiet = hello.start("run", "hello:app", "--port", "0", "--no-access-log")
    quiet.ask("/without-log")
    quiet.stop()
    assert "without-log" not in quiet.said


def test_workers_load_the_application_themselves(hello: Program) -> None:
    """Two processes, each with an application of its own."""
    hello.write(
        "workers.py",
        "import os\nos.write(1, b'loaded in %d\\n' % os.getpid())\n"
        "from waterspout import App\napp = App(__name__)\n"
        "app.get('/')(lambda: str(os.getpid()))\n",
    )
    served = hello.start("run", "workers:app", "-w", "2", "--port", "0")
    served.hears(r"loaded in (\d+)", times=2)
    pids = {int(pid) for pid in re.findall(r"loaded in (\d+)", served.said)}
    assert len(pids) == 2
    assert served.process.pid not in pids
    assert int(served.ask()[1]) in pids
    assert served.stop() == 0


@pytest.mark.parametrize(
    ("named", "says"),
    [("nope:app", "'nope'"), ("hello:nope", "'nope'"), ("broken:app", "ValueError: no luck")],
)
def test_workers_without_an_application(hello: Program, named: str, says: str) -> None:
    """The command ends and says why."""
    hello.write("broken.py", "raise ValueError('no luck')\n")
    ended = hello.run("run", named, "-w", "2", "--port", "0")
    assert ended.returncode != 0
    assert says in ended.stderr


def test_unix_socket(hello: Program) -> None:
    served = hello.start("run", "hello:app", "--uds", "site.sock")
    served.hears(r"Listening on unix:\S+site\.sock")
    connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(hello.directory / "site.sock"))
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    connection.close()
    assert served.stop() == 0
    assert not (hello.directory / "site.sock").exists()


def test_tls(hello: Program) -> None:
    """A certificate made for the occasion, and one from files."""
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    adhoc = hello.start("run", "hello:app", "--port", "0", "--cert", "adhoc")
    assert adhoc.ask(tls=unverified) == (200, "hello")

    from waterspout.server.listeners.tls import make_certificate

    certificate, key = make_certificate()
    (hello.directory / "cert.pem").write_bytes(certificate)
    (hello.directory / "key.pem").write_bytes(key)
    trusting = ssl.create_default_context(cadata=certificate.decode())
    files = ("--certfile", "cert.pem", "--keyfile", "key.pem")
    served = hello.start("run", "hello:app", "--port", "0", *files)
    assert served.ask(tls=trusting) == (200, "hello")
    assert "https://" in served.said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "99999"], "99999"),
        (["--port", "many"], "many"),
        (["--workers", "0"], "--workers"),
        (["--reload", "-w", "2"], "reload"),
        (["--certfile", "hello.py", "--keyfile", "hello.py"], "PEM"),
        (["--certfile", "hello.py"], "key"),
        (["--keyfile", "hello.py"], "certificate"),
        (["--certfile", "absent.pem"], "absent.pem"),
        (["--host", "256.256.256.256"], "256.256.256.256"),
        (["--uds", "absent/site.sock"], "absent/site.sock"),
    ],
)
def test_what_cannot_be_is_said_in_words(hello: Program, arguments: list[str], says: str) -> None:
    """Exit status 1 or 2, one sentence, no traceback."""
    ended = hello.run("run", "hello:app", *arguments)
    assert ended.returncode in {1, 2}
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("mode", [[], ["--reload"], ["-w", "2"]])
def test_a_used_port_is_said_in_words(hello: Program, mode: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = hello.run("run", "hello:app", "--port", str(port), *mode)
    assert ended.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wsgi_callable_around_the_application(hello: Program) -> None:
    """`ProxyFix` and its like may stand in a module where the application is looked for."""
    hello.write(
        "wrapped.py",
        "from werkzeug.middleware.proxy_fix import ProxyFix\nimport hello\n"
        "application = ProxyFix(hello.app)\n",
    )
    assert hello.start("run", "wrapped:application", "--port", "0").ask() == (200, "hello")


@pytest.mark.parametrize("arguments", [["run", "--dropin", "legacy:app"], ["run", "legacy"]])
def test_a_program_written_for_flask(program: Program, arguments: list[str]) -> None:
    """`--dropin` is in force before the program is imported; so is WATERSPOUT_DROPIN."""
    program.write(
        "legacy.py",
        "from flask import Flask\nimport waterspout\napp = Flask(__name__)\n"
        "app.route('/')(lambda: str(isinstance(app, waterspout.App)))\n",
    )
    variables = {} if "--dropin" in arguments else {"WATERSPOUT_DROPIN": "1"}
    assert program.start(*arguments, "--port", "0", **variables).ask() == (200, "True")


def test_flask_run_is_our_server(hello: Program) -> None:
    """The `flask` program starts the same server, with Flask's banner."""
    served = hello.start("--app", "hello", "run", "--port", "0", module="waterspout.flask")
    assert served.ask() == (200, "hello")
    assert " * Serving Flask app 'hello'\n * Debug mode: off\n" in served.said


RUN = """
    from waterspout.flask import Flask

    app = Flask(__name__)
    app.route("/")(lambda: f"hello from {app.debug}")

    if __name__ == "__main__":
        app.run(%s)
        print("after", flush=True)
"""


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ("port=0", {}, "False"),
        ("port=0, debug=True, use_reloader=False", {}, "True"),
        ("port=0, use_reloader=False", {"FLASK_DEBUG": "1"}, "True"),
        ("port=0, debug=False", {"FLASK_DEBUG": "1"}, "False"),
        ("'localhost', 0, threaded=False", {}, "False"),
    ],
)
def test_run_of_the_application(
    program: Program, arguments: str, variables: dict[str, str], expected: str
) -> None:
    """`app.run(host, port, debug, threaded…)` serves, and returns when it is told to stop."""
    path = program.write("site_program.py", RUN % arguments)
    served = program.start_process([sys.executable, path.name], **variables)
    assert served.ask() == (200, f"hello from {expected}")
    assert served.stop() == 0
    assert served.said.endswith("after\n")


def test_run_takes_the_address_from_the_server_name(
    program: Program, reserve: Callable[[], int]
) -> None:
    port = reserve()
    text = (
        RUN.replace('app.route("/")', f'app.config["SERVER_NAME"] = "localhost:{port}"\n    #') % ""
    )
    path = program.write("site_program.py", text)
    assert program.start_process([sys.executable, path.name]).port == port


def test_run_on_a_used_port_is_said_in_words(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        path = program.write("site_program.py", RUN % f"port={other.getsockname()[1]}")
        served = program.start_process([sys.executable, path.name])
        assert served.wait() == 1
        served.stop()
    assert "is in use" in served.said
    assert "Traceback" not in served.said


def test_somebody_elses_run_simple_is_called(
    hello: Program,
) -> None:
    """Programs and tests that replace `werkzeug.serving.run_simple` are heard."""
    hello.write(
        "replaced.py",
        "import werkzeug.serving\nfrom waterspout import App\napp = App(__name__)\n"
        "def run_simple(host, port, app, **options):\n"
        "    print(host, port, app.name, sorted(options))\n"
        "werkzeug.serving.run_simple = run_simple\n"
        "app.run(port=7, debug=True)\n",
    )
    ended = hello.run(module="replaced")
    assert ended.stdout.splitlines()[-1] == (
        "127.0.0.1 7 replaced ['threaded', 'use_debugger', 'use_reloader']"
    )


def test_demo_serves_the_blog(program: Program) -> None:
    """The first start tells of the tables, an admin and the address."""
    served = program.start("demo", "--port", "0")
    status, page = served.ask()
    assert status == 200
    assert '<article class="card">' in page
    assert "Migration 0001" in served.said
    assert re.search(r"Admin login, shown this once: name admin, password \S+", served.said)
    assert LISTENING.search(served.said)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://127.0.0.1:5000"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),
        ({"host": "::"}, "http://[::1]:5000"),
        ({"public_url": "https://blog.example"}, "https://blog.example"),
    ],
)
def test_demo_tells_the_blog_its_address(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object], url: str
) -> None:
    """Links in mails begin with it."""
    told: list[object] = []
    monkeypatch.setattr("waterspout.demo.start_app", lambda settings, **_: told.append(settings))
    monkeypatch.setattr("waterspout.server.serve", lambda *_: None)
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    demo_command.main(arguments, standalone_mode=False)
    assert told == [{"PUBLIC_URL": url}]


PLAIN = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain WSGI"]

async def program(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"plain ASGI"})
"""


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("named", "expected"), [("application", "plain WSGI"), ("program", "plain ASGI")]
)
def test_a_plain_callable(hello: Program, named: str, expected: str, workers: str) -> None:
    """A WSGI or ASGI function is served as it is, not called as a factory."""
    hello.write("plain.py", PLAIN)
    arguments = ("run", f"plain:{named}", "--workers", workers, "--port", "0")
    assert hello.start(*arguments).ask() == (200, expected)
