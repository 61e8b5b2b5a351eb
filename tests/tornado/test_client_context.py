"""What programs look at below the request: the client's context and stream, as Tornado has them."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tornado_served import exchange, run, serving

from waterspout import App
from waterspout.server import ServerSettings
from waterspout.server.serving import Server
from waterspout.tornado.httpclient import HTTPRequest
from waterspout.tornado.httpserver import HTTPServer
from waterspout.tornado.httputil import HTTPHeaders
from waterspout.tornado.netutil import bind_unix_socket
from waterspout.tornado.web import Application, RequestHandler, stream_request_body
from waterspout.tornado.websocket import WebSocketHandler, websocket_connect
from waterspout.tornado.wsgi import WSGIContainer

LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
CLOSE = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


class Context(RequestHandler):
    def get(self) -> None:
        context = self.request.connection.context
        found = {
            "address": context.address,
            "family": context.address_family,
            "ip": context.remote_ip,
            "original": [context._orig_remote_ip, context._orig_protocol],
            "request": [self.request.remote_ip, self.request.protocol],
            "text": str(context),
        }
        context._apply_xheaders(HTTPHeaders({"X-Real-Ip": "4.4.4.4", "X-Scheme": "https"}))
        found["applied"] = [context.remote_ip, context.protocol]
        context._unapply_xheaders()
        found["unapplied"] = [context.remote_ip, context.protocol]
        context.remote_ip, context.protocol = "9.9.9.9", "https"
        found["set"] = [context.remote_ip, context.protocol]
        self.write(found)


class Early(RequestHandler):
    """Corrects the client's address before anybody asks."""

    def prepare(self) -> None:
        self.request.connection.context.remote_ip = "7.7.7.7"

    def get(self) -> None:
        self.write(json.dumps(self.request.remote_ip))


def test_the_context_of_a_client() -> None:
    async def test() -> Any:
        async with serving(Application([("/", Context)])) as port:
            return body_of(await exchange(port, b"GET /" + CLOSE + b"\r\n"))

    found = run(test)
    assert found.pop("address")[0] == "127.0.0.1"
    assert found == {
        "family": socket.AF_INET,
        "ip": "127.0.0.1",
        "original": ["127.0.0.1", "http"],
        "request": ["127.0.0.1", "http"],
        "text": "127.0.0.1",
        "applied": ["4.4.4.4", "https"],
        "unapplied": ["127.0.0.1", "http"],
        "set": ["9.9.9.9", "https"],
    }


def test_the_context_behind_a_proxy() -> None:
    async def test() -> Any:
        options = {"xheaders": True, "trusted_downstream": ["5.5.5.5"]}
        async with serving(Application([("/", Context)]), **options) as port:
            fields = b"X-Forwarded-For: 3.3.3.3, 5.5.5.5\r\nX-Forwarded-Proto: https\r\n\r\n"
            return body_of(await exchange(port, b"GET /" + CLOSE + fields))

    found = run(test)
    assert found["original"] == ["127.0.0.1", "http"]
    assert found["request"] == ["3.3.3.3", "https"]


def test_a_context_may_be_set_before_the_request_is_looked_at() -> None:
    async def test() -> Any:
        async with serving(Application([("/", Early)])) as port:
            return body_of(await exchange(port, b"GET /" + CLOSE + b"\r\n"))

    assert run(test) == "7.7.7.7"


def test_a_client_on_a_unix_socket(tmp_path: Path) -> None:
    async def test() -> Any:
        server = HTTPServer(Application([("/", Context)]))
        server.add_sockets([bind_unix_socket(str(tmp_path / "s"))])
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(b"GET /" + CLOSE + b"\r\n")
        received = await reader.read()
        writer.close()
        server.stop()
        await server.close_all_connections()
        return body_of(received)

    found = run(test)
    assert found["request"] == ["0.0.0.0", "http"]
    assert found["original"] == ["0.0.0.0", "http"]
    assert found["family"] == socket.AF_UNIX


