"""Tornado's ``websocket``: handlers for WebSockets, and a client.

`handler` and `client` are the two sides as programs see them; `protocol` is what both talk
through, over the core's `Link` (RFC 6455).
"""

from __future__ import annotations

from .client import WebSocketClientConnection, websocket_connect
from .errors import WebSocketClosedError, WebSocketError
from .handler import WebSocketHandler
from .params import _default_max_message_size, _WebSocketParams
from .protocol import WebSocketProtocol, WebSocketProtocol13

__all__ = [
    "WebSocketClientConnection",
    "WebSocketClosedError",
    "WebSocketError",
    "WebSocketHandler",
    "WebSocketProtocol",
    "WebSocketProtocol13",
    "_WebSocketParams",
    "_default_max_message_size",
    "websocket_connect",
]
