"""WebSockets (RFC 6455) on every gateway, for functions: ``@app.websocket("/chat")``.

- `protocol`: frames, fragments, compression, the closing handshake; bytes in, messages out.
- `handshake`: checks a client's opening handshake and the origin of the page that sent it.
- `transport`: the interface of a gateway: the client's end of an open connection.
- `socket`: the `WebSocket` that a function uses (`blocking`: that of ``def`` functions).
- `endpoint`: the view around such a function, an ordinary endpoint of the pipeline.
"""

from __future__ import annotations

from .blocking import BlockingWebSocket as BlockingWebSocket
from .errors import WebSocketClosed as WebSocketClosed
from .socket import WebSocket as WebSocket

__all__ = ["BlockingWebSocket", "WebSocket", "WebSocketClosed"]
