"""The interfaces between a gateway and the user of a WebSocket.

Each gateway (our server, ASGI) makes an `Upgrade` of a request for a WebSocket. The user accepts it
with a `Sink`, which is called with what arrives, and gets the client's `End` of the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

Header = tuple[str, str]


class Sink(Protocol):
    """The receiver of what the peer sends, in order."""

    def on_message(self, message: str | bytes) -> None:
        """A message: str is text, bytes is binary."""

    def on_ping(self, data: bytes) -> None:
        """A ping, which has been answered already."""

    def on_pong(self, data: bytes) -> None:
        """A pong."""

    def on_close(self, code: int, reason: str) -> None:
        """The end, always the last call (see `WebSocketClosed` for the codes)."""

    def on_stop(self) -> None:
        """The server stops: close with 1001."""


class End(Protocol):
    """The client's end of an open connection."""

    def send_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Send a message; an awaitable that is returned must be awaited before the next.

        Raises `WebSocketClosed`.
        """

    def send_control(self, opcode: int, data: bytes) -> Awaitable[None] | None:
        """Send a ping (9) or a pong (10) of at most 125 bytes; otherwise as `send_message`."""

    def closed(self) -> bool:
        """Whether nothing can be sent any more."""

    def abort(self) -> None:
        """Drop the connection at once."""

    def close_written(self) -> None:
        """Close without a closing handshake, after pending bytes are written."""

    def leave(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake, unless it has begun; `Sink.on_close` is called at its end.

        Raises `ValueError` for a code that may not be sent, or a reason above 123 bytes.
        """

    def pause(self) -> None:
        """Call the sink no more for a while, and let the peer wait."""

    def resume(self) -> None:
        """Undo `pause`. An end is paused when it is made."""

    def finished(self) -> None:
        """Note that the user needs the connection no longer; a stop need not wait for it."""


class Upgrade(Protocol):
    """A client that requested an upgrade, and waits for the response."""

    offered: tuple[str, ...]
    """The subprotocols that the client offers, best first."""

    async def accept(self, sink: Sink, subprotocol: str | None, headers: list[Header]) -> End:
        """Complete the opening handshake. Raises `WebSocketClosed` if the client has gone."""
