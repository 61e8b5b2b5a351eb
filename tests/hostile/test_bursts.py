"""What one client sends at once is worked off in turns: others are served meanwhile.

Each piece of work here takes a millisecond or more, and a turn is 5 ms by default: so few of them
come between two turns of the loop, however fast or slow the machine is.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hostile_site import Site
from hostile_wire import Wire, frame, until

from waterspout import App, WebSocket, request
from waterspout.tornado.web import Application
from waterspout.tornado.websocket import WebSocketHandler

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
#: Pieces of work that a turn of 5 ms may hold, and one for each of its ends.
IN_ONE_TURN = 5 + 5 + 3
COUNT = 300


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Work:
    """Counts pieces of work, and how many came between two turns of the loop."""

    def __init__(self) -> None:
        self.done = self.most = self._seen = 0

    def do(self) -> None:
        """Keep the loop busy for a millisecond."""
        until = time.perf_counter() + 0.001
        while time.perf_counter() < until:
            pass
        self.done += 1

    def watch(self, site: Site) -> None:
        loop = site.server.loop

        def turn() -> None:
            self.most = max(self.most, self.done - self._seen)
            self._seen = self.done
            if not site.server.stopping:
                loop.call_soon(turn)

        loop.call_soon_threadsafe(turn)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def site(serve: Any, loop_name: str, work: Work) -> Site:
    app = App("bursts")

    @app.get("/")
    async def index() -> str:
        work.do()
        return "x"

    @app.post("/")
    async def post() -> str:
        work.do()
        return str(len(request.get_data()))

    @app.websocket("/ws", queue=100_000)
    async def ws(socket: WebSocket) -> None:
        async for message in socket:
            if message == "end":
                await socket.send("end")

    made: Site = serve(app, loop=loop_name)
    work.watch(made)
    return made


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 4060 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
    ids=["small", "as-large-as-a-slice", "with-a-body", "chunked", "upgrade-ignored"],
)
def test_pipelined_requests_take_turns(site: Site, work: Work, request_bytes: bytes) -> None:
    wire = site.connect()
    wire.send(request_bytes * COUNT)
    for _ in range(COUNT):
        assert wire.read_answer().status == 200
    assert work.done == COUNT
    assert work.most <= IN_ONE_TURN


def test_a_fault_behind_many_requests_is_answered_in_its_place(site: Site) -> None:
    wire = site.connect()
    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 40 + b"nonsense\r\n\r\n")
    assert [answer.status for answer in wire.read_answers()] == [200] * 40 + [400]


def test_requests_of_a_client_that_sends_no_more_are_answered(site: Site) -> None:
    wire = site.connect()
    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 40).finish()
    assert [answer.status for answer in wire.read_answers()] == [200] * 40


@pytest.fixture
def handlers(serve: Any, loop_name: str, work: Work) -> Site:
    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            work.do()
            if message == "end":
                self.write_message("end")

        def on_ping(self, data: bytes) -> None:
            work.do()

    made: Site = serve(Application([("/ws", Echo)]), loop=loop_name)
    work.watch(made)
    return made


@pytest.mark.parametrize(
    "burst",
    [frame(TEXT, b"x" * 300) * COUNT, frame(PING, b"x" * 120) * COUNT],
    ids=["messages", "pings"],
)
def test_frames_take_turns(handlers: Site, work: Work, burst: bytes) -> None:
    wire = handlers.connect().open_websocket("/ws")
    wire.send(burst + frame(TEXT, b"end"))
    while wire.take_frame() != (TEXT, b"end"):
        pass
    assert work.done == COUNT + 1
    assert work.most <= IN_ONE_TURN + 1024 // 126  # the time is looked at after each 1024 bytes


def test_messages_sent_before_the_connection_is_closed_are_not_lost(
    handlers: Site, work: Work
) -> None:
    with Wire(handlers.address) as wire:
        wire.open_websocket("/ws")
        wire.send(frame(TEXT, b"x" * 300) * COUNT)
    assert until(lambda: work.done == COUNT)


# -- limits ------------------------------------------------------------------------------------


def fragments(count: int) -> bytes:
    first, last = frame(BINARY, b"a", fin=False), frame(0, b"z")
    return first + frame(0, b"", fin=False) * (count - 2) + last


def closing_code(wire: Wire) -> int:
    opcode, payload = wire.take_frame()
    while opcode != CLOSE:
        opcode, payload = wire.take_frame()
    return int.from_bytes(payload[:2], "big")


def test_the_fragments_of_a_message_are_limited(site: Site) -> None:
    wire = site.connect().open_websocket("/ws")
    wire.send(fragments(1024) * 3 + frame(TEXT, b"end"))
    assert wire.take_frame() == (TEXT, b"end")
    wire.send(fragments(1025))
    assert closing_code(wire) == 1008


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_pings_and_pongs_are_limited(site: Site, opcode: int) -> None:
    wire = site.connect().open_websocket("/ws")
    wire.send(frame(opcode, b"x") * 400 + frame(TEXT, b"end"))
    while wire.take_frame() != (TEXT, b"end"):
        pass
    wire.send(frame(opcode, b"x") * 5000)
    assert closing_code(wire) == 1008


def test_a_handler_has_these_limits_only_by_a_setting(serve: Any) -> None:
    """Tornado has none."""

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    free = serve(Application([("/ws", Echo)])).connect().open_websocket("/ws")
    free.send(fragments(2000))
    assert free.take_frame() == (TEXT, b"az")
    limited = serve(Application([("/ws", Echo)], websocket_max_fragments=10, websocket_ping_rate=1))
    wire = limited.connect().open_websocket("/ws")
    wire.send(fragments(10))
    assert wire.take_frame() == (TEXT, b"az")
    wire.send(fragments(11))
    assert closing_code(wire) == 1008
    wire = limited.connect().open_websocket("/ws")
    wire.send(frame(PING) * 12)
    assert closing_code(wire) == 1008
