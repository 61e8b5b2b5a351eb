"""When the client gets what a handler writes: at once, beside the handler, or never."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from waterspout.server.process.run import serve_in_thread
from waterspout.tornado import gen
from waterspout.tornado.core_adapter import app_of
from waterspout.tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPOutputError,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from waterspout.tornado.iostream import StreamClosedError
from waterspout.tornado.web import Application, RequestHandler

LIMIT = 10.0  # seconds, for what must happen soon


@contextmanager
def talking_to(program: Any) -> Iterator[socket.socket]:
    """Serve *program* and yield a connection to it."""
    with serve_in_thread(program) as server:
        address = ("127.0.0.1", int(server.urls[0].rsplit(":", 1)[1].strip("/")))
        with closing(socket.create_connection(address, timeout=LIMIT)) as client:
            yield client


def ask(client: socket.socket, path: str = "/") -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def read_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        piece = client.recv(65536)
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def test_what_is_finished_is_sent_while_the_handler_goes_on() -> None:
    """`finish` is the answer's end, not the handler's."""
    go_on = threading.Event()
    ended = threading.Event()

    class Early(RequestHandler):
        async def get(self) -> None:
            self.finish("done")
            await asyncio.to_thread(go_on.wait, LIMIT)
            ended.set()

    with talking_to(Application([("/", Early)])) as client:
        ask(client)
        assert read_until(client, b"done").startswith(b"HTTP/1.1 200 OK\r\n")
        assert not ended.is_set()
        go_on.set()
        assert ended.wait(LIMIT)


def test_the_next_request_is_answered_on_the_same_connection() -> None:
    """An early answer leaves the connection in order, also for one that was pipelined."""

    class Early(RequestHandler):
        async def get(self) -> None:
            self.finish(self.request.query)
            await asyncio.sleep(0)

    with talking_to(Application([("/", Early)])) as client:
        ask(client, "/?first")
        read_until(client, b"first")
        ask(client, "/?second")
        ask(client, "/?third")
        read_until(client, b"third")


def test_each_flush_arrives_before_the_next() -> None:
    """The client has a part before the handler writes another."""
    steps = [threading.Event() for _ in range(3)]

    class Stream(RequestHandler):
        async def get(self) -> None:
            for number, step in enumerate(steps):
                self.write(f"part {number}.")
                await self.flush()
                await asyncio.to_thread(step.wait, LIMIT)

    with talking_to(Application([("/", Stream)])) as client:
        ask(client)
        for number, step in enumerate(steps):
            assert f"part {number}.".encode() in read_until(client, b".\r\n")
            step.set()
        read_until(client, b"0\r\n\r\n")


def test_a_slow_client_makes_the_handler_wait() -> None:
    """Flush waits for a client that does not read, so nothing piles up."""
    piece = b"x" * 1024 * 1024
    written = 0
    stuck = threading.Event()

    class Stream(RequestHandler):
        async def get(self) -> None:
            nonlocal written
            while True:
                self.write(piece)
                future = self.flush()
                try:
                    await asyncio.wait_for(asyncio.shield(future), 0.5)
                except TimeoutError:
                    stuck.set()
                    await future
                written += 1

        def log_exception(self, *args: Any) -> None:
            pass

    with talking_to(Application([("/", Stream)])) as client:
        ask(client)
        client.recv(1024)
        assert stuck.wait(LIMIT)
        assert written < 64


def test_a_client_that_leaves_ends_the_stream() -> None:
    """on_connection_close is called, and flush raises `StreamClosedError`."""
    seen: list[object] = []
    ended = threading.Event()

    class Stream(RequestHandler):
        async def get(self) -> None:
            try:
                while True:
                    self.write("more ")
                    await self.flush()
                    await asyncio.sleep(0.001)
            except StreamClosedError as error:
                seen.append(error)
                ended.set()

        def on_connection_close(self) -> None:
            seen.append("closed")

    with talking_to(Application([("/", Stream)])) as client:
        ask(client)
        client.recv(10)
        client.close()
        assert ended.wait(LIMIT)
    assert seen[0] == "closed"
    assert isinstance(seen[1], StreamClosedError)


@pytest.mark.parametrize("awaits", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("finish", b"x" * 3_000_000),
        ("connection", b"x" * 3_000_000),
        ("flush", b"%x\r\n" % 300_000 + b"x" * 300_000 + b"\r\n"),
        ("flushes", b"%x\r\n" % 300_000 + b"x" * 300_000 + b"\r\n1\r\ny\r\n"),
        ("write", None),
    ],
    ids=["finish", "connection", "flush", "flushes", "write"],
)
def test_what_was_written_before_a_close_is_sent(
    how: str, body: bytes | None, awaits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A program closes the stream; what it has written by then arrives, and nothing more."""

    class Closes(RequestHandler):
        async def get(self) -> None:
            if awaits:
                await asyncio.sleep(0)
            stream = self.request.connection.stream
            if how in ("finish", "connection"):
                self.finish(b"x" * 3_000_000)
            else:
                self.write(b"x" * 300_000)
            if how == "flushes":
                await self.flush()
                self.write("y")
            if how.startswith("flush"):
                self.flush()
            (self.request.connection if how == "connection" else stream).close()
            assert stream.closed()
            if not self._finished:
                self.write("too late")

    with talking_to(Application([("/", Closes)])) as client:
        ask(client)
        data = b""
        while piece := client.recv(1 << 20):
            data += piece
    head, _, found = data.partition(b"\r\n\r\n")
    assert bool(head) == (body is not None)
    assert found == (body or b"")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_body_that_is_too_short_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """As the program's error; what sends the answer has no error of its own to tell."""

    class Short(RequestHandler):
        async def get(self) -> None:
            await asyncio.sleep(0)
            self.set_header("Content-Length", "9")
            self.write("abcdef")

        def flush(self, include_footers: bool = False) -> Any:  # the answer goes in parts
            return super().flush(include_footers)

    with talking_to(Application([("/", Short)])) as client:
        ask(client)
        data = b""
        while piece := client.recv(1000):
            data += piece
    texts = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [text for text in texts if "Uncaught exception GET /" in text]
    assert not [text for text in texts if "streaming" in text]


