"""A WebSocket for ``def`` functions: each call blocks its thread until it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, TypeVar

from ..typing import JSONValue
from .errors import WebSocketClosed
from .socket import Headers, WebSocket

__all__ = ["BlockingWebSocket"]

if TYPE_CHECKING:
    from .transport import Header

T = TypeVar("T")


class BlockingWebSocket:
    """The argument of a ``def`` function: a `WebSocket` whose methods block instead of being
    awaited.

    It belongs to the function's thread, which it keeps until the function returns. So
    *before_accept* is called in that thread, before the handshake is accepted, and returns header
    fields for the response: called on the loop, it would wait for the thread, which waits here.
    """

    def __init__(
        self,
        socket: WebSocket,
        loop: asyncio.AbstractEventLoop,
        before_accept: Callable[[], list[Header]],
    ) -> None:
        self._socket = socket
        self._loop = loop
        self._before_accept = before_accept

    def _wait(self, call: Coroutine[object, object, T], timeout: float | None = None) -> T:
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def accept(self, subprotocol: str | None = None, headers: Headers | None = None) -> None:
        """See `WebSocket.accept`."""
        if not self._socket.accepted:
            fields = self._before_accept()

            async def made() -> list[Header]:
                return fields

            self._socket.before_accept = made
        self._wait(self._socket.accept(subprotocol, headers))

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Return the next message. Raises `WebSocketClosed`; `TimeoutError` after *timeout*
        seconds without one."""
        self._open()
        return self._wait(self._socket.receive(), timeout)

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message. Raises `WebSocketClosed`."""
        self._open()
        self._wait(self._socket.send(message))

    def receive_json(self, timeout: float | None = None) -> JSONValue:
        """Return the next message, read as JSON."""
        self._open()
        return self._wait(self._socket.receive_json(), timeout)

    def send_json(self, value: object) -> None:
        """Send *value* as JSON text."""
        self._open()
        self._wait(self._socket.send_json(value))

    def ping(self, data: bytes = b"") -> None:
        """Send a ping."""
        self._open()
        self._wait(self._socket.ping(data))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame and wait for the client's."""
        self._wait(self._socket.close(code, reason))

    def _open(self) -> None:
        if not self._socket.accepted:
            self.accept()

    def __iter__(self) -> Iterator[str | bytes]:
        while True:
            try:
                yield self.receive()
            except WebSocketClosed:
                return

    @property
    def socket(self) -> WebSocket:
        """The same WebSocket for code on its event loop."""
        return self._socket

    @property
    def accepted(self) -> bool:
        """Whether the handshake was accepted."""
        return self._socket.accepted

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._socket.closed

    @property
    def offered_subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that the client offers, best first."""
        return self._socket.offered_subprotocols

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol agreed on."""
        return self._socket.subprotocol

    @property
    def close_code(self) -> int | None:
        """The code, once it is closed."""
        return self._socket.close_code

    @property
    def close_reason(self) -> str | None:
        """The reason, once it is closed."""
        return self._socket.close_reason
