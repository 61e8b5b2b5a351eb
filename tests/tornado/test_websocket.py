"""`waterspout.tornado.websocket`: handlers and the client, over real sockets.

Tornado's own ``websocket_test`` runs on the drop-in by ``scripts/tornado_suite.py``; here is what
it does not look at.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop

from waterspout import App, current_app, g, request
from waterspout.server import Server, ServerSettings
from waterspout.server.listeners.tls import make_certificate
from waterspout.tornado.core_adapter import app_of
from waterspout.tornado.httpclient import HTTPError, HTTPRequest
from waterspout.tornado.web import Application, RequestHandler
from waterspout.tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    WebSocketHandler,
    websocket_connect,
)

PATIENCE = 10.0


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)


class Recorder(WebSocketHandler):
    """Writes down its life in the list that its rule gives it."""

    def initialize(self, life: list[Any]) -> None:
        self.life = life

    def prepare(self) -> None:
        self.life.append("prepare")

    def on_finish(self) -> None:
        self.life.append(("on_finish", self.get_status()))

    async def open(self, *args: str, **kwargs: str) -> None:
        await asyncio.sleep(0)
        self.life.append(("open", args, kwargs))

    async def on_message(self, message: str | bytes) -> None:
        self.life.append(message)
        await self.write_message(message, binary=isinstance(message, bytes))

    def on_ping(self, data: bytes) -> None:
        self.life.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.life.append(("pong", data))

    def on_close(self) -> None:
        self.life.append(("on_close", self.close_code, self.close_reason))
        self.application.settings["closed"].set()


class Site:
    def __init__(self, url: str, application: Application, server: Any) -> None:
        self.url = url
        self.server = server
        self._application = application
        self._open: list[WebSocketClientConnection] = []

    async def connect(self, path: str, /, *, headers: Any = None, **options: Any) -> Any:
        async with asyncio.timeout(PATIENCE):
            request = HTTPRequest(self.url + path, headers=headers)
            connection = await websocket_connect(request, **options)
        self._open.append(connection)
        return connection

    async def closed(self) -> None:
        """Wait until a recorder has been told of its end."""
        async with asyncio.timeout(PATIENCE):
            await self._application.settings["closed"].wait()

    def end(self) -> None:
        for connection in self._open:
            connection.close()


@asynccontextmanager
async def serving(handlers: list[Any], **settings: Any) -> AsyncIterator[Site]:
    application = Application(handlers, closed=asyncio.Event(), **settings)
    server = Server(app_of(application), ServerSettings(port=0))
    await server.start()
    site = Site(server.urls[0].replace("http", "ws", 1).rstrip("/"), application, server)
    try:
        yield site
    finally:
        site.end()
        await server.stop(3)


async def read(connection: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await connection.read_message()


def test_the_life_of_a_handler() -> None:
    """Prepare, on_finish with 101, open with the route's groups, messages, on_close."""

    async def main() -> None:
        life: list[Any] = []
        async with serving([(r"/(\w+)/(\d)", Recorder, {"life": life})]) as site:
            client = await site.connect("/a/7")
            client.write_message("one")
            client.ping(b"p")
            client.write_message(b"\x00", binary=True)
            assert [await read(client), await read(client)] == ["one", b"\x00"]
            client.close(4000, "bye")
            assert await read(client) is None
            assert (client.close_code, client.close_reason) == (4000, "bye")
            await site.closed()
        assert life == [
            "prepare",
            ("on_finish", 101),
            ("open", ("a", "7"), {}),
            "one",
            ("ping", b"p"),
            b"\x00",
            ("on_close", 4000, "bye"),
        ]

    run(main())


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"Upgrade": "other"}, 400, b'Can "Upgrade" only to "WebSocket".'),
        ({"Connection": "keep-alive"}, 400, b'"Connection" must be "Upgrade".'),
        ({"Sec-WebSocket-Version": "8"}, 426, b""),
        ({"Sec-WebSocket-Key": "short"}, 400, b"Missing/Invalid WebSocket headers"),
        ({"Origin": "http://evil.example"}, 403, b"Cross origin websockets not allowed"),
        ({"Origin": "null"}, 403, b"Cross origin websockets not allowed"),
    ],
)
def test_handshakes_that_are_refused(change: dict[str, str], status: int, text: bytes) -> None:
    """Tornado's statuses and texts."""
    fields = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version": "13",
        **change,
    }
    lines = ["GET / HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]

    async def main() -> None:
        async with serving([("/", Recorder, {"life": []})]) as site:
            port = int(site.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write("\r\n".join([*lines, "", ""]).encode())
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(len(text))
            writer.close()
        assert head.startswith(b"HTTP/1.1 %d " % status), head
        assert body == text
        if status == 426:
            assert b"Sec-Websocket-Version: 13\r\n" in head

    run(main())


def test_trusted_origins_and_check_origin() -> None:
    """The setting, and the method that sees what `prepare` found out."""

    class Guarded(WebSocketHandler):
        def check_origin(self, origin: str) -> bool:
            return origin == "https://asked.example"

    async def main() -> None:
        handlers = [("/", Recorder, {"life": []}), ("/guarded", Guarded)]
        async with serving(handlers, trusted_origins=["https://friend.example"]) as site:
            for path, origin, allowed in (
                ("/", "https://friend.example", True),
                ("/", "https://other.example", False),
                ("/guarded", "https://asked.example", True),
                ("/guarded", "https://friend.example", False),
            ):
                connecting = site.connect(path, headers={"Origin": origin})
                if allowed:
                    await connecting
                else:
                    with pytest.raises(HTTPError) as caught:
                        await connecting
                    assert caught.value.code == 403

    run(main())


def test_messages_are_handled_one_by_one_and_the_close_waits() -> None:
    """The next message, and `on_close`, wait for a coroutine that handles one."""
    order: list[str] = []

    class Slow(Recorder):
        async def on_message(self, message: str | bytes) -> None:
            order.append(f"begin {message!r}")
            await asyncio.sleep(0.01)
            order.append(f"end {message!r}")

        def on_close(self) -> None:
            order.append("close")
            super().on_close()

    async def main() -> None:
        async with serving([("/", Slow, {"life": []})]) as site:
            client = await site.connect("/")
            client.write_message("1")
            client.write_message("2")
            client.close()
            await site.closed()
        assert order == ["begin '1'", "end '1'", "begin '2'", "end '2'", "close"]

    run(main())


def test_after_the_close_nothing_can_be_written() -> None:
    """`WebSocketClosedError`, on both sides; 1008 and the reason reach the client."""
    seen: list[Any] = []

    class Closing(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            assert self.ws_connection is not None
            self.set_nodelay(True)
            self.close(1008, "not you")
            for use in (lambda: self.write_message("late"), lambda: self.ping(b"late")):
                with pytest.raises(WebSocketClosedError):
                    use()
            seen.append("refused")

    async def main() -> None:
        async with serving([("/", Closing, {"life": []})]) as site:
            client = await site.connect("/")
            assert await read(client) is None
            assert (client.close_code, client.close_reason) == (1008, "not you")
            await site.closed()
            client.close()
            for use in (lambda: client.write_message("late"), lambda: client.ping(b"late")):
                with pytest.raises(WebSocketClosedError):
                    use()
        assert seen == ["refused"]

    run(main())


def test_a_close_code_of_the_programs_own(caplog: pytest.LogCaptureFixture) -> None:
    """A code that no frame may carry: the client still gets the reason."""

    class Closing(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            self.close(10000, "no such thing")

    async def main() -> None:
        async with serving([("/", Closing, {"life": []})]) as site:
            client = await site.connect("/")
            assert await read(client) is None
            assert (client.close_code, client.close_reason) == (1011, "no such thing")

    run(main())
    assert "Close code 10000 may not be sent" in caplog.text


def test_json_templates_and_http_methods() -> None:
    """A dict is sent as JSON; methods of HTTP say that they make no sense."""

    class Talking(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            self.write_message({"a": [1]})
            with pytest.raises(RuntimeError, match="not supported for Web Sockets"):
                self.write("x")
            self.write_message(self.request.headers["X-Name"])

    async def main() -> None:
        async with serving([("/", Talking, {"life": []})]) as site:
            client = await site.connect("/", headers={"X-Name": "joe"})
            assert [await read(client), await read(client)] == ['{"a": [1]}', "joe"]

    run(main())


def test_cookies_and_header_fields_of_the_answer() -> None:
    """What `prepare` has set is in the 101."""

    class Setting(Recorder):
        def prepare(self) -> None:
            self.set_header("X-A", "1")
            self.set_cookie("seen", "yes")

    async def main() -> None:
        async with serving([("/", Setting, {"life": []})]) as site:
            client = await site.connect("/")
            assert client.headers["X-A"] == "1"
            assert client.headers["Set-Cookie"].startswith("seen=yes")
            assert "Content-Type" not in client.headers

    run(main())


def test_subprotocols_and_compression() -> None:
    """`select_subprotocol` is asked once; compression needs both sides."""

    class Choosing(Recorder):
        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            self.life.append(subprotocols)
            return subprotocols[-1] if subprotocols else None

        def get_compression_options(self) -> dict[str, Any] | None:
            return {"compression_level": 9, "mem_level": 9}

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Choosing, {"life": life})]) as site:
            client = await site.connect("/", subprotocols=["a", "b"], compression_options={})
            assert client.selected_subprotocol == "b"
            assert "permessage-deflate" in client.headers["Sec-WebSocket-Extensions"]
            text = "again and again " * 1000
            await client.write_message(text)
            assert await read(client) == text
            assert client.protocol._wire_bytes_in < 200
            assert client.protocol._message_bytes_in == len(text)
            client = await site.connect("/")
            assert client.selected_subprotocol is None
            assert "Sec-WebSocket-Extensions" not in client.headers
        assert [item for item in life if isinstance(item, list)] == [["a", "b"], []]

    run(main())


def test_an_error_in_a_handler_drops_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Logged as Tornado does; `on_close` is called all the same."""

    class Failing(Recorder):
        def on_message(self, message: str | bytes) -> Any:
            raise KeyError("secret")

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Failing, {"life": life})]) as site:
            client = await site.connect("/")
            client.write_message("go")
            assert await read(client) is None
            await site.closed()
        assert life[-1] == ("on_close", None, None)

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "Uncaught exception GET /" in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize("waits", [True, False])
def test_on_close_is_for_those_that_were_opened(waits: bool) -> None:
    """An `open` that fails drops the connection, and nothing more is called, as in Tornado."""

    class Failing(Recorder):
        async def _fail_later(self) -> None:
            await asyncio.sleep(0)
            raise KeyError("secret")

        def open(self, *args: str, **kwargs: str) -> Any:
            if waits:
                return self._fail_later()
            raise KeyError("secret")

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Failing, {"life": life})]) as site:
            client = await site.connect("/")
            assert await read(client) is None
        assert life == ["prepare", ("on_finish", 101)]

    run(main())


def test_the_stream_of_a_connection() -> None:
    """Programs look at the socket, and drop a client by closing it."""

    class Dropping(Recorder):
        def on_message(self, message: str | bytes) -> Any:
            assert self.ws_connection is not None
            stream = self.ws_connection.stream
            stream.set_nodelay(True)
            self.life.append((stream.socket.family, stream.closed()))
            stream.close()

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Dropping, {"life": life})]) as site:
            client = await site.connect("/")
            client.write_message("go")
            assert await read(client) is None
            assert client.close_code is None
            await site.closed()
        assert life[-2:] == [(socket.AF_INET, False), ("on_close", None, None)]

    run(main())


def test_an_error_in_on_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With the request, as any other; and the client gets its goodbye."""

    class Failing(Recorder):
        def on_close(self) -> None:
            super().on_close()
            raise KeyError("secret")

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Failing, {"life": life})]) as site:
            client = await site.connect("/")
            client.close(4000, "bye")
            assert await read(client) is None
            assert client.close_code == 4000
            await site.closed()

    run(main())
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.name for record in errors] == ["tornado.application"]
    assert "Uncaught exception GET /" in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize("waits", [False, True])
