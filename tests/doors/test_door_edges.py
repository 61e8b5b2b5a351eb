"""Paths, hosts and programs at the doors: what servers say of them, and what programs see."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from processes import wait_until
from waterspout import App, request
from waterspout.flask import Flask
from waterspout.gateways.asgi.scopes import message_of
from waterspout.http.message import Incoming
from waterspout.server import Server, serve_in_thread


def port_of(server: Server) -> int:
    return int(server.urls[0].rpartition(":")[2])


def get(server: Server, target: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port_of(server), timeout=15)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


PATHS = {
    "/plain": "/plain",
    "/caf%C3%A9": "/caf\xc3\xa9",
    "/caf%E9": "/caf\xe9",
    "/%FF/%C3%A9/%2F": "/\xff/\xc3\xa9//",
    "/%EF%BF%BD": "/\xef\xbf\xbd",
}


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([environ["SCRIPT_NAME"], environ["PATH_INFO"]]).encode()]


@pytest.mark.parametrize("target", PATHS)
def test_path_info_has_the_bytes_that_were_sent(target: str) -> None:
    """PEP 3333: each byte is a character, whether it is UTF-8 or not; mounted or not."""
    outer = App(__name__)
    outer.mount("/é", wsgi)
    for app, prefix, script in ((wsgi, "", ""), (outer, "/%C3%A9", "/\xc3\xa9")):
        with serve_in_thread(app) as server:
            status, body = get(server, prefix + target)
        assert (status, json.loads(body)) == (200, [script, PATHS[target]])


@pytest.mark.parametrize("path", ["/é/", "/é/page"])
def test_an_app_below_a_prefix_that_is_not_ascii(path: str) -> None:
    """On our server and at the WSGI door."""
    inner, outer = App(__name__), App(__name__)

    @inner.get("/")
    @inner.get("/page")
    def index() -> str:
        return f"{request.script_root} {request.path}"

    outer.mount("/é", inner)
    sent = quote(path)
    with serve_in_thread(outer) as server:
        assert get(server, sent) == (200, f"/é {path[2:]}".encode())
    answer = outer.test_client().get(path)
    assert (answer.status_code, answer.text) == (200, f"/é {path[2:]}")


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        ("", "/apple", "/apple"),
        ("/app", "/app/le", "/le"),
        ("/app", "/apple", "/apple"),  # another segment; and servers that leave the prefix out
        ("/app", "/app", ""),
        ("/app/", "/app/le", "/le"),
    ],
)
def test_root_path_ends_with_a_segment(root: str, path: str, expected: str) -> None:
    scope = {"method": "GET", "path": path, "root_path": root, "headers": []}
    assert message_of(scope).path == expected


@pytest.mark.parametrize("port", ["", " ", "8000"])
def test_an_environ_of_a_unix_socket(port: str) -> None:
    """gunicorn's have no port, and of a Host in brackets the name "["."""
    app = App(__name__)

    @app.get("/")
    def index() -> str:
        return request.host

    sent: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "[", "SERVER_PORT": port,
        "HTTP_HOST": "[::1]", "wsgi.url_scheme": "http",
    }  # fmt: skip
    body = app.wsgi_app(environ, lambda status, headers: sent.append(status))  # type: ignore[arg-type]
    assert (sent, b"".join(body)) == (["200 OK"], b"[::1]")
    assert Incoming.from_environ(environ).server == ("[", 8000 if port == "8000" else None)


@pytest.mark.parametrize("host", ["Host: [::1]\r\n", "Host: [::1]:8080\r\n", ""])
def test_gunicorns_own_worker_on_a_unix_socket(tmp_path: Path, host: str) -> None:
    (tmp_path / "hosts.py").write_text(
        "from waterspout import App, request\napp = App(__name__)\n"
        "@app.get('/')\ndef index(): return request.url_root\n"
    )
    path = tmp_path / "s"
    command = [sys.executable, "-m", "gunicorn", "hosts:app", "-b", f"unix:{path}"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(15)
            wait_until(lambda: sock.connect_ex(str(path)) == 0)
            sock.sendall(f"GET / HTTP/1.0\r\n{host}\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
    finally:
        process.terminate()
        process.wait(20)
    assert answer.split(b"\r\n")[0].endswith(b"200 OK")
    named = host.removeprefix("Host: ").strip()
    assert answer.endswith(f"http://{named}/".encode())


# -- programs that are not ours ------------------------------------------------------------------

started: list[str] = []


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            started.append(event)
            await send({"type": f"lifespan.{event}.complete"})
    elif scope["type"] == "http":
        body = json.dumps([scope["root_path"], scope["path"], scope["method"]]).encode()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})
    else:
        await receive()
        await send({"type": "websocket.accept"})  # without headers, as Channels does
        event = await receive()
        code = int(event["text"])
        await send({"type": "websocket.close", "code": code})


class AsgiClass:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asgi(scope, receive, send)


@pytest.fixture(params=["function", "object", "mounted"])
def foreign(request: pytest.FixtureRequest) -> Iterator[tuple[Server, str]]:
    """A server of an ASGI program, and the path that it is at."""
    app: Any = asgi
    if request.param == "object":
        app = AsgiClass()
    elif request.param == "mounted":
        app = App(__name__)
        app.mount("/inner", asgi)
    started.clear()
    with serve_in_thread(app) as server:
        yield server, "/inner" if request.param == "mounted" else ""
    assert started == ["startup", "shutdown"]


def test_an_asgi_program_is_served(foreign: tuple[Server, str]) -> None:
    server, prefix = foreign
    status, body = get(server, f"{prefix}/a")
    assert (status, json.loads(body)) == (200, [prefix, f"{prefix}/a", "GET"])


@pytest.mark.parametrize(("sent", "received"), [(3000, 3000), (1005, 1000), (1006, 1011)])
def test_an_asgi_program_has_websockets(
    foreign: tuple[Server, str], sent: int, received: int
) -> None:
    """It may accept without headers, and close with a code that may not be sent."""
    server, prefix = foreign
    with connect(f"ws://127.0.0.1:{port_of(server)}{prefix}/ws") as client:
        client.send(str(sent))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=15)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == received


# -- one application for servers that cannot tell -------------------------------------------------


@pytest.mark.parametrize("cls", [App, Flask])
def test_each_door_has_a_name(cls: type[App]) -> None:
    app = cls(__name__)

    @app.get("/")
    def index() -> str:
        return "hello"

    assert inspect.iscoroutinefunction(app.asgi)
    events: list[Any] = []

    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return requests.pop() if requests else await asyncio.Event().wait()

    async def send(event: Any) -> None:
        events.append(event)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a")]}
    asyncio.run(app.asgi(scope, receive, send))
    assert events[0]["status"] == 200
    assert events[1]["body"] == b"hello"
    heads: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "a", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }  # fmt: skip
    body = app.wsgi(environ, lambda status, headers: heads.append(status))  # type: ignore[arg-type]
    assert (heads, b"".join(body)) == (["200 OK"], b"hello")


def test_a_program_may_put_its_own_there() -> None:
    app = Flask(__name__)
    app.asgi = wsgi  # type: ignore[method-assign, assignment]
    assert app.asgi is wsgi
