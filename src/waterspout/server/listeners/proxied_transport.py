"""A connection passed on by a proxy: its client is the one that the PROXY header names."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from ..http1.connection import Connection
from .proxy_protocol import Preamble

if TYPE_CHECKING:
    from ..interfaces import ServerView

__all__ = ["ProxiedConnection", "peer_of"]


class ProxiedConnection(Connection):
    """The protocol of a client behind a proxy that does not speak HTTP."""

    __slots__ = ("_preamble",)

    def __init__(self, server: ServerView, preamble: Preamble) -> None:
        super().__init__(server)
        self._preamble = preamble

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy has connected, and has named its client."""
        super().connection_made(transport)
        origin = self.parser.origin
        if self._preamble.client is not None:
            origin = origin._replace(client=self._preamble.client)
        if self._preamble.tls:
            origin = origin._replace(scheme="https")
        self.parser.origin = origin


def peer_of(sock: socket.socket) -> str:
    """Return the peer's address; empty for a UNIX socket. Raises OSError if it has gone."""
    name = sock.getpeername()
    return str(name[0]) if isinstance(name, tuple) else ""
