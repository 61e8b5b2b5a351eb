"""`HTTPServer`, our server with Tornado's arguments, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from waterspout.server.listeners.tls import make_certificate
from waterspout.tornado.httpclient import AsyncHTTPClient, HTTPResponse
from waterspout.tornado.httpserver import HTTPRequest, HTTPServer
from waterspout.tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from waterspout.tornado.netutil import bind_sockets, bind_unix_socket
from waterspout.tornado.testing import ExpectLog, bind_unused_port
from waterspout.tornado.web import Application, RequestHandler
from waterspout.tornado.websocket import (
    WebSocketClientConnection,
    WebSocketHandler,
    websocket_connect,
)


class Echo(RequestHandler):
    """Tells what it was asked."""

    def get(self) -> None:
        self.write({"ip": self.request.remote_ip, "scheme": self.request.protocol})

    def post(self) -> None:
        self.write(f"{len(self.request.body)}:{self.get_body_argument('a', '')}")


def application() -> Application:
    return Application([("/", Echo)])


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve on a free port; yield the URL."""
    sock, port = bind_unused_port()
    server = HTTPServer(app, **options)
    server.add_sockets([sock])
    try:
        yield f"{'https' if 'ssl_options' in options else 'http'}://127.0.0.1:{port}/"
    finally:
        server.stop()
        await server.close_all_connections()


async def fetch(url: str, **options: Any) -> HTTPResponse:
    return await AsyncHTTPClient().fetch(url, raise_error=False, **options)


async def exchange(url: str, data: bytes) -> bytes:
    """Send bytes; return everything up to the end of the connection."""
    host, port = url.rstrip("/").rpartition("//")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    received = await reader.read()
    writer.close()
    return received


def run(test: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(test(), 20))


# -- what may be served --------------------------------------------------------------------------


