"""ASGI programs in an application, and streams in both directions through what is
mounted."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from e2e_clients import SECONDS, Visitor, ask, request_bytes
from e2e_servers import Serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from waterspout import App, abort, request
from waterspout.tornado.web import Application, RequestHandler, stream_request_body

PIECE = b"x" * 65_536


class Foreign:
    """An ASGI program that tells what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.sent = 0
        self.left = threading.Event()
        self.gate = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await getattr(self, scope["type"])(scope, receive, send)

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        for word in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{word}"
            scope["state"]["ready"] = True
            self.said.append(word)
            await send({"type": f"lifespan.{word}.complete"})

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].removeprefix(scope["root_path"]).strip("/")
        await getattr(self, name or "told")(scope, receive, send)

    async def told(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            event = await receive()
            body += event["body"]
            more = event["more_body"]
        names = ("method", "root_path", "path", "query_string")
        text = " ".join(str(scope[name]) for name in names)
        text += f" {len(body)} {scope['state']}"
        fields = [(b"content-type", b"text/plain"), (b"x-field", b"1"), (b"x-field", b"2")]
        await send({"type": "http.response.start", "status": 201, "headers": fields})
        await send({"type": "http.response.body", "body": text.encode()})

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
                self.sent += 1
        except OSError:
            assert (await receive())["type"] in ("http.request", "http.disconnect")
            self.left.set()

    async def slow_reader(self, scope: Any, receive: Any, send: Any) -> None:
        self.sent = 0
        while not self.gate.is_set():
            await asyncio.sleep(0.005)
        while (event := await receive())["type"] == "http.request" and event["more_body"]:
            self.sent += len(event["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % self.sent})

    async def silent(self, scope: Any, receive: Any, send: Any) -> None:
        """Begin, and wait for the client to leave."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-id", b"1")]})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    async def pieces(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two "):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"three"})
        self.said.append("work behind the answer")

    async def broken(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise LookupError("in the middle")

    async def websocket(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"].endswith("/refused"):
            await send({"type": "websocket.close"})
        chosen = next(iter(scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "subprotocol": chosen, "headers": []})
        while (event := await receive())["type"] == "websocket.receive":
            if event.get("text") == "bye":
                await send({"type": "websocket.close", "code": 4001, "reason": "as told"})
            else:
                await send({**event, "type": "websocket.send"})
        self.said.append(f"left {event['code']}")


@pytest.fixture
def foreign(app: App) -> Foreign:
    program = Foreign()
    app.mount("/asgi", program)
    return program


def test_an_asgi_program_is_told_as_by_its_own_server(
    app: App, foreign: Foreign, serve: Serve
) -> None:
    """Ideal: "mount any … ASGI app under a prefix": scope, body, lifespan with its state; the outer
    app's hooks are around it."""
    app.before_request(lambda: abort(401) if "secret" in request.args else None)
    with serve(app) as port:
        answer = ask(port, "/asgi/?a=b%20c", "POST", PIECE * 4)
        told = "POST /asgi /asgi/ b'a=b%20c' 262144 {'ready': True}"
        assert (answer.status, answer.text) == (201, told)
        assert answer.headers["content-type"] == "text/plain"
        assert ask(port, "/asgi/?secret").status == 401
        assert ask(port, "/asgi/", "POST", b"x" * 2_000_000).status == 413
        assert foreign.said == ["startup"]
    assert foreign.said == ["startup", "shutdown"]


def test_a_websocket_of_an_asgi_program(app: App, foreign: Foreign, serve: Serve) -> None:
    """The same for its WebSockets, and the app's origin policy before them."""
    with serve(app) as port:
        uri = f"ws://127.0.0.1:{port}/asgi/socket"
        with connect(uri, subprotocols=["chat"]) as client:  # type: ignore[list-item]  # a NewType
            assert client.subprotocol == "chat"
            for message in ("text", b"bytes"):
                client.send(message)
                assert client.recv(SECONDS) == message
            client.send("bye")
            with pytest.raises(ConnectionClosed, match="4001"):
                client.recv(SECONDS)
        for path, fields in {"refused": {}, "socket": {"Origin": "https://evil.test"}}.items():
            with pytest.raises(InvalidStatus) as refusal:
                connect(f"ws://127.0.0.1:{port}/asgi/{path}", additional_headers=fields)
            assert refusal.value.response.status_code == 403


def test_an_asgi_program_that_is_silent(app: App, foreign: Foreign, serve: Serve) -> None:
    """Its head is sent at once, and it hears that the client has left."""
    with serve(app) as port:
        with Visitor(port) as visitor:
            visitor.send("/asgi/silent")
            assert b"x-id: 1" in visitor.read_until(b"\r\n\r\n").lower()
        assert foreign.left.wait(SECONDS)


def test_nobody_takes_the_body_of_a_head_request(app: App, foreign: Foreign, serve: Serve) -> None:
    """The program is told, and ends."""
    with serve(app) as port, Visitor(port) as visitor:
        visitor.send("/asgi/endless", "HEAD")
        visitor.read_until(b"\r\n\r\n")
        assert foreign.left.wait(SECONDS)


def test_an_asgi_program_that_fails_in_the_middle(app: App, foreign: Foreign, serve: Serve) -> None:
    """The client can tell: the answer is cut off, not ended."""
    with serve(app) as port, Visitor(port) as visitor:
        visitor.send("/asgi/broken")
        visitor.read_until(b"begun")
        rest = visitor.unread
        while piece := visitor.socket.recv(65536):
            rest += piece
        assert b"0\r\n\r\n" not in rest


def test_an_asgi_program_behind_the_wsgi_door(app: App, foreign: Foreign) -> None:
    """There its answer is whole; it is not started, for WSGI has no lifespan."""
    client = app.test_client()
    answer = client.post("/asgi/?q", data=b"body")
    assert (answer.status_code, answer.text) == (201, "POST /asgi /asgi/ b'q' 4 {}")
    assert client.get("/asgi/pieces").text == "one two three"
    assert foreign.said == ["work behind the answer"]


def test_an_answer_in_pieces(app: App, foreign: Foreign, serve: Serve) -> None:
    """They arrive in order, and what the program does afterwards is done."""
    with serve(app) as port, Visitor(port) as visitor:
        visitor.send("/asgi/pieces")
        assert visitor.read_chunks() == b"one two three"
    assert foreign.said == ["startup", "work behind the answer", "shutdown"]


# -- back-pressure -------------------------------------------------------------------------------


@stream_request_body
class Taking(RequestHandler):
    """Takes a body when the gate is open."""

    gate: threading.Event
    taken = 0

    async def data_received(self, chunk: bytes) -> None:
        while not self.gate.is_set():
            await asyncio.sleep(0.005)
        type(self).taken += len(chunk)

    def post(self) -> None:
        self.write(str(self.taken))


class Giving(RequestHandler):
    """Gives without end, as fast as the client takes it."""

    sent = 0
    left: threading.Event

    async def get(self) -> None:
        try:
            while True:
                self.write(PIECE)
                await self.flush()
                type(self).sent += 1
        finally:
            self.left.set()


@pytest.fixture
def flows(app: App, foreign: Foreign) -> App:
    Giving.sent = Taking.taken = 0
    Giving.left, Taking.gate = threading.Event(), threading.Event()
    app.mount("/tornado", Application([("/endless", Giving), ("/slow_reader", Taking)]))
    app.config["MAX_CONTENT_LENGTH"] = None
    return app


@pytest.mark.parametrize("part", ["tornado", "asgi"])
def test_what_is_mounted_waits_for_a_client_that_does_not_read(
    flows: App, foreign: Foreign, serve: Serve, part: str
) -> None:
    """Ideal: "streaming both ways with backpressure": outwards. The kernel holds a few MiB."""
    source: Any = Giving if part == "tornado" else foreign
    with serve(flows) as port:
        with Visitor(port) as visitor:
            visitor.send(f"/{part}/endless")
            visitor.read_until(b"\r\n\r\n")
            seen, now = -1, source.sent
            while seen != now:  # until it has come to a halt
                ask(port, "/asgi/")
                threading.Event().wait(0.05)
                seen, now = now, source.sent
            assert 0 < now * len(PIECE) < 32 * 1024 * 1024
        assert source.left.wait(SECONDS)


@pytest.mark.parametrize("part", ["tornado", "asgi"])
def test_a_client_waits_for_what_is_mounted(
    flows: App, foreign: Foreign, serve: Serve, part: str
) -> None:
    """Ideal: "streaming both ways with backpressure": inwards. A body of 64 MiB is not taken before
    somebody reads it."""
    size = 64 * 1024 * 1024
    gate = Taking.gate if part == "tornado" else foreign.gate
    with serve(flows) as port, Visitor(port) as visitor:
        head = request_bytes(f"/{part}/slow_reader", "POST", Content_Length=str(size))
        visitor.socket.sendall(head)
        visitor.socket.settimeout(0.3)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < size:
                sent += visitor.socket.send(PIECE[: size - sent])
        assert sent < size // 2
        gate.set()
        visitor.socket.settimeout(SECONDS)
        while sent < size:
            sent += visitor.socket.send(PIECE[: size - sent])
        assert visitor.read().text == str(size)
