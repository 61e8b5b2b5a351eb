"""What a server does where HTTP leaves it the choice."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OURS", "Conduct"]


@dataclass(frozen=True, slots=True)
class Conduct:
    """The choices; the defaults are ours, the others those of servers that programs were written
    for."""

    takes_connect: bool = False
    """CONNECT is for the application to answer; else it gets a 501."""
    reads_chunks_in_1_0: bool = False
    """An HTTP/1.0 request may have Transfer-Encoding. SECURITY: the connection is closed behind it,
    as others may see other bounds (RFC 9112 §6.1). Else it is refused."""
    says_close_to_1_0: bool = True
    """An answer to HTTP/1.0 says ``Connection: close`` where it closes, which nobody has to say."""
    waits_for_silent_1_0: bool = True
    """An HTTP/1.0 client that has shut its sending side is answered; else it is taken for gone.
    Whether it is cannot be found out, as it can of an HTTP/1.1 client."""


OURS = Conduct()