class Counting(HTTPMessageDelegate):
    """Answers with the sizes of the pieces it got."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.sizes: list[int] = []

    def data_received(self, chunk: bytes) -> None:
        self.sizes.append(len(chunk))

    def finish(self) -> None:
        body = json.dumps(self.sizes).encode()
        headers = HTTPHeaders({"Content-Length": str(len(body))})
        self.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers)
        self.connection.write(body)
        self.connection.finish()


class Counter(HTTPServerConnectionDelegate):
    """The other half of `Counting`."""

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        return Counting(request_conn)


def test_a_bare_delegate() -> None:
    """A delegate answers by its connection."""

    async def test() -> bytes:
        async with serving(Counter()) as url:
            return (await fetch(url, method="POST", body=b"x" * 10)).body

    assert json.loads(run(test)) == [10]


def test_a_function() -> None:
    """A function takes a request, and answers by its connection or by hand."""

    def answer(request: HTTPServerRequest) -> None:
        if request.path == "/":
            headers = HTTPHeaders({"Content-Length": str(len(request.body))})
            start = ResponseStartLine("HTTP/1.1", 201, "Made")
            request.connection.write_headers(start, headers, request.body)
        else:
            request.connection.write(b"HTTP/1.1 200 OK\r\nX-By: ha")
            request.connection.write(b"nd\r\nContent-Length: 5\r\n\r\nhel")
            request.connection.write(b"lo")
        request.connection.finish()

    async def test() -> tuple[HTTPResponse, HTTPResponse]:
        async with serving(answer) as url:
            return await fetch(url, method="POST", body="abc"), await fetch(url + "old")

    new, old = run(test)
    assert (new.code, new.reason, new.body) == (201, "Made", b"abc")
    assert (old.code, old.headers["X-By"], old.body) == (200, "hand", b"hello")
    assert HTTPRequest is HTTPServerRequest


def test_a_subclass_that_takes_requests_itself() -> None:
    """`start_request` and `initialize` may be overridden, and any attribute set."""

    class Mine(HTTPServer):
        def initialize(self, request_callback: Any, **options: Any) -> None:
            super().initialize(request_callback, **options)
            self.seen = 0

        def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
            self.seen += 1
            return super().start_request(server_conn, request_conn)

    async def test() -> int:
        sock, port = bind_unused_port()
        server = Mine(application())
        server.add_socket(sock)
        await fetch(f"http://127.0.0.1:{port}/")
        server.stop()
        await server.close_all_connections()
        return server.seen

    assert run(test) == 1


# -- sockets and life ----------------------------------------------------------------------------


def test_bind_and_start() -> None:
    """`bind` listens, `start` serves; `stop` closes the sockets and leaves what is connected."""

    async def test() -> None:
        server = HTTPServer(application())
        server.bind(0, "127.0.0.1")
        (sock,) = server._pending_sockets
        port = sock.getsockname()[1]
        server.start()
        assert list(server._sockets.values()) == [sock]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(request)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 OK\r\n")
        server.stop()
        assert sock.fileno() == -1
        assert server._sockets == {}
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 OK\r\n")
        await server.close_all_connections()
        assert await reader.read() == b""
        writer.close()

    run(test)


def test_listen_again_after_the_end() -> None:
    """A server that was stopped can serve other sockets; several at a time, too."""

    async def test() -> list[int]:
        server = HTTPServer(application())
        codes = []
        for _ in range(2):
            pairs = [bind_unused_port(), bind_unused_port()]
            server.add_sockets(sock for sock, _ in pairs)
            codes += [(await fetch(f"http://127.0.0.1:{port}/")).code for _, port in pairs]
            server.stop()
            await server.close_all_connections()
        return codes

    assert run(test) == [200] * 4


def test_a_unix_socket(tmp_path: Path) -> None:
    """Requests that come through it have no address."""

    async def test() -> bytes:
        server = HTTPServer(application())
        path = str(tmp_path / "socket")
        server.add_socket(bind_unix_socket(path))
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = await reader.read()
        writer.close()
        server.stop()
        await server.close_all_connections()
        return received

    assert b'"scheme": "http"' in run(test)


def test_bind_sockets_gives_one_port_for_all_addresses() -> None:
    """IPv4 and IPv6 side by side."""
    sockets = bind_sockets(0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        assert len({sock.family for sock in sockets}) == len(sockets)
    finally:
        for sock in sockets:
            sock.close()


def test_bind_unix_socket_takes_no_files_place(tmp_path: Path) -> None:
    """Only the place of a socket."""
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(ValueError, match="not a socket"):
        bind_unix_socket(str(path))
    (tmp_path / "old").touch()
    (tmp_path / "old").unlink()
    bind_unix_socket(str(tmp_path / "old")).close()
    bind_unix_socket(str(tmp_path / "old")).close()


# -- options -------------------------------------------------------------------------------------


def test_no_keep_alive() -> None:
    """One request a connection."""

    async def test() -> bytes:
        async with serving(application(), no_keep_alive=True) as url:
            return await exchange(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)

    assert run(test).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    ("fields", "ip", "scheme"),
    [
        ({}, "127.0.0.1", "http"),
        ({"X-Real-Ip": "4.4.4.4"}, "4.4.4.4", "http"),
        ({"X-Forwarded-For": "1.1.1.1, 4.4.4.4, 5.5.5.5"}, "4.4.4.4", "http"),
        ({"X-Forwarded-For": "5.5.5.5"}, "5.5.5.5", "http"),
        ({"X-Real-Ip": "::1", "X-Forwarded-For": "4.4.4.4"}, "::1", "http"),
        ({"X-Real-Ip": "<script>"}, "127.0.0.1", "http"),
        ({"X-Scheme": "https"}, "127.0.0.1", "https"),
        ({"X-Forwarded-Proto": "http, https"}, "127.0.0.1", "https"),
        ({"X-Forwarded-Proto": "gopher"}, "127.0.0.1", "http"),
    ],
)
def test_xheaders(fields: dict[str, str], ip: str, scheme: str) -> None:
    """What a proxy says is believed, if that is asked for; else nothing of it."""

    async def test() -> tuple[Any, Any]:
        options = {"xheaders": True, "trusted_downstream": ["5.5.5.5"]}
        async with serving(application(), **options) as url, serving(application()) as plain:
            told, untold = await fetch(url, headers=fields), await fetch(plain, headers=fields)
            return json.loads(told.body), json.loads(untold.body)

    told, untold = run(test)
    assert told == {"ip": ip, "scheme": scheme}
    assert untold == {"ip": "127.0.0.1", "scheme": "http"}


def test_protocol() -> None:
    """For a server behind a proxy that ends TLS and says nothing of it."""

    async def test() -> Any:
        async with serving(application(), protocol="https") as url:
            return json.loads((await fetch(url)).body)

    assert run(test)["scheme"] == "https"


def test_ssl_options(tmp_path: Path) -> None:
    """A dict of files, or a context; a peer that speaks no TLS is dropped, with a line."""
    pem = tmp_path / "both.pem"
    pem.write_bytes(b"".join(make_certificate(("127.0.0.1",))))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def test(options: Any) -> tuple[Any, bytes]:
        async with serving(application(), ssl_options=options) as url:
            trusting = await fetch(url, ca_certs=str(pem))
            with ExpectLog("tornado.general", "SSL Error on") as log:
                refused = await exchange(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert not log.logged_stack
            return json.loads(trusting.body)["scheme"], refused

    for options in ({"certfile": str(pem), "keyfile": str(pem)}, context):
        scheme, refused = asyncio.run(test(options))
        assert scheme == "https"
        assert not refused.startswith(b"HTTP")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"keyfile": "x"}, KeyError),
        ({"certfile": "/nowhere.pem"}, OSError),
        ({"certfile": "x", "cert": "y"}, TypeError),
    ],
)
def test_bad_ssl_options(options: dict[str, str], error: type[Exception]) -> None:
    """They are told when the server is made."""
    with pytest.raises(error):
        HTTPServer(application(), ssl_options=options)


class TestBodies:
    """Limits and codings of bodies."""

    @pytest.mark.parametrize("chunked", [False, True])
    def test_max_body_size(self, chunked: bool) -> None:
        """As much as that, and no byte more."""
        said = "chunked body too large" if chunked else "Content-Length too long"

        def body(size: int) -> dict[str, Any]:
            content = b"a=" + b"x" * (size - 2)
            return {"body_producer": lambda send: send(content)} if chunked else {"body": content}

        async def test() -> tuple[HTTPResponse, HTTPResponse]:
            async with serving(application(), max_body_size=1000) as url:
                fits = await fetch(url, method="POST", **body(1000))
                with ExpectLog("tornado.general", f".*{said}", level=20):
                    return fits, await fetch(url, method="POST", **body(1001))

        fits, large = run(test)
        assert (fits.code, fits.body[:5]) == (200, b"1000:")
        assert large.code == 400

    @pytest.mark.parametrize(("size", "status"), [(1000, b"200"), (1001, b"400")])
    def test_a_body_that_comes_with_its_head(self, size: int, status: bytes) -> None:
        """In one packet: the limit holds as well, and nothing is taken for another request."""
        data = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        data += b"Transfer-Encoding: chunked\r\n\r\n"
        data += b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)

        async def test() -> bytes:
            async with serving(application(), max_body_size=1000) as url:
                with ExpectLog("tornado.general", ".*chunked body too large", size > 1000, 20):
                    return await exchange(url, data)

        answer = run(test)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert answer.count(b"HTTP/1.1") == 1

    def test_decompress_request(self) -> None:
        """A body in gzip; what it was is told."""

        async def test() -> bytes:
            async with serving(application(), decompress_request=True) as url:
                packed = gzip.compress(b"a=1")
                fields = {"Content-Encoding": "GZIP"}
                return (await fetch(url, method="POST", body=packed, headers=fields)).body

        assert run(test) == b"3:1"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (gzip.compress(b"a" * 1001), "decompressed body too large"),
            (gzip.compress(b"a=1")[:-1], "invalid gzip data"),
            (b"no gzip", "invalid gzip data"),
        ],
        ids=["large", "short", "none"],  # the bytes hold the time, and differ between workers
    )
    def test_bad_compressed_bodies(self, body: bytes, said: str) -> None:
        """The limit holds for what comes out."""

        async def test() -> int:
            options: dict[str, Any] = {"decompress_request": True, "max_body_size": 1000}
            fields = {"Content-Encoding": "gzip"}
            async with serving(application(), **options) as url:
                with ExpectLog("tornado.general", f".*{said}", level=20):
                    return (await fetch(url, method="POST", body=body, headers=fields)).code

        assert run(test) == 400

    def test_chunk_size(self) -> None:
        """No piece is larger."""

        async def test() -> bytes:
            async with serving(Counter(), chunk_size=16) as url:
                return (await fetch(url, method="POST", body=b"x" * 50)).body

        assert json.loads(run(test)) == [16, 16, 16, 2]

    def test_body_timeout(self) -> None:
        """For the whole of a body; the connection ends without an answer."""

        async def test() -> bytes:
            async with serving(application(), body_timeout=0.05) as url:
                with ExpectLog("tornado.general", "Timeout reading body from 127", level=20):
                    return await exchange(
                        url, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"
                    )

        assert run(test) == b""


@pytest.mark.parametrize(
    ("request_bytes", "said"),
    [
        (b"nonsense\r\n\r\n", "Malformed HTTP request line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", "no colon in header line"),
        (b"GET / HTTP/1.1\r\n\r\n", "Missing Host header"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Invalid Host header"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "Unsupported Transfer-Encoding gzip, chunked",
        ),
        (
            (
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                b"Transfer-encoding: chunked\r\n\r\n"
            ),
            "Unsupported Transfer-Encoding",
        ),
        (
            (
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                b"Content-Length: 2\r\n\r\n"
            ),
            "Message with both Transfer-Encoding and Content-Length",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\xa05\r\n\r\nhello",
            "Only integer Content-Length is allowed",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\x855\r\n\r\nhello",
            "Only integer Content-Length is allowed",
        ),
        (b"FOO,BAR / HTTP/1.1\r\nHost: a\r\n\r\n", "Malformed HTTP request line"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n1",
            "Only integer Content-Length is allowed",
        ),
    ],
)
def test_malformed_requests(request_bytes: bytes, said: str) -> None:
    """They are refused with Tornado's answer and Tornado's line in the log."""

    async def test() -> bytes:
        async with serving(application()) as url:
            line = f"Malformed HTTP message from 127.0.0.1: {said}"
            with ExpectLog("tornado.general", line, level=20):
                return await exchange(url, request_bytes)

    assert run(test) == b"HTTP/1.1 400 Bad Request\r\n\r\n"


def test_max_header_size() -> None:
    """A larger head is refused."""

    async def test() -> tuple[int, bytes]:
        async with serving(application(), max_header_size=1024) as url:
            good = await fetch(url, headers={"X": "a" * 500})
            with ExpectLog("tornado.general", "Unsatisfiable read", level=20):
                bad = await exchange(
                    url, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1500 + b"\r\n\r\n"
                )
            return good.code, bad

    code, bad = run(test)
    assert code == 200
    assert bad.startswith(b"HTTP/1.1 431 ")


def test_idle_connection_timeout() -> None:
    """A connection that says nothing is closed."""

    async def test() -> bytes:
        async with serving(application(), idle_connection_timeout=0.05) as url:
            return await exchange(url, b"")

    assert run(test) == b""


def test_connections_are_served_before_the_loop_runs() -> None:
    """`listen` before `IOLoop.start`, as programs do it: the kernel keeps who comes early."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    sock, port = bind_unused_port()
    server = HTTPServer(application())
    server.add_sockets([sock])
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    try:
        received = loop.run_until_complete(
            loop.run_in_executor(None, lambda: client.makefile("rb").read())
        )
        assert received.startswith(b"HTTP/1.1 200 OK")
        server.stop()
        loop.run_until_complete(server.close_all_connections())
    finally:
        client.close()
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