# -- the stream ------------------------------------------------------------------------------------


class Raw(RequestHandler):
    """Reads what follows the request from its stream; writes an interim answer before."""

    async def get(self) -> None:
        stream = self.request.connection.stream
        stream.set_nodelay(True)
        await stream.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        line = await stream.read_until(b"\n")
        assert self.request.connection.stream is None
        rest = await stream.read_until_regex(b"[0-9]+;")
        await stream.write(b"raw " + line + rest)
        stream.close()

    async def put(self) -> None:
        await self.request.connection.stream.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        self.write("put")


class Dropping(RequestHandler):
    """Takes the connection from HTTP and forgets it."""

    def get(self) -> None:
        self.detach()


@LOOPS
def test_who_reads_from_the_stream_takes_it_from_http(loop_factory: Any) -> None:
    async def test() -> bytes:
        async with serving(Application([("/", Raw)])) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /" + CLOSE + b"\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 102 Processing\r\n\r\n"
            writer.write(b"line\nab12;")
            received = await reader.read()
            writer.close()
            return received

    assert run(test, loop_factory) == b"raw line\nab12;"


def test_an_interim_answer_is_written_to_the_stream() -> None:
    async def test() -> bytes:
        async with serving(Application([("/", Raw)])) as port:
            return await exchange(port, b"PUT /" + CLOSE + b"\r\n")

    received = run(test)
    assert received.startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\nput")


@LOOPS
def test_a_detached_stream_that_is_forgotten_is_closed(loop_factory: Any) -> None:
    async def test() -> bytes:
        async with serving(Application([("/", Dropping)])) as port:
            received = b"".join(
                [await exchange(port, b"GET /" + CLOSE + b"\r\n") for _ in range(3)]
            )
            gc.collect()
            return received

    assert run(test, loop_factory) == b""


class Closing(RequestHandler):
    """Is told when a client leaves the stream that was detached."""

    def initialize(self, gone: asyncio.Event) -> None:
        self.gone = gone

    def get(self) -> None:
        self.detach().set_close_callback(self.gone.set)


@LOOPS
def test_the_end_of_a_detached_stream_is_told(loop_factory: Any) -> None:
    async def test() -> None:
        gone = asyncio.Event()
        async with serving(Application([("/", Closing, {"gone": gone})])) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /" + CLOSE + b"\r\n")
            writer.write_eof()
            await gone.wait()
            assert await reader.read() == b""
            writer.close()

    run(test, loop_factory)


# -- WebSockets ------------------------------------------------------------------------------------


class Socket(WebSocketHandler):
    def open(self) -> None:
        self.set_nodelay(True)
        assert self.ws_connection is not None
        stream = self.ws_connection.stream
        stream.set_nodelay(True)
        nodelay = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        seen = [self.request.connection.stream is None, stream.closed(), bool(nodelay)]
        self.write_message(json.dumps([*seen, self.request.headers.get("User-Agent")]))


@pytest.mark.parametrize(
    ("options", "agent"),
    [
        ({}, "Tornado/6.6.1"),
        ({"user_agent": "me"}, "me"),
        ({"headers": {"User-Agent": "them"}}, "them"),
    ],
)
def test_the_stream_of_a_websocket(options: dict[str, Any], agent: str) -> None:
    async def test() -> tuple[Any, Any]:
        async with serving(Application([("/ws", Socket)])) as port:
            asked = HTTPRequest(f"ws://127.0.0.1:{port}/ws", **options)
            client = await websocket_connect(asked)
            client.stream.set_nodelay(True)
            seen = json.loads(str(await client.read_message()))
            about = (client.parsed.scheme, client.parsed.path, client.parsed_hostname)
            client.close()
            return seen, about

    seen, about = run(test)
    assert seen == [True, False, True, agent]
    assert about == ("http", "/ws", "127.0.0.1")


