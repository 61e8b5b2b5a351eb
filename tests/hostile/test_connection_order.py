"""Requests and answers on one connection: order, bodies nobody wants, half-closes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hostile_app import METHODS, Seen
from hostile_vector import CANARY, head, post
from hostile_wire import Wire, ask

from waterspout import App, request

GOOD = head(target=b"/quick")
MIB = 1024 * 1024


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def gate() -> threading.Event:
    """What `/held` waits for."""
    return threading.Event()


@pytest.fixture
def app(seen: Seen, gate: threading.Event) -> App:
    app = App("order")

    @app.before_request
    async def note() -> None:
        seen.paths.append(request.path)

    @app.route("/quick", methods=METHODS)
    async def quick() -> str:
        return "quick"

    @app.route("/body", methods=METHODS)
    async def body() -> bytes:
        return bytes(request.get_data())

    @app.get("/held")
    async def held() -> str:
        seen.note("held")
        await asyncio.to_thread(gate.wait, 20)
        return "held"

    @app.route("/ignores", methods=METHODS, stream=True, max_content_length=100 * MIB)
    async def ignores() -> str:
        return "ignored"

    @app.route("/reads", methods=METHODS, stream=True, max_content_length=100 * MIB)
    async def reads() -> str:
        total = 0
        async for piece in request.chunks():
            total += len(piece)
        return str(total)

    @app.route("/tells", methods=METHODS, stream=True)
    async def tells() -> str:
        seen.note("reading")
        try:
            async for _ in request.chunks():
                pass
        except Exception as error:
            seen.note(type(error).__name__)
            raise
        seen.note("complete")
        return "complete"

    @app.route("/small", methods=METHODS, max_content_length=10)
    async def small() -> bytes:
        return bytes(request.get_data())

    @app.route("/small-stream", methods=METHODS, stream=True, max_content_length=10)
    async def small_stream() -> str:
        return str(sum([len(piece) async for piece in request.chunks()]))

    @app.route("/drip")
    async def drip() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    return app


@pytest.fixture
def site(serve: Any, app: App) -> Any:
    return serve(app)


# -- order and queues --------------------------------------------------------------------------


def test_answers_come_in_the_order_of_requests(
    site: Any, seen: Seen, gate: threading.Event
) -> None:
    """A slow one first, a quick one behind it (CVE-2023-46137)."""
    wire = site.connect()
    wire.send(head(target=b"/held") + GOOD + head(target=b"/nowhere"))
    assert seen.wait_for("held")
    gate.set()
    answers = [wire.read_answer() for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 404]
    assert answers[0].body == b"held"
    assert answers[1].body == b"quick"


def test_a_pipelining_flood_is_read_no_further_than_the_queue(
    site: Any, seen: Seen, gate: threading.Event
) -> None:
    """The rest stays with the sender (CVE-2026-54273); all of it is answered afterwards."""
    wire = site.connect()
    count = 5_000
    wire.send(head(target=b"/held"))
    assert seen.wait_for("held")
    sender = threading.Thread(target=wire.send, args=(GOOD * count,))
    sender.start()
    try:
        assert ask(site.address, "/quick").status == 200
        waiting = site.call(
            lambda: max(len(connection.waiting) for connection in site.server.connections)
        )
        assert waiting <= 300
    finally:
        gate.set()
    assert wire.read_answer().body == b"held"
    for _ in range(count):
        assert wire.read_answer().body == b"quick"
    sender.join()


@pytest.mark.parametrize("target", [b"/nowhere", b"/quick", b"/inline"])
def test_a_long_queue_is_worked_off_without_depth(
    serve: Any, seen: Seen, gate: threading.Event, target: bytes
) -> None:
    """Thousands of requests that are answered at once do not nest."""
    app = App("deep")

    @app.get("/held")
    async def held() -> str:
        seen.note("held")
        await asyncio.to_thread(gate.wait, 20)
        return "held"

    @app.get("/inline", inline=True)
    def inline() -> str:
        return "inline"

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    wire = serve(app).connect()
    wire.send(head(target=b"/held") + head(target=target) * 2000)
    assert seen.wait_for("held")
    gate.set()
    statuses = {wire.read_answer().status for _ in range(2001)}
    assert statuses == {200, 404} if target == b"/nowhere" else {200}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_does_not_lose_its_place(site: Any, chunked: bool) -> None:
    """Its last piece goes to the disk while the next requests are there already."""
    wire = site.connect()
    size = 900_000
    body = b"x" * size
    if chunked:
        fields = b"Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    else:
        fields = b"Content-Length: %d\r\n" % size
    upload = head(fields, method=b"POST", target=b"/body") + body
    wire.send((upload + GOOD * 3) * 3)
    for _ in range(3):
        assert len(wire.read_answer().body) == size
        for _ in range(3):
            assert wire.read_answer().body == b"quick"


def test_tiny_chunks_take_linear_time_and_others_are_served(site: Any) -> None:
    """20 000 chunks of one byte, and a visitor meanwhile (CVE-2025-69229)."""
    wire = site.connect()
    fields = b"Transfer-Encoding: chunked\r\n"
    wire.send(head(fields, method=b"POST", target=b"/body") + b"1\r\nx\r\n" * 10_000)
    assert ask(site.address, "/quick").body == b"quick"
    wire.send(b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n")
    assert wire.read_answer().body == b"x" * 20_000


# -- ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "half",
    [
        b"Content-Length: 50\r\n\r\nhello worl",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ],
)
def test_a_body_cut_short_is_no_body(site: Any, seen: Seen, half: bytes) -> None:
    """FIN inside a body: the view of a buffered route is never called."""
    wire = site.connect()
    wire.send(b"POST /body HTTP/1.1\r\nHost: a\r\n" + half).finish()
    assert b" 200 " not in wire.read_to_end()
    assert seen.paths == []


def test_a_streaming_view_is_told(site: Any, seen: Seen) -> None:
    """And one that streams gets an error, not the end of the body."""
    wire = site.connect()
    wire.send(b"POST /tells HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello")
    assert seen.wait_for("reading")
    wire.finish()
    assert seen.wait_for("ClientDisconnected")
    assert b" 200 " not in wire.read_to_end()
    assert seen.count("complete") == 0


@pytest.mark.parametrize("fields", [b"Connection: close\r\n", b"connection: x, Close\r\n"])
def test_nothing_is_served_after_a_request_that_closes(
    site: Any, seen: Seen, fields: bytes
) -> None:
    """What follows `Connection: close` is not a request any more."""
    wire = site.connect()
    wire.send(head(fields, target=b"/quick") + CANARY)
    assert [answer.status for answer in wire.read_answers()] in ([200], [200, 400])
    assert seen.paths == ["/quick"]


def test_http_1_0_closes(site: Any, seen: Seen) -> None:
    wire = site.connect()
    wire.send(head(target=b"/quick", version=b"HTTP/1.0") + CANARY)
    assert [answer.status for answer in wire.read_answers()] in ([200], [200, 400])
    assert seen.paths == ["/quick"]


def test_a_half_closed_client_gets_its_answer(site: Any, seen: Seen, gate: threading.Event) -> None:
    """`shutdown(SHUT_WR)` after a complete request is no disconnect."""
    wire = site.connect()
    wire.send(head(target=b"/held")).finish()
    assert seen.wait_for("held")
    waited = site.connect()
    for _ in range(2 * len(seen.paths)):  # something else meanwhile
        waited.send(GOOD)
        assert waited.read_answer().body == b"quick"
    threading.Timer(0.5, gate.set).start()
    assert wire.read_final().body == b"held"
    assert wire.read_to_end() == b""


def test_a_half_closed_client_gets_all_its_pipelined_answers(site: Any) -> None:
    wire = site.connect()
    wire.send(GOOD * 5 + head(target=b"/drip")).finish()
    assert [answer.status for answer in wire.read_answers()] == [200] * 6


# -- bodies that nobody reads ------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 10 * MIB])
def test_a_body_nobody_reads_is_never_a_request(site: Any, seen: Seen, size: int) -> None:
    """The answer comes, the connection closes, and the body is not parsed (CL.0 class)."""
    wire = site.connect()
    fields = b"Content-Length: %d\r\n" % size
    body = (CANARY * (size // len(CANARY) + 1))[:size]
    wire.send(head(fields, method=b"POST", target=b"/ignores") + body[: size // 2])
    answer = wire.read_answer()
    assert answer.body == b"ignored"
    assert answer.field("Connection") == "close"
    wire.send(body[size // 2 :] + CANARY)
    assert wire.read_to_end() == b""
    assert seen.paths == ["/ignores"]


def test_the_answer_arrives_although_the_client_still_sends(site: Any) -> None:
    """Within the limit of bytes thrown away there is no reset before the answer is read."""
    wire = site.connect()
    wire.send(head(b"Content-Length: 200000\r\n", method=b"POST", target=b"/ignores"))
    wire.send(b"x" * 200_000)
    assert wire.read_answer().body == b"ignored"
    assert wire.read_to_end() == b""


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"POST"])
def test_the_body_of_any_method_is_consumed(site: Any, seen: Seen, method: bytes) -> None:
    """One answer for each request, whatever the method says about bodies."""
    wire = site.connect()
    fields = b"Content-Length: %d\r\n" % len(CANARY)
    wire.send(head(fields, method=method, target=b"/quick") + CANARY + GOOD)
    assert wire.read_answer(to_head=method == b"HEAD").status == 200
    assert wire.read_answer().body == b"quick"
    assert seen.paths == ["/quick", "/quick"]


def test_a_body_with_an_upgrade_reaches_the_view(site: Any) -> None:
    """Uvicorn hands an empty body to the app here."""
    wire = site.connect()
    fields = b"Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n"
    wire.send(head(fields, method=b"POST", target=b"/body") + b"hello")
    assert wire.read_answer().body == b"hello"


def test_a_refused_websocket_leaves_the_framing_alone(site: Any, seen: Seen) -> None:
    wire = site.connect()
    fields = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    wire.send(head(fields, target=b"/quick") + GOOD)
    assert wire.read_answer().status == 400  # as Werkzeug answers where no WebSocket is
    assert wire.read_answer().body == b"quick"


# -- Expect ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [b"/body", b"/reads"])
def test_f35_100_comes_once_and_then_the_answer(site: Any, target: bytes) -> None:
    wire = site.connect()
    fields = b"Expect: 100-continue\r\nContent-Length: 5\r\n"
    wire.send(head(fields, method=b"POST", target=target))
    assert wire.read_answer().status == 100
    wire.send(b"hello")
    assert wire.read_answer().body in (b"hello", b"5")
    wire.send(GOOD)
    assert wire.read_answer().body == b"quick"


def test_no_100_for_a_body_the_view_does_not_read(site: Any) -> None:
    """On a route that streams, 100 is sent when the body is read first."""
    wire = site.connect()
    wire.send(head(b"Expect: 100-continue\r\nContent-Length: 5\r\n", method=b"POST",
                   target=b"/ignores"))  # fmt: skip
    answer = wire.read_answer()
    assert answer.status == 200
    assert answer.field("Connection") == "close"
    assert wire.read_to_end() == b""


@pytest.mark.parametrize("target", [b"/small", b"/small-stream", b"/body", b"/nowhere"])
def test_no_100_above_the_limit(site: Any, seen: Seen, target: bytes) -> None:
    """413 at once, before the body is read."""
    wire = site.connect()
    fields = b"Expect: 100-continue\r\nContent-Length: 2000000\r\n"
    wire.send(head(fields, method=b"POST", target=target))
    answer = wire.read_answer()
    assert answer.status in ((413, 404) if target == b"/nowhere" else (413,))
    assert answer.field("Connection") == "close"
    assert wire.read_to_end() == b""


def test_f35_1_0_knows_no_100(site: Any) -> None:
    wire = site.connect()
    fields = b"Expect: 100-continue\r\nContent-Length: 5\r\n"
    wire.send(head(fields, method=b"POST", target=b"/body", version=b"HTTP/1.0") + b"hello")
    assert wire.read_answer().body == b"hello"


def test_f35_100_waits_for_the_answers_before_it(
    site: Any, seen: Seen, gate: threading.Event
) -> None:
    """A pipelined request's 100 must not stand before an earlier answer."""
    wire = site.connect()
    wire.send(head(target=b"/held"))
    wire.send(head(b"Expect: 100-continue\r\nContent-Length: 5\r\n", method=b"POST",
                   target=b"/body"))  # fmt: skip
    assert seen.wait_for("held")
    gate.set()
    assert wire.read_answer().body == b"held"
    assert wire.read_answer().status == 100
    wire.send(b"hello")
    assert wire.read_answer().body == b"hello"


