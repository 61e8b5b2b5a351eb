"""The response to an ordinary request for the URL of a WebSocket."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

__all__ = ["UpgradeRequired"]


class UpgradeRequired(HTTPException):
    """426: the resource is a WebSocket, and the request is none of version 13."""

    code = 426
    description = "This address is a WebSocket; ask for it with an opening handshake (RFC 6455)."

    def __init__(self, description: str | None = None) -> None:
        response = Response(
            f"{description or self.description}\n",
            426,
            {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
            mimetype="text/plain",
        )
        super().__init__(description, response)
