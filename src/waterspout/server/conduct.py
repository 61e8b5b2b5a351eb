"""Choices that HTTP leaves to a server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OURS", "Conduct"]


@dataclass(frozen=True, slots=True)
class Conduct:
    """The choices. The defaults are ours, the other values those of servers that programs were
    written for."""

    takes_connect: bool = False
    """Whether the application handles CONNECT; otherwise 501."""
    reads_chunks_in_1_0: bool = False
    """Whether an HTTP/1.0 request may have Transfer-Encoding; otherwise it is refused. SECURITY:
    the connection is closed after it, as other servers may see another end of it (RFC 9112
    §6.1)."""
    says_close_to_1_0: bool = True
    """Whether a response to HTTP/1.0 that closes says ``Connection: close``, which is optional."""
    waits_for_silent_1_0: bool = True
    """Whether an HTTP/1.0 client that has shut its sending side gets a response; otherwise it
    counts as disconnected. Unlike for HTTP/1.1, the server cannot find out which it is."""


OURS = Conduct()
