"""What all clients together may make the process hold: memory, and WebSockets."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hostile_site import Site
from hostile_vector import head
from hostile_wire import Wire, ask, frame, until

from waterspout import App, WebSocket, WebSocketClosed, request

KIB = 1024
MIB = 1024 * KIB
TEXT = 1
LIMIT = 2 * MIB


@pytest.fixture(params=["uvloop", "asyncio"])
def site(serve: Any, request: pytest.FixtureRequest) -> Site:
    made: Site = serve(budget_app(), loop=request.param, limits={"memory": LIMIT})
    return made


def budget_app() -> App:
    app = App("budget")

    @app.get("/")
    async def index() -> str:
        return "index"

    @app.get("/large")
    async def large() -> bytes:
        return bytes(20 * MIB)

    @app.post("/")
    async def buffered() -> str:
        return str(len(request.get_data()))

    @app.post("/streamed", stream=True)
    async def streamed() -> str:
        return str(sum([len(piece) async for piece in request.chunks()]))

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    flooded: list[WebSocket] = []

    @app.websocket("/flood", max_unsent=None)
    async def flood(socket: WebSocket) -> None:
        async for _ in socket:
            flooded.append(socket)
            while True:
                await socket.send(bytes(MIB))

    @app.websocket("/tell-flooded")
    async def tell_flooded(socket: WebSocket) -> None:
        async for message in socket:
            for other in flooded:
                with suppress(WebSocketClosed):
                    await other.send(message)
            await socket.send("told")

    return app


def used(site: Site) -> int:
    count: int = site.call(lambda: site.server.budget.used)
    return count


def begun(site: Site, count: int, target: bytes = b"/") -> list[Wire]:
    """Return clients that each have sent 400 KiB of a body of 500 KiB."""
    wires = [site.connect() for _ in range(count)]
    for wire in wires:
        wire.send(head(b"Content-Length: 512000\r\n", method=b"POST", target=target))
        wire.send(bytes(400 * KIB))
    return wires


def test_bodies_of_many_clients_are_bounded_together(site: Site) -> None:
    wires = begun(site, 4)
    assert until(lambda: used(site) == 4 * 400 * KIB)
    late = begun(site, 3)
    assert until(lambda: used(site) <= LIMIT and len(refusing(late)) >= 1)
    for wire in refusing(late):
        answer = wire.read_answer()
        assert answer.status == 503
        assert answer.field("Retry-After") == "1"
    for wire in wires:  # those that were first are served
        assert wire.send(bytes(100 * KIB)).read_answer().body == b"512000"
    for wire in late:
        wire.sock.close()
    assert until(lambda: used(site) == 0)
    assert ask(site.address, body=bytes(500 * KIB), method="POST").status == 200


def refusing(wires: list[Wire]) -> list[Wire]:
    """Return those of the clients that have an answer."""
    for wire in wires:
        wire.sock.setblocking(False)
        try:
            wire.unread += wire.sock.recv(65536)
        except BlockingIOError:
            pass
        wire.sock.settimeout(15)
    return [wire for wire in wires if wire.unread]


@pytest.mark.parametrize("target", ["/", "/streamed"])
def test_nothing_is_left_in_the_account(site: Site, target: str) -> None:
    """Of bodies that were taken, cut short, or above what is kept in memory."""
    for size in (1, 100 * KIB, 600 * KIB, 900 * KIB):
        assert ask(site.address, target, body=bytes(size), method="POST").status == 200
    for wire in begun(site, 3, target.encode()):
        wire.reset()
    assert ask(site.address, target, body=bytes(2 * MIB), method="POST").status == 413
    assert until(lambda: used(site) == 0)


def test_what_slow_readers_have_not_taken_is_counted(site: Site) -> None:
    slow = site.connect(receive_buffer=64 * KIB)
    slow.send(head(target=b"/large"))
    assert until(lambda: used(site) > LIMIT)
    answer = ask(site.address)
    assert answer.status == 503
    assert answer.field("Retry-After") == "1"
    assert len(slow.read_answer().body) == 20 * MIB  # it takes it after all
    assert until(lambda: used(site) == 0)
    assert ask(site.address).body == b"index"
    again = site.connect(receive_buffer=64 * KIB)
    again.send(head(target=b"/large"))
    assert until(lambda: used(site) > LIMIT)
    again.reset()
    assert until(lambda: used(site) == 0)


def test_a_websocket_that_does_not_read_is_dropped_when_memory_is_short(site: Site) -> None:
    slow = site.connect(receive_buffer=64 * KIB).open_websocket("/flood")
    slow.send(frame(TEXT, b"begin"))
    telling = site.connect().open_websocket("/tell-flooded")
    assert until(lambda: used(site) > 0)
    large = site.connect(receive_buffer=64 * KIB).send(head(target=b"/large"))
    assert until(lambda: used(site) > LIMIT)
    telling.send(frame(TEXT, b"hello"))
    assert telling.take_frame() == (TEXT, b"told")
    assert until(lambda: site.call(lambda: site.server.websockets) == 1)
    large.reset()
    assert until(lambda: used(site) == 0)


def test_the_number_of_websockets_is_limited(serve: Any) -> None:
    site = serve(budget_app(), limits={"max_websockets": 2})
    opened = [site.connect().open_websocket("/ws") for _ in range(2)]
    fields = ("Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
    refused = site.connect().send(
        head(
            f"{fields[0]}\r\n{fields[1]}\r\n{key}\r\nConnection: Upgrade\r\n".encode(),
            target=b"/ws",
        )
    )
    answer = refused.read_answer()
    assert answer.status == 503
    assert answer.field("Retry-After") == "1"
    opened.pop().reset()
    assert until(lambda: site.call(lambda: site.server.websockets) == 1)
    site.connect().open_websocket("/ws")
