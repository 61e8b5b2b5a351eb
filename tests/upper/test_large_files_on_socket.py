"""Large files over a real socket, which the kernel copies: content, parts, and clients that leave
or do not read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from waterspout import App, Response, send_file
from waterspout.server import Server, serve_in_thread

SIZE = 8 * 1024 * 1024
CONTENT = bytes(range(251)) * (SIZE // 251 + 1)
CONTENT = CONTENT[:SIZE]


@pytest.fixture
def closed() -> threading.Event:
    """Set when a response with a file is closed."""
    return threading.Event()


@pytest.fixture
def app(tmp_path: Path, closed: threading.Event) -> App:
    app = App("files", root_path=str(tmp_path))
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "large.bin").write_bytes(CONTENT)

    def noted() -> Response:
        response = send_file(tmp_path / "static" / "large.bin")
        response.call_on_close(closed.set)
        return response

    @app.get("/def")
    def in_a_thread() -> Response:
        return noted()

    @app.get("/async")
    async def on_the_loop() -> Response:
        return noted()

    return app


@pytest.fixture(params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest, app: App) -> Iterator[Server]:
    with serve_in_thread(app, port=0, loop=request.param, timeouts={"write": 1}) as server:
        yield server
    assert server.lanes.views.kept == 0


Connect = Callable[[], socket.socket]


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    opened: list[socket.socket] = []
    host, port = server.urls[0].removeprefix("http://").rstrip("/").split(":")

    def connect() -> socket.socket:
        made = socket.create_connection((host, int(port)), timeout=30)
        opened.append(made)
        return made

    yield connect
    for one in opened:
        one.close()


def visit(connection: HTTPConnection, path: str, **fields: str) -> tuple[int, Any, bytes]:
    connection.request("GET", path, headers=fields)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


@pytest.fixture
def client(connect: Connect) -> HTTPConnection:
    connection = HTTPConnection("files")
    connection.sock = connect()
    return connection


@pytest.mark.parametrize("path", ["/static/large.bin", "/def", "/async"])
def test_the_content_comes_whole_and_the_connection_stays(
    client: HTTPConnection, path: str
) -> None:
    for _ in range(3):
        status, headers, body = visit(client, path)
        assert (status, headers["Content-Length"]) == (200, str(SIZE))
        assert body == CONTENT


@pytest.mark.parametrize("path", ["/static/large.bin", "/def", "/async"])
def test_a_part_of_it(client: HTTPConnection, path: str) -> None:
    status, headers, body = visit(client, path, Range="bytes=1000001-7000000")
    assert (status, headers["Content-Range"]) == (206, f"bytes 1000001-7000000/{SIZE}")
    assert body == CONTENT[1000001:7000001]
    assert visit(client, path, Range="bytes=-3")[2] == CONTENT[-3:]


@pytest.mark.parametrize("path", ["/def", "/async"])
def test_the_response_is_closed_when_it_is_sent(
    client: HTTPConnection, closed: threading.Event, path: str
) -> None:
    assert visit(client, path)[0] == 200
    assert closed.wait(20)


@pytest.mark.parametrize("path", ["/def", "/async"])
def test_a_client_that_leaves(connect: Connect, closed: threading.Event, path: str) -> None:
    visitor = connect()
    visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    assert visitor.recv(100)
    visitor.close()
    assert closed.wait(20)


def test_a_client_that_does_not_read(connect: Connect, closed: threading.Event) -> None:
    visitor = connect()
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    visitor.sendall(b"GET /def HTTP/1.1\r\nHost: test\r\n\r\n")
    assert closed.wait(20)


def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    visitor = connect()
    visitor.sendall(
        b"GET /def HTTP/1.1\r\nHost: test\r\n\r\n"
        b"GET /nowhere HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    received = bytearray()
    while piece := visitor.recv(65536):
        received += piece
    head, _, rest = bytes(received).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.startswith(CONTENT)
    assert rest[SIZE:].startswith(b"HTTP/1.1 404 NOT FOUND\r\n")


def test_a_file_that_becomes_shorter_ends_the_connection(
    connect: Connect, closed: threading.Event, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size = 64 * 1024 * 1024
    with (tmp_path / "static" / "large.bin").open("r+b") as file:
        file.truncate(size)
    visitor = connect()
    visitor.sendall(b"GET /def HTTP/1.1\r\nHost: test\r\n\r\n")
    received = len(visitor.recv(1000))
    with (tmp_path / "static" / "large.bin").open("r+b") as file:
        file.truncate(size - 1024)
    while piece := visitor.recv(1024 * 1024):
        received += len(piece)
    assert received < size
    assert closed.wait(20)
    assert "before its Content-Length" in caplog.text
