"""One client's fault touches nobody else: answers of one turn of the loop are written together, and
a connection that cannot be written to must not keep theirs from the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hostile_site import Site
from hostile_wire import Wire, frame, until

from waterspout import App, WebSocket, request
from waterspout.context.variables import request_var

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
KIB = 1024
MIB = 1024 * KIB


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def peer() -> Any:
    """Return the server's side of the current request's connection."""
    return request_var.get().incoming.peer  # type: ignore[union-attr]  # received by our server


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def site(serve: Any, loop_name: str) -> Site:
    app = App("faults")
    start = asyncio.Event()
    sockets: list[WebSocket] = []
    waiting: list[str] = []
    late: list[asyncio.Task[None]] = []  # a loop keeps no task that only waits

    @app.get("/together/<name>")
    async def together(name: str) -> str:
        waiting.append(name)
        await start.wait()
        if name == "faulty":
            peer().transport.write_eof()  # from here on it raises when it is written to
        return name

    @app.get("/start")
    async def begin() -> str:
        start.set()
        return "started"

    @app.get("/waiting")
    async def count() -> str:
        return str(len(waiting))

    @app.websocket("/everybody")
    async def everybody(ws: WebSocket) -> None:
        await ws.accept()
        sockets.append(ws)
        async for message in ws:
            if message == "fault":
                peer().transport.write_eof()
            for other in sockets:
                if not other.closed:
                    await other.send(message)

    @app.websocket("/echo", max_message_size=2 * MIB)
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.post("/answer-first", stream=True)
    async def answer_first() -> AsyncIterator[bytes]:
        body = request.chunks()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first "
            async for piece in body:
                yield piece

        return pieces()

    @app.post("/late-reader", stream=True)
    async def late_reader() -> str:
        answering = asyncio.current_task()
        assert answering is not None

        async def read_late(body: Any) -> None:
            await asyncio.wait([answering])
            async for _ in body:
                pass

        late.append(asyncio.get_running_loop().create_task(read_late(request.chunks())))
        return "not read"

    made: Site = serve(app, loop=loop_name)
    return made


def test_an_answer_that_cannot_be_written_does_not_keep_the_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = site.connect().send(b"GET /together/faulty HTTP/1.1\r\nHost: a\r\n\r\n")
    others = [
        site.connect().send(f"GET /together/{n} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        for n in range(3)
    ]
    asking = site.connect()

    def ask(target: str) -> bytes:
        return asking.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()).read_answer().body

    assert until(lambda: ask("/waiting") == b"4")
    assert ask("/start") == b"started"
    assert [wire.read_answer().body for wire in others] == [b"0", b"1", b"2"]
    assert faulty.read_to_end() == b""
    assert faults(caplog) == ["A connection was dropped: it could not be written to."]
    for wire in others:  # and they go on
        assert wire.send(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n").read_answer().status == 200


def test_a_message_that_cannot_be_written_does_not_keep_the_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = site.connect().open_websocket("/everybody")
    faulty.send(frame(TEXT, b"one")).take_frame()
    others = [site.connect().open_websocket("/everybody") for _ in range(3)]
    for number, wire in enumerate(others):
        wire.send(frame(TEXT, b"%d" % number))
    # Who is read first is for the server to say: each gets them all, in one order or another.
    for wire in [faulty, *others]:
        assert {wire.take_frame() for _ in others} == {(TEXT, b"%d" % n) for n in range(3)}
    faulty.send(frame(TEXT, b"fault"))
    assert [wire.take_frame() for wire in others] == [(TEXT, b"fault")] * 3
    faulty.read_to_end()
    assert faults(caplog) == ["A connection was dropped: it could not be written to."]
    others[0].send(frame(TEXT, b"on"))
    assert [wire.take_frame() for wire in others] == [(TEXT, b"on")] * 3


def test_a_kept_pong_is_not_written_behind_the_end(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A client asks for more than it reads, sends a ping meanwhile, breaks the protocol, reads."""
    good = site.connect().open_websocket("/echo")
    bad = site.connect(receive_buffer=64 * KIB).open_websocket("/echo")

    def server_side(what: str) -> Any:
        sides = site.call(lambda: [getattr(c, what, None) for c in site.server.connections])
        return any(sides)

    bad.send(frame(BINARY, bytes(MIB)) * 8)
    assert until(lambda: server_side("stalled"))
    bad.send(frame(PING, b"are you there"))
    bad.send(frame(TEXT, b"\xff"))
    assert until(lambda: server_side("closing"))
    received = bad.read_to_end()
    assert received.endswith(b"\x03\xef" + b"invalid start byte at position 0")  # 1007
    assert good.send(frame(TEXT, b"hello")).take_frame() == (TEXT, b"hello")
    assert faults(caplog) == []


def test_the_permission_to_go_on_is_not_written_into_an_answer(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """`Expect: 100-continue`, and a view that reads the body only while it is answering."""
    wire = site.connect().send(
        b"POST /answer-first HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        b"Content-Length: 4\r\n\r\n"
    )
    while b"first " not in wire.unread:
        assert wire.more()
    answer = wire.send(b"body").read_answer()
    assert answer.status == 200
    assert answer.body == b"first body"
    assert faults(caplog) == []


def test_the_permission_to_go_on_is_not_written_behind_the_end(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """`Expect: 100-continue`, and a task that reads the body when the answer has been given."""
    wire = site.connect().send(
        b"POST /late-reader HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        b"Content-Length: 4\r\n\r\n"
    )
    assert wire.read_answer().body == b"not read"
    assert wire.read_to_end() == b""
    assert faults(caplog) == []


def test_no_request_runs_behind_the_last_answer(serve: Any, loop_name: str) -> None:
    """The client is told that its other requests were not taken, and may send them again."""
    app = App("last")
    ran: list[str] = []

    @app.get("/<name>")
    async def view(name: str) -> bytes:
        ran.append(name)
        await asyncio.sleep(0)  # the others are read meanwhile
        return bytes(20 * MIB) if name == "large" else b"small"

    site = serve(app, loop=loop_name, limits={"requests_per_connection": 2})
    wire = Wire(site.address, receive_buffer=64 * KIB)
    with wire:
        names = ("small", "large", "third", "fourth")
        wire.send(b"".join(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % n.encode() for n in names))
        assert wire.read_answer().status == 200
        assert wire.read_answer().field("Connection") == "close"
        assert wire.read_to_end() == b""
    assert ran == ["small", "large"]
