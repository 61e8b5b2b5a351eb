"""What the parts of the server ask of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..http.message import Incoming

__all__ = ["RequestSink"]


class RequestSink(Protocol):
    """Who is told of requests by `http1.RequestParser`."""

    def on_request(self, incoming: Incoming) -> None:
        """The header section of a request is complete; the parser's fields describe it."""

    def on_body(self, data: bytes) -> None:
        """A piece of the body arrived."""

    def on_end(self) -> None:
        """The request is complete."""

    def on_pipelined(self) -> None:
        """The request that begins came in one read with another."""

    def on_long_read(self) -> None:
        """A read takes longer than `Limits.turn`: to be paused, and resumed in a later turn."""