def test_handlers_that_never_end_are_not_waited_for() -> None:
    """`close_all_connections` drops their connections; nothing of them is left on the loop."""
    entered = asyncio.Event()

    class Waiting(WebSocketHandler):
        async def open(self) -> None:
            entered.set()
            await asyncio.ensure_future(asyncio.Event().wait())

    async def test() -> None:
        before = asyncio.all_tasks()
        async with serving(Application([("/", Waiting)])) as url:
            client = await websocket_connect(url.replace("http", "ws"))
            await entered.wait()
        assert asyncio.all_tasks() == before
        assert await client.read_message() is None
        client.close()

    run(test)


def test_clients_on_the_same_loop_are_gone_with_the_server() -> None:
    """A test that leaves a WebSocket to its own end does not leave a socket open."""

    class Chatty(WebSocketHandler):
        def open(self) -> None:
            for n in range(3):
                self.write_message(str(n))

    loop = asyncio.new_event_loop()

    async def begin() -> tuple[HTTPServer, WebSocketClientConnection]:
        sock, port = bind_unused_port()
        server = HTTPServer(Application([("/", Chatty)]))
        server.add_socket(sock)
        client = await websocket_connect(f"ws://127.0.0.1:{port}/")
        assert await client.read_message() == "0"
        return server, client

    try:
        server, client = loop.run_until_complete(begin())
        client.close()
        server.stop()
        loop.run_until_complete(server.close_all_connections())
        assert client.stream.socket.fileno() == -1
    finally:
        loop.close()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("when", ["at once", "later", "while it streams"])
def test_a_signal_ends_the_program(
    when: str, error: type[BaseException], make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """What a program's signal handler raises in the midst of a request ends its loop."""

    def interrupt(*_: Any) -> None:
        raise error

    class Interrupted(RequestHandler):
        async def get(self) -> None:
            if when != "at once":
                await asyncio.sleep(0)
            if when == "while it streams":
                await self.flush()
            signal.raise_signal(signal.SIGUSR1)

    sock, port = bind_unused_port()
    loop = make_loop()
    before = signal.signal(signal.SIGUSR1, interrupt)
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    async def serve() -> HTTPServer:
        server = HTTPServer(Application([("/", Interrupted)]))
        server.add_socket(sock)
        return server

    try:
        server = loop.run_until_complete(serve())
        loop.call_later(10, loop.stop)
        with pytest.raises(error):
            loop.run_forever()
        server.stop()
        loop.run_until_complete(server.close_all_connections())
    finally:
        signal.signal(signal.SIGUSR1, before)
        client.close()
        loop.close()
