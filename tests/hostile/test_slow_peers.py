"""Peers that are slow on purpose: cut by a deadline, and no burden to others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hostile_app import Seen
from hostile_vector import head
from hostile_wire import Wire, ask, until

from waterspout import App, request

MIB = 1024 * 1024
SHORT = {"header": 1.0, "body_idle": 1.0, "body_rate": 500.0, "body_rate_over": 1.0,
         "write": 1.0, "keep_alive": 1.0, "unread_body": 1.0, "unread_idle": 1.0,
         "graceful": 2.0}  # fmt: skip


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def app(seen: Seen, gate: threading.Event) -> App:
    app = App("slow")

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    @app.get("/held")
    def held() -> str:
        gate.wait(20)
        return "held"

    @app.post("/body", max_content_length=10 * MIB)
    async def body() -> str:
        return str(len(request.get_data()))

    @app.post("/stream", stream=True, max_content_length=10 * MIB)
    async def stream() -> str:
        total = 0
        try:
            async for piece in request.chunks():
                total += len(piece)
        except Exception as error:
            seen.note(type(error).__name__)
            raise
        return str(total)

    @app.post("/stream-held", stream=True, max_content_length=10 * MIB)
    def stream_held() -> str:
        seen.note("reading")
        gate.wait(20)
        return str(len(request.stream.read()))

    @app.post("/limited")
    async def limited() -> str:
        return str(len(request.get_data()))

    @app.get("/large")
    async def large() -> bytes:
        return b"x" * 200_000

    @app.get("/huge")
    async def huge() -> bytes:
        return b"x" * 20 * MIB

    return app


@pytest.fixture
def site(serve: Any, app: App) -> Any:
    return serve(app, timeouts=SHORT)


@contextmanager
def dripping(wire: Wire, piece: bytes, seconds: float = 0.1) -> Iterator[None]:
    """Send *piece* again and again until the block ends or the server closes."""
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(seconds):
            wire.send(piece)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def no_connections(site: Any) -> bool:
    return bool(until(lambda: site.call(lambda: not site.server.connections), 8))


# -- heads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [b"G", head()[:-2] + b"X: ", b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /quick HT", b"\r\n"],
    ids=["line", "fields", "second-request", "empty-lines"],
)
def test_a_dripped_head_has_an_absolute_deadline(site: Any, start: bytes) -> None:
    """Each byte in time does not help."""
    wire = site.connect()
    wire.send(start)
    piece = b"\r\n" if start == b"\r\n" else b"y"
    with dripping(wire, piece):
        data = wire.read_to_end()
    assert data.count(b" 200 ") == start.count(b"\r\n\r\n")
    assert data.count(b"HTTP/1.1 408") <= 1


def test_a_head_behind_a_long_answer_has_a_deadline_too(site: Any, gate: threading.Event) -> None:
    """It began while the first request was running."""
    wire = site.connect()
    wire.send(head(target=b"/held") + b"GET /quick HTTP/1.1\r\n")
    assert ask(site.address, "/quick").status == 200
    gate.set()
    assert wire.read_answer().body == b"held"
    with dripping(wire, b"y"):
        assert b" 200 " not in wire.read_to_end()


def test_silent_connections_are_closed(site: Any) -> None:
    """Before the first request, and between two."""
    fresh = [site.connect() for _ in range(50)]
    used = [site.connect() for _ in range(50)]
    for wire in used:
        wire.send(head(target=b"/quick"))
        assert wire.read_answer().status == 200
    for wire in fresh + used:
        assert wire.read_to_end() in (b"",) or b" 408 " in wire.unread
    assert no_connections(site)


def test_a_slow_view_is_no_slow_peer(site: Any, gate: threading.Event) -> None:
    """No deadline runs while the server is the one to be waited for."""
    wire = site.connect()
    wire.send(head(target=b"/held"))
    idle = site.connect()
    assert idle.read_to_end() == b""  # the deadlines have passed by now
    gate.set()
    assert wire.read_answer().body == b"held"


# -- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [b"/body", b"/stream"])
@pytest.mark.parametrize(
    "fields", [b"Content-Length: 100000\r\n", b"Transfer-Encoding: chunked\r\n"]
)
def test_a_dripped_body_is_cut_by_its_rate(
    site: Any, seen: Seen, target: bytes, fields: bytes
) -> None:
    """500 B/s over the window is asked for; this one sends a tenth, without a pause."""
    wire = site.connect()
    wire.send(head(fields, method=b"POST", target=target))
    with dripping(wire, b"5\r\nhello\r\n" if fields[0] == ord("T") else b"hello"):
        data = wire.read_to_end()
    assert b" 200 " not in data
    if target == b"/stream":
        assert seen.wait_for("RequestTimeout")
    assert no_connections(site)


@pytest.mark.parametrize("target", [b"/body", b"/stream"])
def test_a_body_that_stops_is_cut(site: Any, target: bytes) -> None:
    wire = site.connect()
    wire.send(head(b"Content-Length: 10\r\n", method=b"POST", target=target) + b"hello")
    assert b" 200 " not in wire.read_to_end()


def test_a_slow_but_steady_body_is_taken(site: Any) -> None:
    """It takes longer than any deadline, and is above the rate all the time."""
    wire = site.connect()
    wire.send(head(b"Content-Length: 5000000\r\n", method=b"POST", target=b"/body"))
    sent = 0
    began = time.monotonic()
    while time.monotonic() - began < 3.0:
        wire.send(b"x" * 20_000)
        sent += 20_000
        time.sleep(0.05)
    wire.send(b"x" * (5_000_000 - sent))
    assert wire.read_answer().body == b"5000000"


def test_a_paused_sender_is_not_blamed(site: Any, seen: Seen, gate: threading.Event) -> None:
    """The view reads nothing for longer than the deadlines; the client could not send more."""
    wire = site.connect()
    size = 8 * MIB
    wire.send(head(b"Content-Length: %d\r\n" % size, method=b"POST", target=b"/stream-held"))
    sender = threading.Thread(target=wire.send, args=(b"x" * size,))
    sender.start()
    assert seen.wait_for("reading")
    assert site.connect().read_to_end() == b""  # the deadlines have passed by now
    assert site.connect().read_to_end() == b""
    gate.set()
    sender.join()
    assert wire.read_answer().body == b"%d" % size


def test_slow_senders_do_not_hold_up_others(site: Any) -> None:
    """A hundred of them at once."""
    slow = [site.connect() for _ in range(100)]
    for n, wire in enumerate(slow):
        upload = head(b"Content-Length: 9\r\n", method=b"POST", target=b"/body") + b"x"
        wire.send(upload if n % 2 else b"GET / HTTP/1.1\r\nX: y")
    for _ in range(30):
        assert ask(site.address, "/quick").body == b"quick"
    assert no_connections(site)


def test_unread_rest_of_a_refused_body_is_not_waited_for_long(site: Any) -> None:
    """After 413 the rest is thrown away for a second, however it drips."""
    wire = site.connect()
    wire.send(head(b"Content-Length: 99999999\r\n", method=b"POST", target=b"/body"))
    assert wire.read_answer().status == 413
    with dripping(wire, b"x"):
        assert no_connections(site)


def test_a_pause_in_a_body_is_judged_by_its_own_limit_not_by_the_rate(serve: Any, app: App) -> None:
    site = serve(app, timeouts={**SHORT, "body_idle": 30.0})
    wire = site.connect()
    wire.send(head(b"Content-Length: 20000\r\n", method=b"POST", target=b"/body"))
    wire.send(b"x" * 10_000)
    for _ in range(2):
        assert site.connect().read_to_end() == b""  # the time of the rate has passed by now
    wire.send(b"x" * 10_000)
    assert wire.read_answer().body == b"20000"


def test_a_body_that_stops_is_cut_although_there_is_no_rate(serve: Any, app: App) -> None:
    site = serve(app, timeouts={**SHORT, "body_rate": 0.0, "body_rate_over": 0.2})
    wire = site.connect()
    wire.send(head(b"Content-Length: 10\r\n", method=b"POST", target=b"/body") + b"hello")
    assert wire.read_answer().status == 408


def test_a_client_that_waits_for_100_is_not_late_before_it(
    site: Any, seen: Seen, gate: threading.Event
) -> None:
    wire = site.connect()
    fields = b"Content-Length: 5\r\nExpect: 100-continue\r\n"
    wire.send(head(fields, method=b"POST", target=b"/stream-held"))
    assert seen.wait_for("reading")
    for _ in range(2):
        assert site.connect().read_to_end() == b""  # the deadlines have passed by now
    gate.set()
    assert wire.read_answer(to_head=True).status == 100
    wire.send(b"hello")
    assert wire.read_answer().body == b"5"


def test_a_client_that_was_sent_100_is_waited_for_in_time(
    site: Any, seen: Seen, gate: threading.Event
) -> None:
    gate.set()
    wire = site.connect()
    fields = b"Content-Length: 5\r\nExpect: 100-continue\r\n"
    wire.send(head(fields, method=b"POST", target=b"/stream"))
    assert wire.read_answer(to_head=True).status == 100
    assert wire.read_answer().status == 408
    assert seen.wait_for("RequestTimeout")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("megabytes", [2, 50])
def test_413_reaches_a_client_that_sends_all_of_its_body_first(
    serve: Any, app: App, loop: str, megabytes: int
) -> None:
    """As nginx does: what it cannot write it answers with 502."""
    wire = serve(app, loop=loop).connect()
    fields = b"Content-Length: %d\r\n" % (megabytes * MIB)
    wire.send(head(fields, method=b"POST", target=b"/limited"))
    for _ in range(megabytes):
        wire.sock.sendall(bytes(MIB))  # raises if the server resets the connection
    assert wire.read_answer().status == 413
    assert wire.read_to_end() == b""


def test_more_than_the_limit_of_an_unread_body_ends_the_connection(serve: Any, app: App) -> None:
    wire = serve(app, limits={"unread_body": MIB}).connect()
    wire.send(head(b"Content-Length: 99999999\r\n", method=b"POST", target=b"/limited"))
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(99):
            wire.sock.sendall(bytes(MIB))


# -- readers -----------------------------------------------------------------------------------


@pytest.fixture
def narrow(serve: Any, app: App) -> Any:
    """A site whose sockets take only a few kilobytes from the server at a time."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return serve(app, fds=(listener.detach(),), timeouts=SHORT)


