"""Detect, after a client's FIN, whether it still reads (half-close) or has disconnected.

TCP does not tell the two apart; a disconnected client shows only when we write. So while there is
no response an interim one is written, which costs a reader nothing (RFC 9110 §15.2) and brings back
a reset if there is none, and now and then another: the reader may leave later. A response that
makes no progress for a moment is not waited for.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from .receiver import CONTINUE

if TYPE_CHECKING:
    from ..exchange import Exchange
    from ..interfaces import ConnectionView

#: Seconds that such a client is taken to be still reading, and that a response which has begun may
#: make no progress: on a busy machine a stream may well stand still for a moment.
_PATIENCE = 0.05
_STANDSTILL = 0.5
#: Seconds between the first two looks at it, and at most between two.
_FIRST_LOOK = 0.01
_LAST_LOOK = 10.0


def watch(connection: ConnectionView, exchange: Exchange | None) -> None:
    """Watch the client that waits for the response of *exchange*, until it has it or has gone."""
    connection.loop.call_later(_PATIENCE, _look, connection, exchange, -1)


def _look(
    connection: ConnectionView, exchange: Exchange | None, sent: int, pause: float = _FIRST_LOOK
) -> None:
    loop = connection.loop
    if connection.lost or exchange is None or connection.running is not exchange:
        return
    if not exchange.status:
        if _was_reset(connection):
            connection.transport.abort()
            return
        if exchange.incoming.version == "1.1":
            connection.send(CONTINUE)
        loop.call_later(pause, _look, connection, exchange, -1, min(2 * pause, _LAST_LOOK))
    elif sent < 0 or exchange.sent > sent or connection.stalled:
        loop.call_later(_STANDSTILL, _look, connection, exchange, exchange.sent)
    else:
        connection.client_gone(exchange)


def _was_reset(connection: ConnectionView) -> bool:
    # The loop reads no more after the end of input, so it does not learn of a reset.
    sock = connection.transport.get_extra_info("socket")
    return sock is not None and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
