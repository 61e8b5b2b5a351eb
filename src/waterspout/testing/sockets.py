"""WebSockets of the test clients: the application's ASGI gateway, with the client's end in your
hand.

`SocketVisit` is for ``async with`` clients; `BlockingVisit` drives one on an event loop of its own
in a thread, because in the synchronous client no loop runs in the test's thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.datastructures import Headers

from ..concurrency.thread_pools import lanes_of
from ..gateways.asgi.websocket import SocketAnswer
from ..typing import Coro, JSONValue, Values
from ..websockets.errors import NO_STATUS, WebSocketClosed

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from ..gateways.asgi.scopes import Scope
    from ..interfaces import Application

__all__ = ["BlockingVisit", "SocketVisit", "WebSocketRefused", "socket_scope"]

T = TypeVar("T")

#: Messages the application may send before the client takes one.
_AHEAD = 16

Respond = Callable[[list[bytes], int, Headers], "TestResponse"]


class WebSocketRefused(Exception):
    """The application refused the opening handshake; *response* is its HTTP answer."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__(f"the WebSocket was refused: {response.status}")
        self.response = response


class SocketVisit:
    """One WebSocket as the client sees it.

        async with client.websocket("/chat", subprotocols=["v1"]) as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"

    Entering raises `WebSocketRefused`. Leaving the block says goodbye, and returns when the
    application has ended; it raises the error that the function let out, where the app
    propagates errors (TESTING).
    """

    def __init__(self, app: Application, scope: Scope, respond: Respond) -> None:
        self.patience: float | None = 5.0
        """Seconds to wait for the application; None: for ever."""
        self._app = app
        self._scope = scope
        self._respond = respond
        self._to_app: asyncio.Queue[Values] = asyncio.Queue()
        self._from_app: asyncio.Queue[Values] = asyncio.Queue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._task: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._said_goodbye = False
        self.subprotocol: str | None = None
        """The subprotocol agreed on."""
        self.headers = Headers()
        """Header fields that the application added to its response."""
        self.close_code: int | None = None
        """The code the application closed with."""
        self.close_reason: str | None = None
        """Its reason."""

    # -- the client's end ------------------------------------------------------------

    async def __aenter__(self) -> SocketVisit:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
        await self._finish(raising=exc[0] is None)

    async def connect(self) -> None:
        """Do the opening handshake. Raises `WebSocketRefused`, or what the app lets out."""
        self._task = asyncio.create_task(self._live())
        self._to_app.put_nowait({"type": "websocket.connect"})
        event = await self._next()
        headers = _fields(event)
        if event["type"] == "websocket.accept":
            self.subprotocol = event.get("subprotocol")
            self.headers = headers
            self._respond([], 101, headers)  # its cookies are kept
            return
        body = []
        while event["type"] != "end":
            body.append(event.get("body", b""))
            if event["type"] == "websocket.http.response.start":
                status, headers = event["status"], _fields(event)
            event = await self._next()
        await self._finish(raising=True)
        raise WebSocketRefused(self._respond(body, status, headers))

    async def send(self, message: str | bytes) -> None:
        """Send a message, str as text and bytes as binary. Raises `WebSocketClosed`."""
        if self.close_code is not None:
            raise WebSocketClosed(self.close_code, self.close_reason or "")
        kind = "text" if isinstance(message, str) else "bytes"
        await self._to_app.put({"type": "websocket.receive", kind: message})

    async def receive(self) -> str | bytes:
        """Return the next message. Raises `WebSocketClosed` when the application has closed, the
        error that it let out, and `TimeoutError` after `patience` seconds."""
        event = await self._next()
        if event["type"] == "websocket.send":
            message: str | bytes | None = event.get("text")
            return event["bytes"] if message is None else message
        if self._error is not None:
            await self._finish(raising=True)
        raise WebSocketClosed(self.close_code or NO_STATUS, self.close_reason or "")

    async def send_json(self, value: object) -> None:
        """Send *value* as JSON text."""
        await self.send(self._app.json.dumps(value))

    async def receive_json(self) -> JSONValue:
        """Return the next message, read as JSON."""
        return self._app.json.loads(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        if not self._said_goodbye:
            self._said_goodbye = True
            await self._to_app.put({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def _next(self) -> Values:
        async with asyncio.timeout(self.patience):
            event = await self._from_app.get()
        self._room.release()
        if event["type"] == "end":
            self._from_app.put_nowait(event)  # for whoever asks next
        return event

    async def _finish(self, *, raising: bool) -> None:
        assert self._task is not None
        self._said_goodbye = True  # whatever it still sends is not wanted
        for _ in range(_AHEAD):
            self._room.release()
        await asyncio.wait({self._task})
        error, self._error = self._error, None
        if raising and error is not None:
            raise error
        if raising:
            self._task.result()

    # -- the application's end ---------------------------------------------------------

    async def _live(self) -> None:
        answer = SocketAnswer(self._app, self._scope, self._to_app.get, self._take)
        answer.on_error = self._note_error
        try:
            await answer.run()
        finally:
            self._from_app.put_nowait({"type": "end"})

    def _note_error(self, error: Exception) -> None:
        self._error = error

    async def _take(self, event: Any) -> None:
        if event["type"] == "websocket.close":
            self.close_code = event.get("code", 1000)
            self.close_reason = event.get("reason", "")
            event = {"type": "end"}
            self._said_goodbye = True
            self._to_app.put_nowait({"type": "websocket.disconnect", "code": self.close_code})
        if self._said_goodbye and event["type"] == "websocket.send":
            raise OSError("The client has gone.")
        await self._room.acquire()
        self._from_app.put_nowait(event)


def socket_scope(scope: Scope, subprotocols: Sequence[str]) -> Scope:
    """Return the ``websocket`` scope that goes with an ``http`` one."""
    fields = [
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"d2F0ZXJzcG91dC10ZXN0cw=="),
    ]
    if subprotocols:
        fields.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode()))
    return {
        **scope,
        "type": "websocket",
        "scheme": "wss" if scope["scheme"] == "https" else "ws",
        "headers": [*scope["headers"], *fields],
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
    }