@pytest.mark.parametrize("target", [b"/large", b"/huge"])
@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["kept", "closing"])
def test_a_reader_that_stops_is_cut(narrow: Any, target: bytes, fields: bytes) -> None:
    """The answer was written whole into the transport's buffer; nobody takes it."""
    wire = narrow.connect(receive_buffer=4096)
    wire.send(head(fields, target=target))
    assert wire.more()
    assert no_connections(narrow)


def test_a_refusal_nobody_reads_is_dropped(narrow: Any) -> None:
    """The same for pipelined answers before a refusal."""
    wire = narrow.connect(receive_buffer=4096)
    wire.send(head(target=b"/large") + b"GET / HTTP/9.9\r\n\r\n")
    assert wire.more()
    assert no_connections(narrow)


def test_a_slow_reader_gets_everything(narrow: Any) -> None:
    """A reader that keeps reading is not cut, although the whole takes long."""
    wire = narrow.connect(receive_buffer=4096)
    wire.send(head(b"Connection: close\r\n", target=b"/large"))
    data = b""
    began = time.monotonic()
    while time.monotonic() - began < 3.5:
        data += wire.sock.recv(2000)
        time.sleep(0.05)
    assert len(data) > 50_000
    wire.unread = data
    assert len(wire.read_answer().body) == 200_000
