"""Large static files of a Tornado program, which the kernel copies to the client."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from waterspout.server import ServerSettings, serve_in_thread
from waterspout.tornado.web import Application, StaticFileHandler

MIB = 1024 * 1024
CONTENT = b"".join(b"%07d\n" % n for n in range(5 * MIB // 8))
SETTINGS = ServerSettings(port=0, access_log=None).evolve(timeouts={"write": 3})


class Chunked(StaticFileHandler):
    """Gives the content itself."""

    @classmethod
    def get_content(cls, abspath: str, start: Any = None, end: Any = None) -> Any:
        yield from super().get_content(abspath, start, end)


class Counting(StaticFileHandler):
    """Looks at what it writes."""

    written = 0

    def write(self, chunk: Any) -> None:
        Counting.written += len(chunk)
        super().write(chunk)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the kernel copied at each call."""
    calls: list[int] = []
    sendfile = os.sendfile

    def noted(*args: Any) -> int:
        count = sendfile(*args)
        calls.append(count)
        return count

    monkeypatch.setattr(os, "sendfile", noted)
    return calls


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "large.bin").write_bytes(CONTENT)
    paths = {"path": str(tmp_path)}
    app = Application(
        [
            ("/files/(.*)", StaticFileHandler, paths),
            ("/chunked/(.*)", Chunked, paths),
            ("/counting/(.*)", Counting, paths),
        ]
    )
    with serve_in_thread(app, SETTINGS) as server:
        yield int(server.urls[0].rpartition(":")[2])


def ask(
    port: int, path: str, method: str = "GET", **fields: str
) -> tuple[http.client.HTTPResponse, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        client.request(method, path, headers={k.replace("_", "-"): v for k, v in fields.items()})
        response = client.getresponse()
        return response, response.read()
    finally:
        client.close()


def test_a_file_is_copied_by_the_kernel(port: int, copied: list[int]) -> None:
    response, body = ask(port, "/files/large.bin")
    assert (response.status, body) == (200, CONTENT)
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert sum(copied) == len(CONTENT)


def test_a_part_of_it(port: int, copied: list[int]) -> None:
    response, body = ask(port, "/files/large.bin", Range="bytes=1000-3000000")
    assert (response.status, body) == (206, CONTENT[1000:3000001])
    assert response.headers["Content-Range"] == f"bytes 1000-3000000/{len(CONTENT)}"
    assert sum(copied) == 2999001


def test_a_head_and_a_condition_send_nothing_of_it(port: int, copied: list[int]) -> None:
    response, body = ask(port, "/files/large.bin", "HEAD")
    assert (response.status, body) == (200, b"")
    assert response.headers["Content-Length"] == str(len(CONTENT))
    response, body = ask(port, "/files/large.bin", If_None_Match=response.headers["Etag"])
    assert (response.status, body) == (304, b"")
    assert copied == []


def test_the_connection_serves_the_next_request(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    for _ in range(3):
        client.request("GET", "/files/large.bin")
        assert client.getresponse().read() == CONTENT
    client.close()


@pytest.mark.parametrize("path", ["/chunked/large.bin", "/counting/large.bin"])
def test_a_handler_of_its_own_gives_the_content(port: int, copied: list[int], path: str) -> None:
    Counting.written = 0
    response, body = ask(port, path)
    assert (response.status, body) == (200, CONTENT)
    assert copied == []
    assert Counting.written == (len(CONTENT) if path.startswith("/counting") else 0)


def open_files(folder: Path) -> int:
    count = 0
    for handle in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{handle}").startswith(str(folder))
        except OSError:
            continue
    return count


def wait_until_closed(folder: Path) -> None:
    pause = threading.Event()
    for _ in range(1500):
        if not open_files(folder):
            return
        pause.wait(0.01)
    raise AssertionError("the file stays open")


def test_a_client_that_leaves_or_does_not_read_keeps_no_file_open(
    port: int, tmp_path: Path, copied: list[int]
) -> None:
    request = b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
    for leaves in (True, False):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(15)
            sock.connect(("127.0.0.1", port))
            sock.sendall(request)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
            if leaves:
                sock.close()
            wait_until_closed(tmp_path)
    assert sum(copied) < 2 * len(CONTENT)
    assert ask(port, "/files/large.bin")[1] == CONTENT


def test_a_file_that_becomes_shorter_cuts_the_connection(port: int, tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(15)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        received = len(sock.recv(1000))
        os.truncate(tmp_path / "large.bin", 1000)
        try:
            while data := sock.recv(65536):
                received += len(data)
        except ConnectionResetError:
            pass
    assert received < len(CONTENT)
