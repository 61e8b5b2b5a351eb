"""WebSockets on our server, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from typing import Any

import pytest
from sockets_wire import (
    BINARY,
    CLOSE,
    KEY,
    PATIENCE,
    PING,
    PONG,
    TEXT,
    closing,
    frame,
    handshake,
    run,
    serving,
)

from waterspout import (
    App,
    Blueprint,
    WebSocket,
    WebSocketClosed,
    WebSocketHandler,
    abort,
    current_app,
    g,
    request,
    session,
)

MIB = 1024 * 1024


def echo_app(**options: Any) -> App:
    app = App("echo")

    @app.websocket("/", **options)
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


class Gone:
    """Lets a test wait for what a function saw last."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def set(self, value: Any = None) -> None:
        self.loop.call_soon_threadsafe(self.future.set_result, value)

    async def wait(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self.future


# -- the opening handshake -------------------------------------------------------------------------


def test_messages_behind_the_handshake_at_every_cut() -> None:
    """What arrives with the handshake is not lost, wherever the network cuts it."""
    data = handshake() + frame(TEXT, b"early") + frame(BINARY, b"\x00")

    async def main() -> None:
        async with serving(echo_app()) as site:
            for cut in range(1, len(data), 7):
                wire = await site.wire(data[:cut])
                await wire.writer.drain()
                await asyncio.sleep(0)
                wire.send(data[cut:])
                head = await wire.head()
                assert b"Sec-WebSocket-Accept: BACScCJPNqyz+UBoqMH89VmURoA=\r\n" in head
                assert [await wire.frame(), await wire.frame()] == [
                    (TEXT, b"early"),
                    (BINARY, b"\x00"),
                ]
                wire.writer.close()

    run(main())


def test_a_megabyte_behind_the_handshake() -> None:
    """1 MB of messages in one piece with the handshake are all answered."""
    count = 100_000

    async def main() -> None:
        async with serving(echo_app()) as site:
            wire = await site.wire(handshake(), frame(BINARY, b"xxxx") * count)
            await wire.head()
            async with asyncio.timeout(30):
                echoed = await wire.reader.readexactly(6 * count)
            assert echoed == b"\x82\x04xxxx" * count

    run(main())


BAD_HANDSHAKES = {
    "no key": (handshake(drop="Sec-WebSocket-Key"), 400),
    "key of 15 bytes": (handshake(Sec_WebSocket_Key="MDEyMzQ1Njc4OWFiY2Rl"), 400),
    "key that is no base64": (handshake(Sec_WebSocket_Key="*" * 24), 400),
    "two keys": (handshake("/", f"Sec-WebSocket-Key: {KEY.decode()}"), 400),
    "version 8": (handshake(Sec_WebSocket_Version="8"), 426),
    "no version": (handshake(drop="Sec-WebSocket-Version"), 400),
    "Connection: notupgrade": (handshake(Connection="notupgrade"), 426),
    "POST": (handshake().replace(b"GET", b"POST", 1), 405),
    "subprotocol that is not ASCII": (handshake("/", "Sec-WebSocket-Protocol: \xe9"), 400),
    "subprotocol with a space": (handshake("/", "Sec-WebSocket-Protocol: a b"), 400),
    "extension that is none": (handshake("/", "Sec-WebSocket-Extensions: ;;"), 400),
    "with a body": (handshake("/", "Content-Length: 5") + b"12345", 400),
    "another upgrade": (handshake(Upgrade="foo"), 426),
}


@pytest.mark.parametrize("name", BAD_HANDSHAKES)
def test_bad_handshakes_are_answered(name: str) -> None:
    """A handshake that is not as it should be is answered over HTTP, and the connection goes
    on as HTTP."""
    data, status = BAD_HANDSHAKES[name]
    after = b"GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async def main() -> None:
        app = echo_app()
        app.get("/after")(lambda: "after")
        async with serving(app) as site:
            wire = await site.wire(data, after)
            answers = await wire.rest()
        assert answers.startswith(b"HTTP/1.1 %d " % status), answers[:200]
        assert answers.endswith(b"after")

    run(main())


def test_an_ordinary_request_to_a_websocket_says_426() -> None:
    """The address of a WebSocket tells a browser what it is."""

    async def main() -> None:
        async with serving(echo_app()) as site:
            wire = await site.wire(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await wire.rest()
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b"Upgrade: websocket\r\n" in answer
        assert b"Sec-WebSocket-Version: 13\r\n" in answer

    run(main())


@pytest.mark.parametrize("refuse", ["abort", "return", "hook", "close"])
def test_a_refusal_is_an_http_answer(refuse: str) -> None:
    """Before accepting, hooks and function answer over HTTP; what the client sent behind
    the handshake is still HTTP."""
    app = App("refusing")
    seen = []

    @app.before_request
    def check() -> Any:
        return ("hooked", 403) if refuse == "hook" and request.path == "/" else None

    @app.websocket("/")
    async def closed(ws: WebSocket) -> Any:
        if refuse == "abort":
            abort(403)
        if refuse == "close":
            await ws.close()
        return ("no", 403, {"X-Why": "because"})

    @app.after_request
    def note(response: Any) -> Any:
        seen.append(response.status_code)
        return response

    @app.get("/next")
    async def following() -> str:
        return "next"

    async def main() -> None:
        async with serving(app) as site:
            following = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            wire = await site.wire(handshake(), following)
            answers = await wire.rest()
        assert answers.startswith(b"HTTP/1.1 403 ")
        assert (b"X-Why: because" in answers) == (refuse == "return")
        assert answers.endswith(b"next")
        assert seen == [403, 200]

    run(main())


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ([], True),
        (["Origin: http://127.0.0.1"], True),
        (["Origin: https://127.0.0.1"], True),
        (["Origin: HTTP://127.0.0.1:80"], True),
        (["Origin: http://127.0.0.1:8080"], False),
        (["Origin: http://evil.example"], False),
        (["Origin: http://127.0.0.1.evil.example"], False),
        (["Origin: null"], False),
        (["Origin: file://127.0.0.1"], False),
        (["Origin: http://evil.example", "Sec-Fetch-Site: same-origin"], True),
        (["Origin: http://127.0.0.1", "Sec-Fetch-Site: cross-site"], False),
        (["Origin: http://127.0.0.1", "Sec-Fetch-Site: same-site"], False),
        (["Origin: https://friend.example", "Sec-Fetch-Site: cross-site"], True),
    ],
)
def test_pages_of_other_origins_are_refused(fields: list[str], accepted: bool) -> None:
    """Cross-site WebSocket hijacking gets 403 in the modern preset, unless the
    origin is among WEBSOCKET_ORIGINS."""

    async def main() -> None:
        app = echo_app()
        app.config["WEBSOCKET_ORIGINS"] = ["https://friend.example"]
        async with serving(app) as site:
            wire = await site.wire(handshake("/", *fields))
            status = int((await wire.head())[9:12])
        assert status == (101 if accepted else 403)

    run(main())