# -- bodies over the limit ---------------------------------------------------------------------


@pytest.mark.parametrize("target", [b"/small", b"/small-stream"])
def test_a_declared_body_over_the_limit_is_refused_before_it_is_read(
    site: Any, target: bytes
) -> None:
    """413 comes although not one byte of the body was sent."""
    wire = site.connect()
    wire.send(head(b"Content-Length: 11\r\n", method=b"POST", target=target))
    answer = wire.read_answer()
    assert answer.status == 413
    assert answer.field("Connection") == "close"
    wire.send(b"x" * 11 + CANARY)
    assert wire.read_to_end() == b""


@pytest.mark.parametrize("target", [b"/small", b"/small-stream"])
def test_a_chunked_body_is_cut_at_the_limit(site: Any, seen: Seen, target: bytes) -> None:
    """No length was declared; the first byte above the limit ends it (CVE-2026-33034)."""
    wire = site.connect()
    fields = b"Transfer-Encoding: chunked\r\n"
    wire.send(head(fields, method=b"POST", target=target) + b"5\r\nhello\r\n" * 2)
    wire.send(b"1\r\nx\r\n0\r\n\r\n" + CANARY)
    assert [answer.status for answer in wire.read_answers()] == [413]
    assert "/canary" not in seen.paths


def test_nothing_in_the_same_segment_is_served_after_413(site: Any, seen: Seen) -> None:
    """For a refusal by the application: on a route without a view the answer is immediate."""
    site.server.app.config["MAX_CONTENT_LENGTH"] = 10
    wire = site.connect()
    fields = b"Transfer-Encoding: chunked\r\n"
    wire.send(
        head(fields, method=b"POST", target=b"/nowhere")
        + b"b\r\nhello world\r\n0\r\n\r\n"
        + head(target=b"/nowhere")
        + CANARY
    )
    assert len(wire.read_answers()) == 1
    assert "/canary" not in seen.paths


def test_garbage_behind_a_refused_body_gets_no_second_answer(site: Any) -> None:
    """413 is given at once, and the rest of the segment is no HTTP."""
    site.server.app.config["MAX_CONTENT_LENGTH"] = 10
    for target in (b"/nowhere", b"/small", b"/small-stream"):
        wire = site.connect()
        fields = b"Transfer-Encoding: chunked\r\n"
        wire.send(head(fields, method=b"POST", target=target) + b"b\r\nhello world!!!\r\n")
        assert [answer.status for answer in wire.read_answers()] == [413]


def test_a_flood_of_unread_uploads_leaves_others_alone(site: Any) -> None:
    """Senders of bodies that nobody reads; visitors are answered meanwhile."""

    def flood() -> None:
        for _ in range(100):
            with Wire(site.address) as wire:
                wire.send(post(b"Content-Length: 50000000\r\n"))
                wire.send(b"x" * 300_000)

    threads = [threading.Thread(target=flood) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert ask(site.address, "/quick").body == b"quick"
    finally:
        for thread in threads:
            thread.join()