def test_detach_gives_the_stream_of_bytes() -> None:
    """After `detach` the connection is the program's."""

    class Raw(RequestHandler):
        async def get(self) -> None:
            stream = self.detach()
            await stream.write(b"raw\n")
            line = await stream.read_until(b"\n")
            rest = await stream.read_bytes(3)
            await stream.write(line + rest + b"\n")
            stream.close()

    with talking_to(Application([("/", Raw)])) as client:
        ask(client)
        assert read_until(client, b"raw\n") == b"raw\n"
        client.sendall(b"line\nabc")
        assert read_until(client, b"abc\n") == b"line\nabc\n"
        assert client.recv(10) == b""


def test_the_ends_of_a_detached_stream(caplog: pytest.LogCaptureFixture) -> None:
    """Too long a line, a client that resets and a close behind a write: StreamClosedError for
    who waits, and no error in the log for who does not."""
    ends: list[str] = []
    ended = threading.Event()

    class Raw(RequestHandler):
        async def get(self, how: str) -> None:
            stream = self.detach()
            stream.write(b"raw\n")
            if how == "close":
                stream.close()
                return
            reading = {
                "long": lambda: stream.read_until(b"\n", max_bytes=100),
                "until": lambda: stream.read_until(b"\n"),
                "bytes": lambda: stream.read_bytes(10),
                "partial": lambda: stream.read_bytes(10, partial=True),
            }
            try:
                await reading[how]()
            except Exception as error:
                ends.append(type(error).__name__)
            ended.set()

    program = Application([("/(.*)", Raw)])
    with talking_to(program) as client:
        ask(client, "/close")
        assert read_until(client, b"raw\n") == b"raw\n"
        assert client.recv(10) == b""
    with talking_to(program) as client:
        ask(client, "/long")
        read_until(client, b"raw\n")
        client.sendall(b"x" * 200)
        assert client.recv(10) == b""
        assert ended.wait(LIMIT)
    for how in ("until", "bytes", "partial"):
        ended.clear()
        with talking_to(program) as client:
            ask(client, f"/{how}")
            read_until(client, b"raw\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # by a reset
            assert ended.wait(LIMIT)
    assert ends == ["StreamClosedError"] * 4
    gc.collect()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def _plain(self: RequestHandler) -> None:
    self.write("text")


async def _native(self: RequestHandler) -> None:
    await asyncio.sleep(0)
    self.write("text")


@gen.coroutine
def _decorated(self: RequestHandler) -> Any:
    yield gen.sleep(0)
    self.write("text")


@gen.coroutine
def _returning(self: RequestHandler) -> Any:
    self.write("text")
    raise gen.Return(None)
    yield


@pytest.mark.parametrize("method", [_plain, _native, _decorated, _returning])
def test_methods_of_every_kind(method: Callable[..., Any]) -> None:
    """``def``, ``async def`` and ``@gen.coroutine``."""
    handler = type("Kind", (RequestHandler,), {"get": method})
    with talking_to(Application([("/", handler)])) as client:
        ask(client)
        assert read_until(client, b"text").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("declared", "text"),
    [("9", "less than Content-Length"), ("2", "more data than Content-Length")],
)
def test_a_body_of_another_length_than_declared_ends_the_connection(
    declared: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No client is left with an answer that is cut off or has a tail."""

    class Wrong(RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Length", declared)
            self.write("text")

    with talking_to(Application([("/", Wrong)])) as client:
        ask(client)
        assert client.recv(100) == b""
    assert any(text in str(record.exc_info) for record in caplog.records)


class Delegate(HTTPMessageDelegate):
    """Answers with what it was told."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.connection = connection
        self.told: list[bytes] = []

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        self.told.append(f"{start_line.method} {start_line.path} {headers['Host']};".encode())

    def data_received(self, chunk: bytes) -> None:
        self.told.append(chunk)

    def finish(self) -> None:
        body = b"".join(self.told)
        headers = HTTPHeaders({"Content-Length": str(len(body))})
        self.connection.write_headers(ResponseStartLine("", 200, "Fine"), headers)
        self.connection.write(body)
        self.connection.finish()


class Server(HTTPServerConnectionDelegate):
    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> Delegate:
        return Delegate(request_conn)


def test_a_bare_delegate_is_served() -> None:
    """What answers need not be an Application."""
    with talking_to(app_of(Server())) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
        answer = read_until(client, b"POST /x localhost;body")
        assert answer.startswith(b"HTTP/1.1 200 Fine\r\n")


def test_a_function_that_takes_a_request_is_served() -> None:
    """Tornado's oldest kind of program."""

    def answer(request: HTTPServerRequest) -> None:
        body = f"{request.method} {request.body!r}".encode()
        headers = HTTPHeaders({"Content-Length": str(len(body))})
        request.connection.write_headers(ResponseStartLine("", 200, "OK"), headers, body)
        request.connection.finish()

    with talking_to(app_of(answer)) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
        read_until(client, b"PUT b'ab'")


def test_an_answer_has_one_head(caplog: pytest.LogCaptureFixture) -> None:
    """Writing out of order is an error for the program, and a 500 or an end for the client."""
    errors: list[Exception] = []

    def answer(request: HTTPServerRequest) -> None:
        connection = request.connection
        try:
            connection.write(b"early")
        except HTTPOutputError as error:
            errors.append(error)
        connection.write_headers(ResponseStartLine("", 204, "No Content"), HTTPHeaders())
        try:
            connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders())
        except HTTPOutputError as error:
            errors.append(error)
        connection.finish()

    with talking_to(app_of(answer)) as client:
        ask(client)
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 204 No Content\r\n")
    assert len(errors) == 2
