"""What a door and the user of a WebSocket offer each other.

Each door (our server, ASGI) makes an `Upgrade` of a request that asks for one. Who accepts it
gives it a `Sink`, which is told what arrives, and gets the client's `End` of the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

Header = tuple[str, str]


class Sink(Protocol):
    """Who is told what the peer sends, in its order."""

    def on_message(self, message: str | bytes) -> None:
        """A message: str is text, bytes is binary."""

    def on_ping(self, data: bytes) -> None:
        """A ping, which is answered already."""

    def on_pong(self, data: bytes) -> None:
        """A pong."""

    def on_close(self, code: int, reason: str) -> None:
        """The last call: nothing more arrives (see `WebSocketClosed` for the codes)."""

    def on_stop(self) -> None:
        """The server stops: say goodbye with 1001."""


class End(Protocol):
    """The client's end of an open connection."""

    def send_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Send a message; what is returned, if anything, is to be awaited before the next.

        Raises `WebSocketClosed`.
        """

    def send_control(self, opcode: int, data: bytes) -> Awaitable[None] | None:
        """Send a ping (9) or a pong (10) of at most 125 bytes; as `send_message`."""

    def closed(self) -> bool:
        """Whether nothing can be sent any more."""

    def abort(self) -> None:
        """Drop the connection at once."""

    def close_written(self) -> None:
        """Close without a closing handshake, when what was sent is written."""

    def leave(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake, unless it has begun; `Sink.on_close` tells its end.

        Raises `ValueError` for a code that may not be sent, or a reason above 123 bytes.
        """

    def pause(self) -> None:
        """Tell the sink nothing for a while, and let the peer wait."""

    def resume(self) -> None:
        """Undo `pause`, and begin: an end is paused when it is made."""

    def finished(self) -> None:
        """Whoever used the connection needs it no longer; a stop need not wait for him."""


class Upgrade(Protocol):
    """A client that asked for an upgrade, and waits for the answer."""

    offered: tuple[str, ...]
    """The subprotocols that the client offers, best first."""

    async def accept(self, sink: Sink, subprotocol: str | None, headers: list[Header]) -> End:
        """Complete the opening handshake. Raises `WebSocketClosed` if the client has gone."""
