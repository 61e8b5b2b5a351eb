"""Hand the transport of a connection over to another protocol (RFC 9110 §7.8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .transport import NEVER

if TYPE_CHECKING:
    from ..interfaces import ConnectionView

__all__ = ["detach"]


def detach(connection: ConnectionView) -> tuple[asyncio.Transport, bytes]:
    """Give up the transport, on which another protocol follows the running request (RFC 9110 §7.8),
    and return it with the bytes that arrived after the request.

    What was written before is sent, nothing after; the request's own response is dropped. Of
    a WebSocket handshake reading is paused. Raises `RuntimeError` if no request is running.
    """
    exchange = connection.running
    if exchange is None or connection.lost:
        raise RuntimeError("The connection has no request that it could be given to.")
    exchange.status = exchange.status or 101
    exchange.abandoned = True  # before the log: a thread may be in the request's context
    if connection.access_log is not None:
        exchange.log(connection.access_log)
    if exchange.timer is not None:
        exchange.timer.cancel()
    connection.flush()
    connection.count_unsent(0)
    connection.running = connection.receiving = None
    connection.lost = connection.shut = connection.closing = True
    connection.deadline = connection.write_deadline = NEVER
    connection.server.connections.discard(connection)
    return connection.transport, connection.parser.give_up()
