"""VIEW_BEFORE_BODY, on in the compat preset: a `def` view reads its body as it arrives, and may
raise its limit first, as under Flask's servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from waterspout import App, request
from waterspout.flask import Flask
from waterspout.server import serve_in_thread

LIMIT = 1000
HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n"


def make(kind: Any, wrapped: bool, with_async: bool = False) -> Any:
    app = kind(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT

    @app.before_request
    def raise_limit() -> None:
        if request.path == "/hooked":
            request.max_content_length = 10 * LIMIT

    @app.post("/plain", endpoint="plain")
    @app.post("/hooked", endpoint="hooked")
    def size() -> str:
        return str(len(request.get_data()))

    @app.post("/raised")
    def raised() -> str:
        request.max_content_length = 10 * LIMIT
        return str(len(request.form["a"]))

    @app.post("/ignored")
    def ignored() -> str:
        return "not read"

    if with_async:

        @app.post("/async")
        async def in_async() -> str:
            return str(len(request.get_data()))

    @app.post("/lines")
    def lines() -> Any:
        stream = request.stream

        def answer() -> Iterator[bytes]:
            while line := stream.readline():
                yield line.upper()

        return app.response_class(answer(), mimetype="text/plain")

    if wrapped:
        inner = app.wsgi_app
        app.wsgi_app = lambda environ, start: inner(environ, start)
    return app


@contextmanager
def client_of(app: Any) -> Iterator[socket.socket]:
    with serve_in_thread(app) as server:
        port = int(server.urls[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            yield client


def ask(app: Any, path: bytes, size: int, *, chunked: bool) -> tuple[int, bytes]:
    """Send a form of *size* bytes, the last of them only after a while; return status and body."""
    body = b"a=" + b"x" * (size - 2)
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    with client_of(app) as client:
        client.sendall(HEAD % (path, kind + framing))
        for piece in (body[:100], body[100:]):
            client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            client.sendall(b"0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, text = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), text


@pytest.mark.parametrize("wrapped", [False, True], ids=["direct", "wrapped"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
class TestLimit:
    """The same as under Werkzeug's and gunicorn's servers."""

    def test_raised_by_the_view(self, wrapped: bool, chunked: bool) -> None:
        assert ask(make(Flask, wrapped), b"/raised", 5000, chunked=chunked) == (200, b"4998")
        assert ask(make(Flask, wrapped), b"/raised", 11_000, chunked=chunked)[0] == 413

    def test_raised_by_a_hook(self, wrapped: bool, chunked: bool) -> None:
        assert ask(make(Flask, wrapped), b"/hooked", 5000, chunked=chunked) == (200, b"5000")

    def test_not_raised(self, wrapped: bool, chunked: bool) -> None:
        assert ask(make(Flask, wrapped), b"/plain", 5000, chunked=chunked)[0] == 413
        assert ask(make(Flask, wrapped), b"/plain", 1000, chunked=chunked) == (200, b"1000")

    def test_not_read(self, wrapped: bool, chunked: bool) -> None:
        assert ask(make(Flask, wrapped), b"/ignored", 5000, chunked=chunked) == (200, b"not read")

    def test_an_async_view_has_the_applications_limit(self, wrapped: bool, chunked: bool) -> None:
        app = make(Flask, wrapped, with_async=True)
        assert ask(app, b"/async", 5000, chunked=chunked)[0] == 413
        assert ask(app, b"/async", 1000, chunked=chunked) == (200, b"1000")

    def test_off_in_the_modern_preset(self, wrapped: bool, chunked: bool) -> None:
        """A view gets no body that is too large, and is not run unless something wraps it."""
        assert ask(make(App, wrapped), b"/raised", 5000, chunked=chunked)[0] == 413
        ignored = ask(make(App, wrapped), b"/ignored", 5000, chunked=chunked)
        assert ignored[0] == (200 if wrapped else 413)


@pytest.mark.parametrize("wrapped", [False, True], ids=["direct", "wrapped"])
def test_a_body_is_read_as_it_arrives(wrapped: bool) -> None:
    """Line by line, each answered before the next is sent."""
    with client_of(make(Flask, wrapped)) as client:
        client.sendall(HEAD % (b"/lines", b"Transfer-Encoding: chunked"))
        said = b""
        for line in (b"one\n", b"two\n"):
            client.sendall(b"%x\r\n%b\r\n" % (len(line), line))
            while line.upper() not in said:
                received = client.recv(65536)
                assert received, said
                said += received
        client.sendall(b"0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        said += b"".join(iter(lambda: client.recv(65536), b""))
    assert said.endswith(b"\r\n0\r\n\r\n")


def test_an_async_view_that_would_wait_for_itself() -> None:
    """A blocking read on a route that streams is an error with the way out, and does not hang."""
    app = App(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.post("/", stream=True)
    async def view() -> str:
        with pytest.raises(RuntimeError, match=r"request\.chunks\(\)"):
            request.stream.read()
        return "told"

    with client_of(app) as client:
        client.sendall(HEAD % (b"/", b"Content-Length: 5\r\nConnection: close"))
        said = b"".join(iter(lambda: client.recv(65536), b""))
    assert said.endswith(b"told")
