"""WebSockets (RFC 6455) on every door, for functions: ``@app.websocket("/chat")``.

protocol   frames, fragments, compression, the closing handshake: bytes in, messages out
handshake  what a client's opening handshake asks for, and whether it may (`origin`)
transport  what a gateway offers: the client's end of an open connection
socket     the `WebSocket` that a function talks through (`blocking` for ``def`` functions)
endpoint   the view around such a function: an ordinary endpoint of the pipeline
"""

from __future__ import annotations

from .blocking import BlockingWebSocket as BlockingWebSocket
from .errors import WebSocketClosed as WebSocketClosed
from .socket import WebSocket as WebSocket

__all__ = ["BlockingWebSocket", "WebSocket", "WebSocketClosed"]
