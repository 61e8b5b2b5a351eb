"""WebSockets in the same app on the same server. (Groups and broadcast across workers
come with an issue of their own.)"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import SECONDS, ask
from e2e_processes import on_process
from e2e_servers import Serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from waterspout import App, Blueprint, WebSocket, WebSocketClosed, g, request, session, url_for
from waterspout.tornado.websocket import WebSocketClosedError, WebSocketHandler

BOTH = pytest.mark.parametrize("kind", ["function", "class"])
PIECE = b"x" * 65_536


def dial(port: int, path: str, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port}{path}", **options)


def handshake(path: str) -> bytes:
    """Return an opening handshake, for a client made of bytes."""
    fields = ["Host: demand.test", "Upgrade: websocket", "Connection: Upgrade"]
    fields += ["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Version: 13"]
    return "\r\n".join([f"GET {path} HTTP/1.1", *fields, "", ""]).encode()


class Ends:
    """How sockets have ended."""

    def __init__(self) -> None:
        self.how: list[Any] = []
        self.ended = threading.Event()
        self.sent = 0

    def note(self, how: Any) -> None:
        self.how.append(how)
        self.ended.set()


@pytest.fixture
def ends() -> Ends:
    return Ends()


# -- shared with HTTP ----------------------------------------------------------------------------


class Room(WebSocketHandler):
    def open(self, *groups: str, name: str = "") -> None:
        self.write_message(
            {
                "name": name or groups[0],
                "user": self.current_user,
                "visits": session.get("visits"),
                "by": g.by,
                "endpoint": request.endpoint,
                "url": url_for("index"),
            }
        )


@pytest.fixture
def shared(app: App, ends: Ends) -> App:
    rooms = Blueprint("rooms", "rooms", url_prefix="/rooms")

    @rooms.websocket("/function/<name>")
    async def function(ws: WebSocket, name: str) -> None:
        await ws.send_json(
            {
                "name": name,
                "user": session.get("user"),
                "visits": session["visits"],
                "by": g.by,
                "endpoint": request.endpoint,
                "url": url_for("index"),
            }
        )

    @rooms.before_request
    def only_of_rooms() -> None:
        g.by = f"hook of {request.blueprint}"

    rooms.route("/class/<name>", endpoint="class")(Room)

    @app.post("/login")
    def login() -> str:
        session.update(user="ann", visits=3)
        return "welcome"

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if request.path.startswith("/rooms"):
            ends.note(request.endpoint)

    app.get("/", endpoint="index")(lambda: "index")
    app.identify(lambda: session.get("user"))
    app.register_blueprint(rooms)
    return app


@BOTH
def test_sockets_share_with_http(shared: App, serve: Serve, ends: Ends, kind: str) -> None:
    """Ideal: "`@app.websocket("/x")` for functions and `WebSocketHandler` for classes share
    routing, session, auth … with HTTP", and hooks, on the same port."""
    with serve(shared) as port:
        assert ask(port, "/").text == "index"
        cookie = ask(port, "/login", "POST", b"").headers["set-cookie"].partition(";")[0]
        with dial(port, f"/rooms/{kind}/blue", additional_headers={"Cookie": cookie}) as client:
            told = client.recv(SECONDS)
            assert told.replace(" ", "") == (  # type: ignore[arg-type]  # it is text
                '{"name":"blue","user":"ann","visits":3,"by":"hookofrooms",'
                f'"endpoint":"rooms.{kind}","url":"/"}}'
            )
        assert ends.ended.wait(SECONDS)
        assert ends.how == [f"rooms.{kind}"]
        # No opening handshake: RFC 9110 section 15.5.22, and Tornado's answer.
        status = 426 if kind == "function" else 400
        assert ask(port, f"/rooms/{kind}/blue").status == status


# -- time ----------------------------------------------------------------------------------------


