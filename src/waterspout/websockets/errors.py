"""The error of using a closed WebSocket."""

from __future__ import annotations

#: Close codes of RFC 6455 §7.4.1 that are never sent: no code given; no closing handshake.
NO_STATUS = 1005
ABNORMAL = 1006


class WebSocketClosed(Exception):
    """The connection is closed; nothing more is received or sent.

    *code* and *reason* are the peer's, or ours if the peer broke the protocol; 1005
    stands for no code, 1006 for an end without a closing handshake (RFC 6455 §7.4.1).
    """

    def __init__(self, code: int = ABNORMAL, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"the WebSocket is closed: {self.code} {self.reason}".rstrip()
