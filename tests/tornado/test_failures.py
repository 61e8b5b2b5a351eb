"""Requests that an `HTTPServer` cannot take, and programs that fail: they end as in Tornado."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from tornado_served import exchange, run, serving

from waterspout.tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPOutputError,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from waterspout.tornado.testing import AsyncHTTPSTestCase, ExpectLog
from waterspout.tornado.web import Application, RequestHandler, stream_request_body

BAD = b"HTTP/1.1 400 Bad Request\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n"
)
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Echo(RequestHandler):
    def get(self) -> None:
        self.write(str(len(self.get_arguments("a"))))

    def post(self) -> None:
        self.write(self.request.body)


@stream_request_body
class Wide(RequestHandler):
    def prepare(self) -> None:
        self.count = 0
        if self.get_argument("size", ""):
            self.request.connection.set_max_body_size(int(self.get_argument("size")))

    def data_received(self, chunk: bytes) -> None:
        self.count += len(chunk)

    def post(self) -> None:
        self.write(str(self.count))


def application() -> Application:
    return Application([("/", Echo), ("/wide", Wide)])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789", "Content-Length too"),
        (
            CHUNKED,
            "chunked body too large",
        ),
        (b"GET /?" + b"&a=1" * 1001 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "Invalid query string"),
        (b"GET / HTTP/1.1\r\n\r\n", "Missing Host header"),
    ],
    ids=["length", "chunks", "arguments", "host"],
)
@pytest.mark.parametrize("path", [b"/", b"/wide"])
def test_a_malformed_request_gets_a_400_without_fields(path: bytes, raw: bytes, said: str) -> None:
    async def test() -> bytes:
        async with serving(application(), max_body_size=8) as port:
            line = f"Malformed HTTP message from 127.0.0.1: {said}"
            with ExpectLog("tornado.general", line, level=20):
                return await exchange(port, raw.replace(b"/", path, 1))

    assert run(test) == BAD


def test_a_limit_holds_for_one_request() -> None:
    async def test() -> bytes:
        async with serving(application(), max_body_size=8) as port:
            rest = b" HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789"
            line = "Malformed HTTP message .*Content-Length too long"
            with ExpectLog("tornado.general", line, level=20):
                return await exchange(port, b"POST /wide?size=9" + rest, b"POST /wide" + rest)

    received = run(test)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n9" + BAD)


class Failing(HTTPMessageDelegate):
    """Fails where it is told."""

    def __init__(self, connection: Any, stage: str, closed: list[str]) -> None:
        self.connection = connection
        self.stage = stage
        self.closed = closed

    def headers_received(self, start_line: Any, headers: Any) -> None:
        if self.stage == "headers":
            raise ValueError(self.stage)
        if self.stage == "length":
            fields = HTTPHeaders({"Content-Length": "+3"})
            self.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), fields)

    def finish(self) -> None:
        if self.stage == "finish":
            raise ValueError(self.stage)

    def on_connection_close(self) -> None:
        self.closed.append(self.stage)


@pytest.mark.parametrize("stage", ["headers", "length", "finish"])
def test_a_delegate_that_fails_loses_its_client(stage: str) -> None:
    closed: list[str] = []

    class Program(HTTPServerConnectionDelegate):
        def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
            return Failing(request_conn, stage, closed)

    async def test() -> bytes:
        async with serving(Program()) as port:
            with ExpectLog("tornado.application", "Uncaught exception"):
                return await exchange(port, ASK)

    assert run(test) == b""
    assert closed == [stage]


def test_a_function_that_fails_loses_its_client() -> None:
    def program(request: HTTPServerRequest) -> None:
        raise ValueError(request.path)

    async def test() -> bytes:
        async with serving(program) as port:
            with ExpectLog("tornado.application", "Uncaught exception"):
                return await exchange(port, ASK)

    assert run(test) == b""


def test_a_handler_whose_task_is_cancelled_answers_500_without_a_log() -> None:
    tasks: list[asyncio.Task[Any]] = []
    started = asyncio.Event()

    class Waiting(RequestHandler):
        async def get(self) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.append(task)
            started.set()
            await asyncio.Event().wait()

    async def test() -> bytes:
        async with serving(Application([("/", Waiting)])) as port:
            answer = asyncio.create_task(exchange(port, ASK[:-2] + b"Connection: close\r\n\r\n"))
            await started.wait()
            tasks[0].cancel()
            return await answer

    with ExpectLog("tornado.access", "500 GET /", level=40):
        assert run(test).startswith(b"HTTP/1.1 500 ")
    assert tasks[0].cancelled()


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_download_of_declared_length_ends_without_an_error(pieces: int) -> None:
    """Its last `flush` is like the others, and what is behind it is run."""
    done: list[str] = []

    class Download(RequestHandler):
        async def get(self) -> None:
            self.set_header("Content-Length", 2 * pieces)
            for _ in range(pieces):
                self.write(b"ab")
                await self.flush()
            done.append("sent")

        def on_finish(self) -> None:
            done.append("finished")

        def on_connection_close(self) -> None:
            done.append("closed")

    async def test() -> bytes:
        async with serving(Application([("/", Download)])) as port:
            return await exchange(port, ASK, ASK[:-2] + b"Connection: close\r\n\r\n")

    received = run(test)
    assert received.count(b"HTTP/1.1 200 ") == 2
    assert received.count(b"\r\n\r\n" + b"ab" * pieces) == 2
    assert done == ["sent", "finished"] * 2


def test_more_than_the_declared_length_is_an_error() -> None:
    seen: list[str] = []

    class Longer(RequestHandler):
        async def get(self) -> None:
            self.set_header("Content-Length", 2)
            self.write(b"ab")
            await self.flush()
            self.write(b"c")
            try:
                await self.flush()
            except HTTPOutputError as error:
                seen.append(str(error))
                raise

    async def test() -> bytes:
        async with serving(Application([("/", Longer)])) as port:
            with ExpectLog("tornado.application", "Uncaught exception GET /"):
                return await exchange(port, ASK)

    assert run(test).endswith(b"\r\n\r\nab")
    assert seen == ["Tried to write more data than Content-Length"]


class OverTLS(AsyncHTTPSTestCase):
    def get_app(self) -> Application:
        return application()

    def runTest(self) -> None:
        assert self.fetch("/?a=1&a=2").body == b"2"


def test_a_test_case_over_tls() -> None:
    OverTLS().debug()


def test_a_test_case_over_tls_needs_no_other_package() -> None:
    hidden = "import sys; sys.modules['cryptography'] = None"
    found = "from waterspout.tornado.testing import AsyncHTTPSTestCase as Case"
    shown = "import json; print(json.dumps(Case.default_ssl_options()))"
    command = [sys.executable, "-c", f"{hidden}; {found}; {shown}"]
    options = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert set(options) == {"certfile", "keyfile"}