def test_what_open_sets_in_the_context_is_seen_later(waits: bool) -> None:
    """As in Tornado, for loggers and tracers that bind a user to it; each connection has its own
    context."""
    bound: ContextVar[str] = ContextVar("bound", default="nothing")

    class Binds(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> Any:
            bound.set(args[0])
            return asyncio.sleep(0) if waits else None

        def on_message(self, message: str | bytes) -> Any:
            self.write_message(bound.get())
            bound.set(bound.get() + "+")

    async def main() -> None:
        async with serving([(r"/(\w)", Binds)]) as site:
            for name in "ab":
                client = await site.connect(f"/{name}")
                for expected in (name, f"{name}+"):
                    client.write_message("who")
                    assert await read(client) == expected

    run(main())


def test_a_stop_tells_handlers() -> None:
    """The client gets 1001, the handler its `on_close`."""

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Recorder, {"life": life})]) as site:
            client = await site.connect("/")
            stopping = asyncio.create_task(site.server.stop())
            assert await read(client) is None
            assert client.close_code == 1001
            await stopping
        assert life[-1] == ("on_close", 1001, None)

    run(main())


def test_the_clients_errors() -> None:
    """What `websocket_connect` raises, and how a callback hears the end."""

    class Page(RequestHandler):
        def get(self) -> None:
            self.write("a page")

    async def main() -> None:
        messages: list[Any] = []
        async with serving([("/", Recorder, {"life": []}), ("/page", Page)]) as site:
            with pytest.raises(WebSocketError, match="Non-websocket response"):
                await site.connect("/page")
            with pytest.raises(HTTPError) as caught:
                await site.connect("/missing")
            assert caught.value.code == 404
            assert caught.value.response is not None
            assert b"404: Not Found" in caught.value.response.body
            with pytest.raises(ValueError, match="connect_timeout"):
                websocket_connect(HTTPRequest(site.url), connect_timeout=1)
            ended = asyncio.Event()

            def note(message: Any) -> None:
                messages.append(message)
                if message is None:
                    ended.set()

            client = await site.connect("/", on_message_callback=note)
            client.write_message("one")
            while not messages:
                await asyncio.sleep(0.001)
            client.close()
            await ended.wait()
        assert messages == ["one", None]
        with pytest.raises(OSError):  # whatever the system says
            await websocket_connect(site.url)

    run(main())


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (b"Content-Length: 3\r\n\r\nwhy", b"why"),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\nw\r\n2\r\nhy\r\n0\r\n\r\n", b"why"),
        (b"\r\nwhy", b"why"),
        (b"\r\n" + b"x" * 200_000, b"x" * 65536),
        (b"Content-Length: 9\r\n\r\nwhy", b"why"),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n?", b""),
    ],
    ids=["length", "chunked", "close", "large", "cut", "empty", "malformed"],
)
@pytest.mark.parametrize("pause", [False, True])
def test_the_body_of_a_refusal(rest: bytes, body: bytes, pause: bool) -> None:
    """The client's `HTTPError` has it, however it is framed, and 64 KiB of it at most."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        answer = b"HTTP/1.1 403 Forbidden\r\n" + rest
        for piece in [answer] if not pause else [answer[:20], answer[20:-1], answer[-1:]]:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(HTTPError) as caught:
                await websocket_connect(f"ws://127.0.0.1:{port}/")
        assert caught.value.code == 403
        assert caught.value.response is not None
        assert caught.value.response.body == body

    run(main())


def test_the_client_over_tls_with_a_password(tmp_path: Path) -> None:
    """Wss, Basic authentication (of the URL or the request), a resolver, a context."""
    certificate, key = make_certificate()
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    resolved: list[tuple[str, int]] = []

    class Naming(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            self.write_message(f"{self.request.protocol} {self.request.headers['Authorization']}")

    class Resolver:
        async def resolve(self, host: str, port: int) -> list[Any]:
            resolved.append((host, port))
            return [(socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_INET, ("127.0.0.1", port))]

    async def main() -> None:
        application = Application([("/", Naming, {"life": []})], closed=asyncio.Event())
        files = {"certfile": str(tmp_path / "cert.pem"), "keyfile": str(tmp_path / "key.pem")}
        server = Server(app_of(application), ServerSettings(port=0, **files))
        await server.start()
        port = int(server.urls[0].rpartition(":")[2])
        trusting = ssl.create_default_context(cafile=files["certfile"])
        for wanted in (
            HTTPRequest(f"wss://joe:pw@localhost:{port}/", ssl_options=trusting),
            HTTPRequest(
                f"wss://localhost:{port}/",
                auth_username="joe",
                auth_password="pw",
                ca_certs=files["certfile"],
            ),
        ):
            client = await websocket_connect(wanted, resolver=Resolver())
            assert await read(client) == "https Basic am9lOnB3"
            client.close()
            assert await read(client) is None
        with pytest.raises(ssl.SSLError):
            await websocket_connect(f"wss://localhost:{port}/")
        assert resolved == [("localhost", port)] * 2
        await server.stop(3)

    run(main())


def test_a_reader_that_is_slow_pauses_the_server() -> None:
    """A client that does not read messages keeps one; the rest waits in the network."""

    class Pouring(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            for n in range(200):
                await self.write_message(f"{n} " + "x" * 100_000)
                self.life.append(n)

    async def main() -> None:
        life: list[Any] = []
        async with serving([("/", Pouring, {"life": life})]) as site:
            client = await site.connect("/")
            first = await read(client)
            before = -1
            while before != (now := life[-1]):  # until it is stuck
                before = now
                await asyncio.sleep(0.1)
            assert before < 199
            assert len(client._messages) <= 1
            got = [first] + [await read(client) for _ in range(199)]
            assert [int(message.split()[0]) for message in got] == list(range(200))

    run(main())


class Chatty(Recorder):
    async def open(self, *args: str, **kwargs: str) -> None:
        for n in range(3):
            await self.write_message(str(n))


def test_a_client_that_reads_nothing_and_leaves() -> None:
    """It hears the server's goodbye although messages lie before it; they can be read."""

    async def main() -> None:
        async with serving([("/", Chatty, {"life": []})]) as site:
            client = await site.connect("/")
            assert client.code is None
            client.close(1000)
            await site.closed()
            got = [await read(client) for _ in range(4)]
            assert got == ["0", "1", "2", None]
            assert client.close_code == 1000

    run(main())


