"""One socket in rooms: its queue, and how a message is written to each kind of socket."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from waterspout import WebSocket, WebSocketClosed, WebSocketHandler
from waterspout.tornado.websocket import WebSocketClosedError

__all__ = ["Member", "Message", "socket_of"]

Message = str | bytes

_logger = logging.getLogger("waterspout.rooms")

#: Close code "try again later", of a client that does not keep up.
_TRY_AGAIN = 1013


class Socket(Protocol):
    """What a member needs of a socket, on the thread of its loop."""

    loop: asyncio.AbstractEventLoop

    def send(self, message: Message) -> Awaitable[object] | None:
        """Send; what is returned is to be awaited before the next. Raises `WebSocketClosed`."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close."""

    def on_close(self, callback: Callable[[], object]) -> None:
        """Call *callback* when it has closed."""


class _Core:
    """A `WebSocket`."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.loop = socket.loop
        self.send = socket.send_soon
        self._closing: asyncio.Task[None] | None = None

    def close(self, code: int, reason: str) -> None:
        self._closing = self.loop.create_task(self._socket.close(code, reason))

    def on_close(self, callback: Callable[[], object]) -> None:
        self._socket.add_close_callback(callback)


class _Tornado:
    """A `WebSocketHandler`."""

    def __init__(self, handler: WebSocketHandler) -> None:
        self._handler = handler
        self.loop = asyncio.get_running_loop()

    def send(self, message: Message) -> Awaitable[object] | None:
        try:
            written = self._handler.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            raise WebSocketClosed(1006, "") from None
        if not written.done():
            return written
        written.result()
        return None

    def close(self, code: int, reason: str) -> None:
        self._handler.close(code, reason)

    def on_close(self, callback: Callable[[], object]) -> None:
        # Tornado tells nobody but the handler's own methods.
        own: Any = self._handler.on_connection_close

        def closed() -> None:
            try:
                own()
            finally:
                callback()

        self._handler.on_connection_close = closed  # type: ignore[method-assign]


def socket_of(ws: object) -> tuple[object, Callable[[], Socket]]:
    """Return what identifies a socket, and a function that makes its `Socket`.

    Raises `TypeError` for something else, `RuntimeError` for one that is not open.
    """
    if isinstance(ws, WebSocketHandler):
        if ws.ws_connection is None:
            raise RuntimeError("This WebSocketHandler is not open: join in open(), or later.")
        return ws, lambda: _Tornado(ws)
    core = getattr(ws, "socket", ws)  # of a `def` function's
    if not isinstance(core, WebSocket):
        raise TypeError(
            f"A room has WebSockets (of @app.websocket functions) and WebSocketHandlers, not"
            f" {type(ws).__name__}."
        )
    if not core.accepted:
        raise RuntimeError("Accept the WebSocket before it joins a room: ws.accept().")
    return core, lambda: _Core(core)


class Member:
    """A socket that is in rooms.

    What cannot be written at once waits in a queue of *limit* messages, in order; when it is full,
    *slow* says what happens. Nobody else waits for it.
    """

    def __init__(self, id: str, socket: Socket, limit: int, slow: str) -> None:
        self.id = id
        #: Its data in each room that it is in.
        self.rooms: dict[str, Any] = {}
        self.loop = socket.loop
        self._socket = socket
        self._limit = limit
        self._slow = slow
        self._waiting: deque[Message] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False
        self._on_gone: Callable[[], object] = _nobody_cares

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Call *callback* when nothing more can be sent to the socket; perhaps more than once."""
        self._on_gone = callback
        self._socket.on_close(callback)

    def _end(self) -> None:
        self._closed = True
        self._waiting.clear()
        self._on_gone()

    def put(self, message: Message) -> None:
        """Send *message*, now or when it is its turn, on the thread of `loop`."""
        if self._closed:
            return
        if self._flushing is not None:
            self._queue(message)
            return
        try:
            pending = self._socket.send(message)
        except WebSocketClosed:
            self._end()
            return
        if pending is not None:
            self._flushing = self.loop.create_task(self._flush(pending))

    def _queue(self, message: Message) -> None:
        if len(self._waiting) < self._limit:
            self._waiting.append(message)
        elif self._slow == "drop":
            self._waiting.popleft()
            self._waiting.append(message)
        else:
            _logger.info("A member of rooms is closed: %d messages wait for it.", self._limit)
            self._socket.close(_TRY_AGAIN, "too slow")
            self._end()

    async def _flush(self, pending: Awaitable[object]) -> None:
        """Write what waits, as fast as the client reads."""
        try:
            await pending
            while self._waiting:
                more = self._socket.send(self._waiting.popleft())
                if more is not None:
                    await more
        except (WebSocketClosed, WebSocketClosedError):
            self._end()
        finally:
            self._flushing = None


def _nobody_cares() -> None:
    """Nobody wants to know."""