def test_the_origin_check_is_a_setting_of_app_and_route() -> None:
    """Design 4a: off in the compat preset; a route's own origins count everywhere."""
    app = App("settings")
    app.config["WEBSOCKET_CHECK_ORIGIN"] = False

    @app.websocket("/any")
    async def any_origin(ws: WebSocket) -> None:
        await ws.accept()

    @app.websocket("/own", origins=["https://own.example"])
    async def own(ws: WebSocket) -> None:
        await ws.accept()

    @app.websocket("/all", origins=["*"])
    async def all_origins(ws: WebSocket) -> None:
        await ws.accept()

    async def main() -> None:
        async with serving(app) as site:
            for path, origin, status in (
                ("/any", "http://evil.example", 101),
                ("/own", "http://evil.example", 403),
                ("/own", "https://own.example", 101),
                ("/all", "http://evil.example", 101),
            ):
                wire = await site.wire(handshake(path, f"Origin: {origin}"))
                assert int((await wire.head())[9:12]) == status, (path, origin)

    run(main())


def test_subprotocols_and_header_fields() -> None:
    """The first the client offers that the route has; or what `accept` says."""
    app = App("subprotocols")

    @app.websocket("/auto", subprotocols=["v2", "v1"])
    async def auto(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(f"{ws.offered_subprotocols} {ws.subprotocol}")

    @app.websocket("/chosen")
    async def chosen(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="v9"):
            await ws.accept("v9")
        with pytest.raises(ValueError, match="cannot be sent"):
            await ws.accept(headers={"X-A": "b\r\nX-C: d"})
        with pytest.raises(ValueError, match="Sec-WebSocket-Accept"):
            await ws.accept(headers={"Sec-WebSocket-Accept": "x"})
        await ws.accept("v1", [("X-A", "1"), ("X-A", "2")])
        with pytest.raises(RuntimeError, match="already"):
            await ws.accept()

    async def main() -> None:
        async with serving(app) as site:
            offer = "Sec-WebSocket-Protocol: v1, v2"
            wire = await site.wire(handshake("/auto", offer))
            assert b"Sec-WebSocket-Protocol: v1\r\n" in await wire.head()
            assert await wire.frame() == (TEXT, b"('v1', 'v2') v1")
            wire = await site.open("/auto")
            assert await wire.frame() == (TEXT, b"() None")
            wire = await site.wire(handshake("/chosen", offer))
            head = await wire.head()
            assert b"Sec-WebSocket-Protocol: v1\r\n" in head
            assert b"X-A: 1\r\nX-A: 2\r\n" in head
            assert await wire.close_code() == 1000

    run(main())


# -- the function ----------------------------------------------------------------------------------


def test_a_function_has_what_a_view_has() -> None:
    """One route table, hooks, session, g, current_app; teardown runs once, at the
    end of the socket."""
    app = App("whole")
    app.secret_key = "k"
    order: list[str] = []

    @app.before_request
    async def before() -> None:
        g.user = request.headers.get("X-User")
        order.append("before")

    @app.teardown_request
    def torn(error: BaseException | None) -> None:
        order.append(f"teardown {error}")

    rooms = Blueprint("rooms", __name__, url_prefix="/rooms/<name>")

    @rooms.before_request
    def in_rooms() -> None:
        order.append("room")

    @rooms.websocket("/<int:seat>")
    async def room(ws: WebSocket, name: str, seat: int) -> None:
        await ws.send_json([name, seat, g.user, current_app.name, request.args["q"], dict(session)])
        assert await ws.receive_json() == {"a": 1}
        order.append("end")

    app.register_blueprint(rooms)

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open("/rooms/blue/7?q=x", "X-User: joe")
            assert await wire.frame() == (TEXT, b'["blue",7,"joe","whole","x",{}]')
            assert order == ["before", "room"]
            wire.send(frame(TEXT, b'{"a": 1}'))
            assert await wire.close_code() == 1000
            wire.send(closing(1000))
            await wire.rest()
        assert order == ["before", "room", "end", "teardown None"]

    run(main())


def test_an_error_is_logged_and_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    """After accepting; the client learns nothing of it. Teardown functions do."""
    app = App("failing")
    told: list[Any] = []
    app.teardown_request(told.append)

    @app.websocket("/")
    async def fail(ws: WebSocket) -> None:
        await ws.receive()
        raise KeyError("secret")

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open(then=frame(TEXT, b"go"))
            assert await wire.frame() == (CLOSE, b"\x03\xf3")
            wire.send(closing(1011))
            await wire.rest()

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "Exception on / [GET]" in caplog.text
    assert "secret" in caplog.text
    assert [type(error) for error in told] == [KeyError]


def test_a_client_that_leaves_unread_and_not_reading_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A send that waits ends with `WebSocketClosed`, though messages of the client still wait."""
    app = App("left")

    async def main() -> None:
        stalled = asyncio.Event()
        gone = Gone()

        @app.websocket("/", queue=1)
        async def flood(ws: WebSocket) -> None:
            try:
                while True:
                    sending = asyncio.ensure_future(ws.send(b"x" * 65_536))
                    for _ in range(3):
                        await asyncio.sleep(0)
                    if not sending.done():
                        stalled.set()
                    await sending
            except WebSocketClosed:
                gone.future.set_result(ws.closed)
                raise

        async with serving(app) as site:
            wire = await site.open(then=frame(TEXT, b"unread") * 20)
            await asyncio.wait_for(stalled.wait(), PATIENCE)
            wire.writer.transport.abort()
            assert await asyncio.wait_for(gone.future, PATIENCE) is True

    with caplog.at_level(logging.WARNING):
        run(main())
    assert not caplog.records


def test_an_error_before_accepting_is_an_ordinary_error(caplog: pytest.LogCaptureFixture) -> None:
    """Error handlers answer it over HTTP."""
    app = App("failing")

    @app.websocket("/")
    async def fail(ws: WebSocket) -> None:
        raise LookupError

    @app.errorhandler(LookupError)
    def handle(error: LookupError) -> Any:
        return "handled", 418

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.wire(handshake())
            assert b" 418 " in await wire.head()

    run(main())
    assert not caplog.records


def test_abort_after_accepting_closes_with_1008() -> None:
    """There is no HTTP answer any more."""
    app = App("aborting")

    @app.websocket("/")
    async def late(ws: WebSocket) -> None:
        await ws.accept()
        abort(403)

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open()
            assert await wire.frame() == (CLOSE, b"\x03\xf0Forbidden")

    run(main())


def test_def_functions_block_their_thread() -> None:
    """As with flask-sock; context and methods are those of async functions."""
    app = App("blocking")

    @app.websocket("/<name>", subprotocols=["v1"])
    def talk(ws: Any, name: str) -> None:
        assert not ws.accepted
        ws.accept()
        assert ws.accepted
        for message in ws:
            if message == "timeout":
                with pytest.raises(TimeoutError):
                    ws.receive(timeout=0.01)
                ws.send("nothing came")
            elif message == "json":
                ws.send_json([name, request.path, ws.subprotocol, ws.offered_subprotocols])
            else:
                ws.send(message)
        g.code = ws.close_code, ws.close_reason, ws.closed
        with pytest.raises(WebSocketClosed, match="4001 done"):
            ws.send("late")
        gone.append(g.code)

    gone: list[Any] = []

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open("/joe", "Sec-WebSocket-Protocol: v1")
            wire.send(frame(TEXT, b"json"), frame(TEXT, b"timeout"))
            assert await wire.frame() == (TEXT, b'["joe","/joe","v1",["v1"]]')
            assert await wire.frame() == (TEXT, b"nothing came")
            wire.send(frame(BINARY, b"after"))
            assert await wire.frame() == (BINARY, b"after")
            wire.send(closing(4001, "done"))
            assert await wire.close_code() == 4001
            await wire.rest()
        assert gone == [(4001, "done", True)]

    run(main())


def test_iteration_ends_and_receive_raises() -> None:
    """With the client's code and reason; messages before the goodbye are still read."""
    app = App("ends")

    @app.websocket("/")
    async def read(ws: WebSocket) -> None:
        assert [message async for message in ws] == ["1", "2"]
        for use in (ws.receive(), ws.send("x"), ws.ping()):
            with pytest.raises(WebSocketClosed) as caught:
                await use
            assert (caught.value.code, caught.value.reason) == (4000, "bye")
        gone[0].set((ws.closed, ws.close_code, ws.close_reason))

    gone: list[Gone] = []

    async def main() -> None:
        gone.append(Gone())
        async with serving(app) as site:
            wire = await site.open()
            wire.send(frame(TEXT, b"1"), frame(TEXT, b"2"), closing(4000, "bye"))
            assert await wire.close_code() == 4000
            assert await gone[0].wait() == (True, 4000, "bye")
            assert await wire.rest() == b""

    run(main())


def test_only_messages_are_sent() -> None:
    """A wrong type is the program's error, and says what to do."""
    app = App("types")

    @app.websocket("/")
    async def send(ws: WebSocket) -> None:
        with pytest.raises(TypeError, match="send_json"):
            await ws.send({"a": 1})  # type: ignore[arg-type]  # the mistake
        await ws.send(bytearray(b"a"))
        await ws.send(memoryview(b"b"))

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open()
            assert [await wire.frame(), await wire.frame()] == [(BINARY, b"a"), (BINARY, b"b")]

    run(main())


@pytest.mark.parametrize("policy", [None, "cancel", "finish"])
def test_a_function_that_waits_for_something_else_when_the_client_leaves(policy: Any) -> None:
    """It is cancelled after WEBSOCKET_CLOSE_TIMEOUT, at once, or never."""
    app = App("leaving")
    app.config["WEBSOCKET_CLOSE_TIMEOUT"] = 0.05

    @app.websocket("/", on_disconnect=policy)
    async def wait(ws: WebSocket) -> None:
        await ws.accept()
        try:
            async with asyncio.timeout(PATIENCE if policy != "finish" else 0.5):
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            gone[0].set("cancelled")
            raise
        except TimeoutError:
            gone[0].set("finished")

    gone: list[Gone] = []

    async def main() -> None:
        gone.append(Gone())
        async with serving(app) as site:
            wire = await site.open()
            wire.writer.transport.abort()
            assert await gone[0].wait() == ("finished" if policy == "finish" else "cancelled")

    run(main())


# -- frames, limits, time --------------------------------------------------------------------------


def test_a_message_above_the_limit_closes_with_1009() -> None:
    """1 MiB by default, from the head of the frame; a route may say otherwise."""
    app = echo_app()

    @app.websocket("/small", max_message_size=10)
    async def small(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open(then=frame(BINARY, b"x" * MIB))
            assert len((await wire.frame())[1]) == MIB
            wire.send(b"\x82\xff" + (MIB + 1).to_bytes(8, "big") + b"abcd")
            assert await wire.close_code() == 1009
            assert await wire.rest() == b""
            wire = await site.open("/small", then=frame(TEXT, b"x" * 10))
            assert await wire.frame() == (TEXT, b"x" * 10)
            wire.send(frame(TEXT, b"x" * 11))
            assert await wire.close_code() == 1009

    run(main())


def test_pings_are_answered_and_compression_is_agreed_on() -> None:
    """RFC 6455 §5.5.2, RFC 7692."""

    async def main() -> None:
        async with serving(echo_app()) as site:
            wire = await site.wire(
                handshake("/", "Sec-WebSocket-Extensions: permessage-deflate"),
                frame(PING, b"are you there"),
                frame(TEXT, b"again and again " * 100),
                frame(TEXT, b"short"),
            )
            head = await wire.head()
            assert b"Sec-WebSocket-Extensions: permessage-deflate" in head
            assert await wire.frame() == (PONG, b"are you there")
            first, payload = await wire.frame()
            assert first == 0xC1
            assert len(payload) < 100
            assert await wire.frame() == (TEXT, b"short")
        app = echo_app()
        app.config["WEBSOCKET_COMPRESSION"] = False
        async with serving(app) as site:
            wire = await site.wire(handshake("/", "Sec-WebSocket-Extensions: permessage-deflate"))
            assert b"Extensions" not in await wire.head()

    run(main())


def test_a_slow_function_lets_the_client_wait() -> None:
    """Unread messages are bounded; the rest stays in the client and in the network."""
    app = App("slow")
    piece = frame(BINARY, bytes(100_000))
    total = 500

    @app.websocket("/", queue=4)
    async def slow(ws: WebSocket) -> None:
        await ws.accept()
        await gate.wait()
        held.append(len(ws._messages))
        count = 0
        async for _ in ws:
            count += 1
        gone[0].set(count)

    held: list[int] = []
    gone: list[Gone] = []
    gate = asyncio.Event()

    async def main() -> None:
        gone.append(Gone())
        async with serving(app) as site:
            wire = await site.open()
            stuck = False
            for _ in range(total):
                wire.send(piece)
                try:
                    async with asyncio.timeout(0.2 if not stuck else None):
                        await wire.writer.drain()
                except TimeoutError:
                    stuck = True
                    gate.set()
            wire.send(closing(1000))
            assert stuck
            assert await gone[0].wait() == total
        assert held[0] <= 5

    run(main())


def test_what_a_client_sent_before_it_left_is_read() -> None:
    """Also by a function that is slow, from a client that leaves without a goodbye."""
    app = App("left")

    @app.websocket("/", queue=4)
    async def late(ws: WebSocket) -> None:
        await ws.accept()
        await gate.wait()
        gone[0].set([int(message) async for message in ws] + [ws.close_code])

    gone: list[Gone] = []
    gate = asyncio.Event()

    async def main() -> None:
        gone.append(Gone())
        async with serving(app) as site:
            wire = await site.open(then=b"".join(frame(TEXT, b"%d" % n) for n in range(50)))
            (connection,) = site.server.connections
            wire.writer.close()
            while not connection.lost:  # type: ignore[attr-defined]  # ours
                await asyncio.sleep(0.001)
            gate.set()
            assert await gone[0].wait() == [*range(50), 1006]

    run(main())


@pytest.mark.parametrize("sender", ["function", "pings"])
def test_a_client_that_does_not_read(sender: str) -> None:
    """The sender waits, of many pings the last is answered, memory is bounded; a client
    that never reads is dropped after ``timeouts.write``."""
    app = App("unread")
    piece = b"x" * 65536

    @app.websocket("/", ping_interval=None)
    async def pour(ws: WebSocket) -> None:
        sent = 0
        try:
            if sender == "function":
                while True:
                    await ws.send(piece)
                    sent += len(piece)
            await ws.receive()
        except WebSocketClosed:
            gone[0].set(sent)

    gone: list[Gone] = []

    async def main() -> None:
        gone.append(Gone())
        async with serving(app, timeouts={"write": 0.5}) as site:
            wire = await site.open()
            wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's
            if sender == "pings":
                flood = frame(PING, b"p" * 125) * 1000
                while not gone[0].future.done():
                    wire.send(flood)
                    try:
                        async with asyncio.timeout(0.05):
                            await wire.writer.drain()
                    except TimeoutError:
                        pass
                    except OSError:
                        break
                    for connection in site.server.connections:
                        held = connection.transport.get_write_buffer_size()  # type: ignore[attr-defined]  # ours
                        assert held < 2 * MIB
            assert await gone[0].wait() < 64 * MIB

    run(main())


def test_only_the_latest_of_many_pings_is_answered() -> None:
    """RFC 6455 §5.5.3: what a client that does not read would be sent is bounded."""
    app = echo_app()
    app.config["WEBSOCKET_PING_RATE"] = None

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open()
            wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's
            (connection,) = site.server.connections
            sent = 0
            while not connection.stalled:  # type: ignore[attr-defined]  # ours
                wire.send(b"".join(frame(PING, b"%0125d" % n) for n in range(sent, sent + 500)))
                sent += 500
                await wire.writer.drain()
                await asyncio.sleep(0)
            wire.send(frame(PING, b"skipped"), frame(PING, b"last"))
            await wire.writer.drain()
            while connection._pong is None or b"last" not in connection._pong:  # type: ignore[attr-defined]  # ours
                await asyncio.sleep(0.001)
            wire.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a socket's
            answers = []
            while not answers or answers[-1] != (PONG, b"last"):
                answers.append(await wire.frame())
            assert len(answers) <= sent + 1
            assert (PONG, b"skipped") not in answers

    run(main())


def test_a_dead_client_is_found_by_pings() -> None:
    """A half-open peer is dropped within ping interval and timeout."""
    app = App("pinging")

    @app.websocket("/", ping_interval=0.2, ping_timeout=0.2)
    async def wait(ws: WebSocket) -> None:
        try:
            await ws.receive()
        except WebSocketClosed as error:
            gone[0].set(error.code)

    gone: list[Gone] = []

    async def main() -> None:
        gone.append(Gone())
        async with serving(app) as site:
            wire = await site.open()
            assert await wire.frame() == (PING, b"")
            wire.send(frame(PONG))
            assert await wire.frame() == (PING, b"")
            assert await wire.close_code() == 1011
            assert await gone[0].wait() == 1011

    run(main())


def test_pings_follow_their_interval_however_long_an_answer_may_take() -> None:
    app = App("pinging")

    @app.websocket("/", ping_interval=0.2, ping_timeout=3600)
    async def wait(ws: WebSocket) -> None:
        async for _ in ws:
            pass

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open()
            for _ in range(3):  # the second would come in an hour
                assert await wire.frame() == (PING, b"")

    run(main())


def test_a_client_that_we_do_not_read_is_not_dead() -> None:
    """A slow function does not make its client look dead, whose answers to pings lie unread."""
    app = App("busy")

    @app.websocket("/", queue=1, ping_interval=0.2, ping_timeout=0.2)
    async def busy(ws: WebSocket) -> None:
        await ws.accept()
        await gate.wait()
        async for message in ws:
            await ws.send(message)

    gate = asyncio.Event()

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.open(then=frame(TEXT, b"1") + frame(TEXT, b"2"))
            wire.send(frame(TEXT, b"3"))
            for _ in range(2):
                assert await wire.frame() == (PING, b"")
                wire.send(frame(PONG))
            gate.set()
            answers = []
            while len(answers) < 3:
                if (answer := await wire.frame()) != (PING, b""):
                    answers.append(answer)
            assert answers == [(TEXT, b"1"), (TEXT, b"2"), (TEXT, b"3")]

    run(main())


def test_a_client_that_does_not_say_goodbye_is_dropped() -> None:
    """The closing handshake is bounded by WEBSOCKET_CLOSE_TIMEOUT."""
    app = App("bye")

    @app.websocket("/", close_timeout=0.2)
    async def bye(ws: WebSocket) -> None:
        await ws.accept()
        begun = time.monotonic()
        await ws.close(4000, "done")
        gone[0].set((ws.close_code, time.monotonic() - begun < 5))

    gone: list[Gone] = []

    async def main() -> None:
        gone.append(Gone())
        async with serving(app) as site:
            wire = await site.open()
            assert await wire.frame() == (CLOSE, struct.pack("!H", 4000) + b"done")
            assert await gone[0].wait() == (1006, True)

    run(main())


@pytest.mark.parametrize("answers", [True, False])
def test_a_stop_says_1001(answers: bool) -> None:
    """Sockets are closed with 1001, functions may finish; a client that does not answer
    does not hold up the stop for longer than the grace time."""
    app = App("stopping")
    ends: list[Any] = []

    @app.websocket("/")
    async def wait(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        await asyncio.sleep(0.05)  # what is to be saved
        ends.append(ws.close_code)

    async def main() -> None:
        async with serving(app, timeouts={"graceful": 2.0}) as site:
            wire = await site.open()
            begun = time.monotonic()
            stopping = asyncio.create_task(site.server.stop())
            assert await wire.close_code() == 1001
            if answers:
                wire.send(closing(1001))
            await stopping
            assert ends == [1001 if answers else 1006]
            assert time.monotonic() - begun < 4

    run(main())


def test_a_stop_with_many_sockets_of_every_kind(caplog: pytest.LogCaptureFixture) -> None:
    """Functions, `def` functions, handlers and senders all close with 1001, requests
    that run are answered, nothing is logged, within the limit."""
    app = App("crowd")

    @app.websocket("/function")
    async def function(ws: WebSocket) -> None:
        async for _ in ws:
            pass

    @app.websocket("/def")
    def blocking(ws: Any) -> None:
        for _ in ws:
            pass

    @app.websocket("/sender")
    async def sender(ws: WebSocket) -> None:
        while True:
            await ws.send("news")
            await asyncio.sleep(0.01)

    class Handler(WebSocketHandler):
        pass

    app.add_handlers([("/handler", Handler)])

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "done"

    async def main() -> None:
        async with serving(app) as site:
            paths = ["/function", "/def", "/sender", "/handler"] * 12
            wires = [await site.open(path) for path in paths]
            asking = [await site.wire(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(10)]
            await asyncio.sleep(0.1)
            begun = time.monotonic()
            stopping = asyncio.create_task(site.server.stop())
            for wire in wires:
                while (said := await wire.frame()) == (TEXT, b"news"):
                    pass
                assert said[0] == CLOSE
                assert int.from_bytes(said[1][:2], "big") == 1001
                wire.send(closing(1001))
            for wire in asking:
                assert (await wire.rest()).endswith(b"done")
            await stopping
            assert time.monotonic() - begun < 10

    with caplog.at_level(logging.WARNING):
        run(main())
    assert not caplog.records


def test_many_sockets_at_once() -> None:
    """Each has its own context and messages."""
    app = App("many")

    @app.websocket("/<name>")
    async def name(ws: WebSocket, name: str) -> None:
        g.name = name
        async for message in ws:
            await ws.send(f"{g.name} {message}")

    async def main() -> None:
        async with serving(app) as site:
            wires = [await site.open(f"/{n}") for n in range(100)]
            for round_ in range(3):
                for wire in wires:
                    wire.send(frame(TEXT, b"%d" % round_))
                for n, wire in enumerate(wires):
                    assert await wire.frame() == (TEXT, b"%d %d" % (n, round_))
            assert len(site.server.connections) == 100

    run(main())


def test_a_sender_lets_others_have_a_turn() -> None:
    """One socket with much to say, or to hear, does not keep the event loop."""
    app = App("turns")

    @app.websocket("/say")
    async def say(ws: WebSocket) -> None:
        while True:
            await ws.send("x" * 1000)

    @app.websocket("/hear")
    async def hear(ws: WebSocket) -> None:
        async for _ in ws:
            counts["heard"] += 1
            counts["ticks"] = max(counts["ticks"], ticks[0])

    counts = {"heard": 0, "ticks": 0}
    ticks = [0]

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def tick() -> None:
            ticks[0] += 1
            if counts["heard"] < 9000:
                loop.call_soon(tick)

        async with serving(app) as site:
            wire = await site.open("/say")
            async with asyncio.timeout(PATIENCE):
                assert len(await wire.reader.readexactly(1004 * 1000)) == 1004 * 1000
            wire.writer.close()
            tick()
            begun = ticks[0]
            wire = await site.open("/hear", then=frame(BINARY, b"x") * 9000)
            async with asyncio.timeout(PATIENCE):
                while counts["heard"] < 9000:
                    await asyncio.sleep(0.01)
            assert counts["ticks"] - begun > 20

    run(main())


def test_a_route_refuses_options_it_does_not_know() -> None:
    """At registration, where the mistake is."""
    app = App("options")
    with pytest.raises(TypeError, match="color"):
        app.websocket("/", color="red")(_nothing)
    with pytest.raises(TypeError, match="lists of str"):
        app.websocket("/", subprotocols="chat")(_nothing)
    with pytest.raises(ValueError, match="queue"):
        app.websocket("/", queue=0)(_nothing)


async def _nothing(ws: WebSocket) -> None:
    pass


def test_the_same_path_for_http_and_websocket() -> None:
    """One address may be both."""
    app = echo_app()
    app.get("/")(lambda: "page")

    async def main() -> None:
        async with serving(app) as site:
            wire = await site.wire(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await wire.head()).startswith(b"HTTP/1.1 200 ")
            assert await wire.reader.readexactly(4) == b"page"
            wire.send(handshake(), frame(TEXT, b"hi"))
            assert (await wire.head()).startswith(b"HTTP/1.1 101 ")
            assert await wire.frame() == (TEXT, b"hi")

    run(main())
