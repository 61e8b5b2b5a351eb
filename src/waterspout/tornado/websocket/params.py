"""Parameters of a connection, from a handler's settings or the arguments of `websocket_connect`."""

from __future__ import annotations

from typing import Any

from ...typing import Kwargs
from ...websockets.settings import Deflate, SocketSettings

_default_max_message_size = 10 * 1024 * 1024

#: Seconds that the peer has for its half of the closing handshake.
_FAREWELL = 5.0


class _WebSocketParams:
    """Limits and times; *compression_options* None is no compression. *caps* are those settings of
    the core's `SocketSettings` that Tornado does not know."""

    def __init__(
        self,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        max_message_size: int = _default_max_message_size,
        compression_options: Kwargs | None = None,
        close_timeout: float = _FAREWELL,
        **caps: Any,
    ) -> None:
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.max_message_size = max_message_size
        self.compression_options = compression_options
        self.close_timeout = close_timeout
        self.caps = {"max_unsent": None, **caps}

    @property
    def socket_settings(self) -> SocketSettings:
        """The same for the core, which leaves pings to `WebSocketProtocol13`."""
        return SocketSettings(
            max_message_size=self.max_message_size,
            ping_interval=None,
            **self.caps,
            close_timeout=self.close_timeout,
            compression=self.compression_options is not None,
            deflate=self.deflate,
        )

    @property
    def deflate(self) -> Deflate:
        """How messages are compressed: all of them, as Tornado does it."""
        options = self.compression_options or {}
        return Deflate(
            level=options.get("compression_level", 6),
            mem_level=options.get("mem_level", 8),
            window_bits=None,
            least=0,
        )