# -- bodies and ends -------------------------------------------------------------------------------


def program(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [])
    return [json.dumps([len(body), environ["SERVER_NAME"], environ["SERVER_PORT"]]).encode()]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        (b"Content-Length: 500\r\n", b"x" * 500),
        (b"Transfer-Encoding: chunked\r\n", b"1f4\r\n" + b"x" * 500 + b"\r\n0\r\n\r\n"),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b"x" * 500)),
    ],
    ids=["length", "chunked", "gzip"],
)
def test_a_wsgi_program_is_told_the_length_that_it_reads(fields: bytes, sent: bytes) -> None:
    if b"gzip" in fields:
        fields += b"Content-Length: %d\r\n" % len(sent)

    async def test() -> Any:
        async with serving(WSGIContainer(program), decompress_request=True) as port:
            start = b"POST / HTTP/1.1\r\nHost: [::1]:81\r\nConnection: close\r\n"
            return body_of(await exchange(port, start + fields + b"\r\n" + sent))

    assert run(test) == [500, "[::1]", "81"]


@stream_request_body
class Choosy(RequestHandler):
    def prepare(self) -> None:
        if self.request.headers.get("X-Wanted") is None:
            self.set_status(403)
            self.finish("no")

    def data_received(self, chunk: bytes) -> None:
        pass

    def post(self) -> None:
        self.write("yes")


@pytest.mark.parametrize(
    ("wanted", "first", "last"), [(b"", b"403", b"no"), (b"X-Wanted: 1\r\n", b"100", b"yes")]
)
def test_100_is_sent_if_prepare_has_not_refused(wanted: bytes, first: bytes, last: bytes) -> None:
    async def test() -> tuple[bytes, bytes]:
        async with serving(Application([("/", Choosy)])) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            fields = b"Expect: 100-continue\r\nContent-Length: 5\r\n" + wanted + b"\r\n"
            writer.write(b"POST /" + CLOSE + fields)
            line = await reader.readline()
            if wanted:
                writer.write(b"hello")
            rest = await reader.read()
            writer.close()
            return line, rest

    line, rest = run(test)
    assert line.split()[1] == first
    assert rest.endswith(b"\r\n\r\n" + last)
    assert rest.count(b"HTTP/1.1 ") == (1 if wanted else 0)


class Closed(RequestHandler):
    async def get(self) -> None:
        self.set_header("Connection", self.get_argument("say"))
        self.write("bye")
        if self.get_argument("flush", ""):
            await self.flush()


@pytest.mark.parametrize("flush", [b"", b"&flush=1"])
@pytest.mark.parametrize(("said", "closes"), [(b"close", True), (b"x,Close", True), (b"x", False)])
def test_a_handler_may_have_the_connection_closed(said: bytes, closes: bool, flush: bytes) -> None:
    async def test() -> bytes:
        async with serving(Application([("/", Closed)])) as port:
            first = b"GET /?say=" + said + flush + b" HTTP/1.1\r\nHost: a\r\n\r\n"
            return await exchange(port, first + b"GET /?say=x" + CLOSE + b"\r\n")

    received = run(test)
    assert received.count(b"HTTP/1.1 200 ") == (1 if closes else 2)
    assert received.count(b"Connection: close\r\n") == 1


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_view_may_have_the_connection_closed(asynchronous: bool) -> None:
    app = App("closing")

    async def later() -> Any:
        return "bye", {"Connection": "close"}

    def now() -> Any:
        return "bye", {"Connection": "close"}

    app.get("/")(later if asynchronous else now)

    async def test() -> bytes:
        server = Server(app, ServerSettings(port=0))
        await server.start()
        try:
            port = int(server.urls[0].rpartition(":")[2])
            return await exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        finally:
            await server.stop()

    received = run(test)
    assert received.count(b"HTTP/1.1 200 ") == 1
    assert received.count(b"Connection: close\r\n") == 1
