"""The `WebSocket` object of a WebSocket function."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from werkzeug.exceptions import Forbidden

from ..json.provider import JSONProvider
from ..typing import JSONValue
from .errors import ABNORMAL, WebSocketClosed
from .headers import checked_fields

if TYPE_CHECKING:
    from .settings import SocketSettings
    from .transport import End, Header, Upgrade

__all__ = ["WebSocket"]

_PING = 9
#: Messages taken in one turn of the event loop.
_IN_ONE_TURN = 256

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class WebSocket:
    """The connection to one client, the argument of an ``@app.websocket`` function.

        @app.websocket("/echo")
        async def echo(ws):
            async for message in ws:
                await ws.send(message)

    A message is str (text) or bytes (binary). The handshake is accepted by `accept`, or by the
    first use; a function that raises or returns before that refuses it with an HTTP response. The
    iteration ends when the connection does; `receive` and `send` then raise `WebSocketClosed`.
    """

    def __init__(
        self,
        upgrade: Upgrade,
        settings: SocketSettings,
        subprotocols: Sequence[str] = (),
        json: JSONProvider | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._upgrade = upgrade
        self._end: End = None  # type: ignore[assignment]  # from `accept` on
        self.settings = settings
        self._json = json
        self._supported = subprotocols
        self._messages: deque[str | bytes] = deque()
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._over: asyncio.Future[None] | None = None
        self._taken = 0  # messages, without waiting for one
        self._leaving = False  # a close frame was sent: messages that still arrive are dropped
        self._broken = False  # nothing can be sent, but received messages may still be read
        self.before_accept: Callable[[], Awaitable[list[Header]]] | None = None
        """Called before the handshake is accepted; returns header fields for the response."""
        self.when_closed: Callable[[], object] | None = None
        """Called once when it has closed."""
        self.accepted = False
        """Whether the handshake was accepted."""
        self.subprotocol: str | None = None
        """The subprotocol agreed on."""
        self._close_callbacks: list[Callable[[], object]] = []
        self.close_code: int | None = None
        """Once it is closed: the code, see `WebSocketClosed`."""
        self.close_reason: str | None = None
        """Once it is closed: the reason."""

    # -- the opening handshake -----------------------------------------------------------

    @property
    def offered_subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that the client offers, best first."""
        return self._upgrade.offered

    async def accept(self, subprotocol: str | None = None, headers: Headers | None = None) -> None:
        """Accept the client: with *subprotocol*, or the first it offers that the route has, and
        *headers* added to the response.

        Raises `RuntimeError` the second time, `ValueError` for a subprotocol that was not offered,
        `WebSocketClosed` if the client has left.
        """
        if self.accepted:
            raise RuntimeError("The WebSocket was accepted already.")
        offered = self._upgrade.offered
        if subprotocol is None:
            subprotocol = next((name for name in offered if name in self._supported), None)
        elif subprotocol not in offered:
            raise ValueError(f"The client did not offer the subprotocol {subprotocol!r}.")
        fields = checked_fields(headers)
        if self.before_accept is not None:
            fields += await self.before_accept()
        try:
            self._end = await self._upgrade.accept(self, subprotocol, fields)
        except WebSocketClosed as error:  # the client has left
            self.close_code, self.close_reason = error.code, error.reason
            raise
        self.subprotocol = subprotocol
        self.accepted = True
        self._end.resume()

    # -- messages --------------------------------------------------------------------------

    async def receive(self) -> str | bytes:
        """Return the next message; waits for it. Raises `WebSocketClosed`."""
        if not self.accepted:
            await self.accept()
        messages = self._messages
        self._taken += 1
        if not messages:
            self._taken = 0
        elif self._taken >= _IN_ONE_TURN:
            self._taken = 0
            await asyncio.sleep(0)  # so that a busy client does not keep the loop to itself
        while not messages:
            if self.close_code is not None:
                raise self._closed()
            if self._waiter is not None:
                raise RuntimeError("Another task waits for this WebSocket's next message.")
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = messages.popleft()
        if self._paused and len(messages) * 2 <= self.settings.queue:
            self._paused = False
            self._end.resume()
        return message

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message; waits while the client does not keep up. Raises `WebSocketClosed`."""
        if not self.accepted:
            await self.accept()
        if not isinstance(message, str | bytes):
            if not isinstance(message, bytearray | memoryview):
                raise TypeError(
                    f"A message is str or bytes, not {type(message).__name__}; for other values"
                    " there is send_json."
                )
            message = bytes(message)
        try:
            waiting = self._end.send_message(message)
            if waiting is not None:
                await waiting
        except WebSocketClosed:
            self._broken = True
            raise self._closed() from None

    def send_soon(self, message: str | bytes) -> Awaitable[None] | None:
        """Send a message without waiting, on the thread of `loop`. What is returned, if anything,
        is to be awaited before the next: the client does not keep up.

        Raises `RuntimeError` before the handshake is accepted, `WebSocketClosed`.
        """
        if not self.accepted:
            raise RuntimeError("The WebSocket is not accepted yet.")
        try:
            return self._end.send_message(message)
        except WebSocketClosed:
            self._broken = True
            raise self._closed() from None

    async def receive_json(self) -> JSONValue:
        """Return the next message as the app's JSON provider reads it; `ValueError` if it is not
        JSON."""
        return self._provider.loads(await self.receive())

    async def send_json(self, value: object) -> None:
        """Send *value* as JSON text, written by the app's JSON provider."""
        await self.send(self._provider.dumps(value))

    async def ping(self, data: bytes = b"") -> None:
        """Send a ping of at most 125 bytes. Keep-alive pings are sent without this."""
        if not self.accepted:
            await self.accept()
        if self.closed:
            raise self._closed()
        self._end.send_control(_PING, data)

    def __aiter__(self) -> WebSocket:
        return self

    async def __anext__(self) -> str | bytes:
        # As `receive`, without its coroutine where a message is there already.
        if self._messages and not self._paused and self._taken < _IN_ONE_TURN - 1:
            self._taken += 1
            return self._messages.popleft()
        try:
            return await self.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None

    # -- the end ---------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it lives on."""
        return self._loop

    def add_close_callback(self, callback: Callable[[], object]) -> None:
        """Call *callback* once when the connection has ended, on the thread of `loop`."""
        if self.close_code is not None:
            self._loop.call_soon_threadsafe(callback)
        else:
            self._close_callbacks.append(callback)

    @property
    def closed(self) -> bool:
        """Whether it is closed, or closing: nothing can be sent any more."""
        return self._leaving or self._broken or self.close_code is not None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, and wait for the client's, within the time limit.

        Raises `Forbidden` before the WebSocket is accepted, which refuses the client with 403, and
        `ValueError` for a code that may not be sent (RFC 6455 §7.4) or a reason above 123 bytes.
        """
        if not self.accepted:
            raise Forbidden("The WebSocket was refused.")
        self.leave(code, reason)
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection has ended; unread messages delay that."""
        if self.close_code is None:
            if self._over is None:
                self._over = self._loop.create_future()
            await asyncio.shield(self._over)

    def finished(self) -> None:
        """Note that the function has ended."""
        if self.accepted:
            self._end.finished()

    def leave(self, code: int, reason: str) -> None:
        if self._leaving or self.close_code is not None:
            return
        self._end.leave(code, reason)
        self._leaving = True
        self._messages.clear()
        if self._paused:
            self._paused = False
            self._end.resume()

    def _closed(self) -> WebSocketClosed:
        return WebSocketClosed(self.close_code or ABNORMAL, self.close_reason or "")

    @property
    def _provider(self) -> JSONProvider:
        assert self._json is not None, "made without a JSON provider"
        return self._json

    # -- called by the end (`transport.Sink`) ----------------------------------------------------

    def on_message(self, message: str | bytes) -> None:
        """Keep a message; with many waiting, the client is paused."""
        if self._leaving:
            return
        self._messages.append(message)
        if self._waiter is not None:
            self._wake()
        if len(self._messages) >= self.settings.queue and not self._paused:
            self._paused = True
            self._end.pause()

    def on_ping(self, data: bytes) -> None:
        """Do nothing: it has been answered."""

    def on_pong(self, data: bytes) -> None:
        """Do nothing: the end has noted that the client lives."""

    def on_close(self, code: int, reason: str) -> None:
        """Note the end of the connection."""
        self.close_code = code
        self.close_reason = reason
        self._wake()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        if self.when_closed is not None:
            self.when_closed()
        callbacks, self._close_callbacks = self._close_callbacks, []
        for callback in callbacks:
            callback()

    def on_stop(self) -> None:
        """Close the socket: the server stops, or the function was cancelled."""
        if self.accepted:
            self.leave(1001, "")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