@pytest.fixture
def listening(app: App, ends: Ends) -> App:
    """Sockets that wait for messages, echo them, and note their end."""

    @app.websocket("/function")
    async def function(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)
        ends.note(ws.close_code)

    class Listening(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

        def on_close(self) -> None:
            ends.note(self.close_code)

    app.add_handlers([("/class", Listening)])
    return app


@BOTH
def test_idle_limit(listening: App, serve: Serve, ends: Ends, kind: str) -> None:
    """Ideal: "idle limit": no message either way; what the client's library answers to pings does
    not count."""
    listening.config["WEBSOCKET_IDLE_TIMEOUT"] = 1.0
    with serve(listening) as port, dial(port, f"/{kind}", ping_interval=0.05) as client:
        for _ in range(3):
            client.send("busy")
            assert client.recv(SECONDS) == "busy"
        with pytest.raises(ConnectionClosed) as end:
            client.recv(SECONDS)
        assert end.value.rcvd is not None
        assert (end.value.rcvd.code, end.value.rcvd.reason) == (1001, "idle")
        assert ends.ended.wait(SECONDS)


@BOTH
def test_a_clients_ping_is_answered(listening: App, serve: Serve, kind: str) -> None:
    """Ideal: "Ping/pong"."""
    with serve(listening) as port, dial(port, f"/{kind}", ping_interval=None) as client:
        assert client.ping(b"there?").wait(SECONDS)


@BOTH
def test_a_half_open_peer_is_dropped(listening: App, native: Serve, ends: Ends, kind: str) -> None:
    """Ideal: "half-open peer dropped within ping+timeout": one that is silent, as behind a network
    that has lost it. Its connection ends, and its function."""
    listening.config.update(WEBSOCKET_PING_INTERVAL=0.2, WEBSOCKET_PING_TIMEOUT=0.2)
    listening.config.update(WEBSOCKET_CLOSE_TIMEOUT=0.2)
    with (
        native(listening) as port,
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as peer,
    ):
        peer.sendall(handshake(f"/{kind}"))
        said = b""
        while piece := peer.recv(65536):
            said += piece
        frames = said.partition(b"\r\n\r\n")[2]
        assert frames.startswith(b"\x89\x00")  # a ping
        assert frames[2:3] == b"\x88"  # and the end
        assert ends.ended.wait(SECONDS)


@BOTH
def test_a_peer_that_answers_pings_stays(
    listening: App, native: Serve, ends: Ends, kind: str
) -> None:
    """The other side of it: many pings later the connection is there."""
    listening.config.update(WEBSOCKET_PING_INTERVAL=0.5, WEBSOCKET_PING_TIMEOUT=0.5)
    with native(listening) as port, dial(port, f"/{kind}", ping_interval=None) as client:
        with pytest.raises(TimeoutError):
            client.recv(2.5)
        client.send("still there")
        assert client.recv(SECONDS) == "still there"
    assert ends.ended.wait(SECONDS)


# -- memory --------------------------------------------------------------------------------------


def resident() -> int:
    """Return the bytes of memory that this process has."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@pytest.fixture
def flooding(app: App, ends: Ends) -> App:
    """Sockets that send 256 MiB, whether their client reads or not."""
    app.config["WEBSOCKET_MAX_UNSENT"] = 1024 * 1024
    app.config["WEBSOCKET_COMPRESSION"] = False

    @app.websocket("/wait")
    async def wait(ws: WebSocket) -> None:
        """Wait as `send` does."""
        try:
            for _ in range(4096):
                await ws.send(PIECE)
                ends.sent += 1
        except WebSocketClosed:
            ends.note("closed")

    @app.websocket("/function")
    async def crowd(ws: WebSocket) -> None:
        """Have many tasks wait."""
        await ws.accept()
        sends = set()
        try:
            for _ in range(4096):
                if ws.closed:
                    raise WebSocketClosed()
                sends.add(asyncio.create_task(ws.send(bytes(PIECE))))
                await asyncio.sleep(0)
                ends.sent += 1
        except WebSocketClosed:
            ends.note("closed")
        finally:
            await asyncio.gather(*sends, return_exceptions=True)

    class Careless(WebSocketHandler):
        async def open(self, *args: str) -> None:
            try:
                for _ in range(4096):
                    self.write_message(bytes(PIECE), binary=True)
                    await asyncio.sleep(0)
                    ends.sent += 1
            except WebSocketClosedError:
                ends.note("closed")

    app.add_handlers([("/class", Careless)])
    return app


def slow_reader(port: int, path: str) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    peer.settimeout(SECONDS)
    peer.connect(("127.0.0.1", port))
    peer.sendall(handshake(path))
    return peer


@BOTH
def test_a_slow_reader_is_dropped_above_the_limit(
    flooding: App, serve: Serve, ends: Ends, kind: str
) -> None:
    """Ideal: "slow reader does not grow RSS past its queue limit", though the program sends on
    without waiting. What the kernel holds (some MiB) is not ours."""
    with serve(flooding) as port:
        before = resident()
        with slow_reader(port, f"/{kind}"):
            assert ends.ended.wait(SECONDS)
            grown = resident() - before
        assert ends.how == ["closed"]
        assert ends.sent * len(PIECE) < 32 * 1024 * 1024
        assert grown < 32 * 1024 * 1024


def test_send_waits_for_a_slow_reader(flooding: App, serve: Serve, ends: Ends) -> None:
    """The policy "wait" is `await ws.send(…)`: the function stands still, nothing is lost."""
    with serve(flooding) as port:
        before = resident()
        with slow_reader(port, "/wait") as peer:
            seen, now = -1, 0
            while seen != now or not now:
                threading.Event().wait(0.1)
                seen, now = now, ends.sent
            assert now * len(PIECE) < 32 * 1024 * 1024
            assert resident() - before < 32 * 1024 * 1024
            peer.recv(65536)
        assert ends.ended.wait(SECONDS)


# -- processes -----------------------------------------------------------------------------------

PROGRAM = """
import os
from waterspout import App
from waterspout.tornado.websocket import WebSocketHandler

app = App(__name__)

@app.get("/")
def index():
    return "index"

@app.websocket("/function")
async def function(ws):
    async for message in ws:
        await ws.send(f"{os.getpid()} {message}")

class Handler(WebSocketHandler):
    def on_message(self, message):
        self.write_message(f"{os.getpid()} {message}")

app.add_handlers([("/class", Handler)])
"""


@pytest.mark.parametrize("server", ["waterspout", "gunicorn"])
def test_no_socket_specific_worker_class_or_flag(server: str, tmp_path: Path) -> None:
    """Ideal: "no socket-specific worker class or flag": the same commands that serve HTTP, with
    several workers, each of which has sockets of both kinds."""
    with on_process(server, tmp_path, PROGRAM, workers=2) as port:
        workers: set[str] = set()
        with ExitStack() as clients:
            for number in range(200):
                path = ("/function", "/class")[number % 2]
                client = clients.enter_context(dial(port, path))
                client.send("hello")
                worker, _, message = str(client.recv(SECONDS)).partition(" ")
                assert message == "hello"
                workers.add(worker)
                if len(workers) == 2:
                    break
            assert ask(port, "/").text == "index"
        assert len(workers) == 2
    assert str(os.getpid()) not in workers


def test_under_granian(tmp_path: Path) -> None:
    """The ASGI door of another server."""
    with on_process("granian", tmp_path, PROGRAM) as port:
        for kind in ("function", "class"):
            with dial(port, f"/{kind}") as client:
                client.send("hello")
                assert str(client.recv(SECONDS)).endswith(" hello")