def _fields(event: Values) -> Headers:
    pairs = event.get("headers") or ()
    return Headers([(n.decode("latin-1"), v.decode("latin-1")) for n, v in pairs])


class BlockingVisit:
    """`SocketVisit` for the synchronous client: the same methods, without ``await``.

    with client.websocket("/chat") as ws:
        ws.send("hello")
        assert ws.receive() == "hello"
    """

    def __init__(self, app: Application, scope: Scope, respond: Respond) -> None:
        self._visit = SocketVisit(app, scope, respond)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="waterspout-test-socket")

    def _run(self) -> None:
        lanes = lanes_of(self._loop)
        lanes.hold()
        try:
            self._loop.run_forever()
        finally:
            lanes.release()
            self._loop.close()

    def _call(self, call: Coro[T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def __enter__(self) -> BlockingVisit:
        self._thread.start()
        try:
            self._call(self._visit.connect())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._call(self._visit.__aexit__(*exc))
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        self._call(self._visit.send(message))

    def receive(self) -> str | bytes:
        """Return the next message."""
        return self._call(self._visit.receive())

    def send_json(self, value: object) -> None:
        """Send *value* as JSON text."""
        self._call(self._visit.send_json(value))

    def receive_json(self) -> JSONValue:
        """Return the next message, read as JSON."""
        return self._call(self._visit.receive_json())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        self._call(self._visit.close(code, reason))

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the application."""
        return self._visit.patience

    @patience.setter
    def patience(self, seconds: float | None) -> None:
        self._visit.patience = seconds

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol agreed on."""
        return self._visit.subprotocol

    @property
    def headers(self) -> Headers:
        """Header fields that the application added to its response."""
        return self._visit.headers

    @property
    def close_code(self) -> int | None:
        """The code the application closed with."""
        return self._visit.close_code

    @property
    def close_reason(self) -> str | None:
        """Its reason."""
        return self._visit.close_reason