def test_a_server_that_goes_on_after_the_goodbye() -> None:
    """What came is kept up to the size of a message; then the client drops it."""

    class Endless(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            with suppress(WebSocketClosedError):
                while True:
                    await self.write_message("x" * 100)

    async def main() -> None:
        async with serving([("/", Endless, {"life": []})]) as site:
            client = await site.connect("/", max_message_size=1000)
            client.close(1000)
            await site.closed()
            got = 0
            while (message := await read(client)) is not None:
                got += len(message)
            assert got < 256 * 1024  # what lay in one read of the socket, too

    run(main())


def test_what_came_before_the_end_is_read() -> None:
    """Messages that nobody has read yet are not lost when the server goes away."""

    class Leaving(Recorder):
        async def open(self, *args: str, **kwargs: str) -> None:
            for n in range(5):
                self.write_message(str(n))
            self.close(4000, "done")

    async def main() -> None:
        async with serving([("/", Leaving, {"life": []})]) as site:
            client = await site.connect("/")
        got = [await read(client) for _ in range(6)]
        assert got == ["0", "1", "2", "3", "4", None]
        assert client.close_code == 4000

    run(main())


def test_the_methods_of_a_handler_have_its_request() -> None:
    """Proxies and `g` work in every method, as in a view; two sockets do not mix."""
    app = App("proxies", static_folder=None)
    ends: list[Any] = []

    class Talking(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            g.name = request.args["name"]

        async def on_message(self, message: str | bytes) -> None:
            await asyncio.sleep(0)
            self.write_message(f"{current_app.name} {g.name} {message!r}")

        def on_pong(self, data: bytes) -> None:
            self.write_message(f"pong {g.name}")

        def on_close(self) -> None:
            ends.append(g.name)

    app.add_handlers([("/", Talking)])

    async def main() -> None:
        server = Server(app, ServerSettings(port=0))
        await server.start()
        url = server.urls[0].replace("http", "ws", 1)
        clients = [await websocket_connect(f"{url}?name={name}") for name in "ab"]
        for client, name in zip(clients, "ab", strict=True):
            client.write_message("m")
            assert await read(client) == f"proxies {name} 'm'"
            client.protocol.on_ping(b"")  # makes it answer with a pong
            assert await read(client) == f"pong {name}"
            client.close()
            assert await read(client) is None
        await server.stop(3)

    run(main())
    assert sorted(ends) == ["a", "b"]


def test_a_handler_is_an_endpoint_of_an_app() -> None:
    """Handlers, views and socket functions in one application, on our server and on uvicorn."""
    app = App("mixed", static_folder=None)

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    app.add_handlers([("/handler", Echo)])

    @app.websocket("/function")
    async def function(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    async def talk(url: str) -> None:
        for path in ("/handler", "/function"):
            client = await websocket_connect(url + path)
            await client.write_message(path)
            assert await read(client) == path
            client.close()
            assert await read(client) is None

    async def main() -> None:
        server = Server(app, ServerSettings(port=0))
        await server.start()
        await talk(server.urls[0].replace("http", "ws", 1).rstrip("/"))
        await server.stop(3)
        other = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
        task = asyncio.create_task(other.serve())
        while not other.started:
            await asyncio.sleep(0.01)
        port = other.servers[0].sockets[0].getsockname()[1]
        await talk(f"ws://127.0.0.1:{port}")
        other.should_exit = True
        await task

    run(main())
