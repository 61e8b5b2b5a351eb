"""WebSockets of an ASGI server: the ``websocket`` scope.

The server has checked the opening handshake, and handles frames, pings and compression;
this code receives messages. A refusal is the response of the pipeline, where the server can send
one (the extension ``websocket.http.response``); otherwise the client gets the server's own 403.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from ...websockets.errors import ABNORMAL, NO_STATUS, WebSocketClosed
from ...websockets.limits import Capped, capped
from ...websockets.protocol import is_sendable
from ...websockets.settings import SocketSettings
from ...websockets.transport import Header, Sink
from .cycle import Answer
from .scopes import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from ...http.message import Incoming
    from ...interfaces import Application

__all__ = ["SocketAnswer"]

_DENIAL = "websocket.http.response"


class SocketAnswer(Answer):
    """Handles one ``websocket`` scope to its end; the `Upgrade` of its client."""

    def __init__(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        http_scope = {**scope, "method": "GET"}
        http_scope["scheme"] = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http")
        names = {bytes(name).lower() for name, _ in scope["headers"]}
        if b"upgrade" not in names:  # HTTP/2 has no such field (RFC 8441)
            http_scope["headers"] = [*scope["headers"], (b"upgrade", b"websocket")]
        super().__init__(app, http_scope, _nothing, self._deny)
        self.exchange.incoming.upgrade = True
        self.offered = tuple(scope.get("subprotocols") or ())
        self._receive_event = receive
        self._send_event = send
        self._can_deny = _DENIAL in (scope.get("extensions") or {})
        self._settings = SocketSettings()
        self._end_of_client: AsgiEnd | None = None

    async def run(self) -> None:
        """Run the pipeline, which accepts or refuses the client."""
        event = await self._receive_event()
        if event["type"] != "websocket.connect":
            return
        try:
            await super().run()
        finally:
            if self._end_of_client is not None:
                await self._end_of_client.ended()

    def upgrade(self, incoming: Incoming, settings: SocketSettings) -> SocketAnswer:
        """Return the WebSocket that is requested: this object."""
        self._settings = settings
        return self

    async def accept(
        self, sink: Sink, subprotocol: str | None, headers: list[Header]
    ) -> AsgiEnd | Capped:
        """Complete the opening handshake.

        Raises `WebSocketClosed` if the client has gone.
        """
        settings = self._settings
        caps = capped(self.app, self.exchange.incoming, sink, settings)
        self.exchange.abandoned = True  # no HTTP response follows
        self.exchange.status = 101
        event = {
            "type": "websocket.accept",
            "subprotocol": subprotocol,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ],
        }
        try:
            await self._send_event(event)
        except OSError:  # the client has gone (ASGI: send may raise it)
            if caps is not None:
                caps.release()
            raise WebSocketClosed() from None
        end = AsgiEnd(caps or sink, self._receive_event, self._send_event, settings)
        self._end_of_client = end
        return end if caps is None else caps.watch(end)

    async def _deny(self, event: Message) -> None:
        if self._can_deny:
            kind = event["type"].removeprefix("http.response")
            await self._send_event({**event, "type": f"{_DENIAL}{kind}"})
        elif event["type"] == "http.response.start":
            await self._send_event({"type": "websocket.close", "code": 1000})


class AsgiEnd:
    """The client's end of an open connection (`websockets.transport.End`)."""

    def __init__(self, sink: Sink, receive: Receive, send: Send, settings: SocketSettings) -> None:
        self._sink = sink
        self._receive = receive
        self._send = send
        self._max_size = settings.max_message_size
        self._max_unsent = settings.max_unsent
        self._unsent = 0  # of messages that wait for the client, in bytes or characters
        self._going = asyncio.Event()
        self._order = asyncio.Lock()
        self._closed = False
        self._listener = asyncio.create_task(self._listen())
        self._goodbye: asyncio.Task[None] | None = None

    async def _listen(self) -> None:
        """Pass on to the sink what arrives, unless paused."""
        while not self._closed:
            await self._going.wait()
            event = await self._receive()
            await self._going.wait()  # paused meanwhile
            if event["type"] == "websocket.disconnect":
                self._end(event.get("code") or NO_STATUS, event.get("reason") or "")
            elif event["type"] == "websocket.receive" and not self._closed:
                message = event.get("text")
                if message is None:
                    message = event["bytes"]
                if self._max_size is not None and len(message) > self._max_size:
                    self.leave(1009, "the message is too big")
                else:
                    self._sink.on_message(message)

    def _end(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._sink.on_close(code, reason)

    def send_message(self, message: str | bytes) -> Awaitable[None]:
        """Send a message. Raises `WebSocketClosed`."""
        if self._max_unsent is not None and self._unsent > self._max_unsent:
            self.abort()
        if self._closed:
            raise WebSocketClosed()
        self._unsent += len(message)
        return self._deliver_message(
            {"type": "websocket.send", "text": message}
            if isinstance(message, str)
            else {"type": "websocket.send", "bytes": message},
            len(message),
        )

    async def _deliver_message(self, event: dict[str, object], size: int) -> None:
        try:
            await self._deliver(event)
        finally:
            self._unsent -= size

    async def _deliver(self, event: dict[str, object]) -> None:
        try:
            async with self._order:
                await self._send(event)
        except OSError:  # the client has gone (ASGI: send may raise it)
            self._end(ABNORMAL, "")
            raise WebSocketClosed() from None

    def send_control(self, opcode: int, data: bytes) -> None:
        """Do nothing: pings are the server's task."""

    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed

    def abort(self) -> None:
        """Close normally: ASGI cannot drop a connection."""
        self.leave(1011, "")

    close_written = abort  # after what was sent

    def leave(self, code: int | None, reason: str) -> None:
        """Close; the server waits for the client's close frame. `ValueError` for a code that may
        not be sent: servers would drop the connection, or send it."""
        if code is not None and not is_sendable(code):
            raise ValueError(f"{code} is no close code that may be sent (RFC 6455 §7.4).")
        if not self._closed:
            code = 1000 if code is None else code
            event = {"type": "websocket.close", "code": code, "reason": reason}
            self._goodbye = asyncio.create_task(self._say(event))
            self._end(code, reason)

    async def _say(self, event: dict[str, object]) -> None:
        try:
            await self._deliver(event)
        except WebSocketClosed:
            pass

    def pause(self) -> None:
        """Stop calling the sink."""
        self._going.clear()

    def resume(self) -> None:
        """Undo `pause`."""
        self._going.set()

    def finished(self) -> None:
        """Note that the user needs the connection no longer."""

    async def ended(self) -> None:
        """Wait until a close frame is sent, and stop listening."""
        self._listener.cancel()
        tasks = {self._listener} if self._goodbye is None else {self._listener, self._goodbye}
        await asyncio.wait(tasks)


async def _nothing() -> Any:
    """Receive nothing: the request has no body, and `AsgiEnd` receives the disconnection."""
    await asyncio.Event().wait()
