"""Limits and times of one open WebSocket, from the app's settings and its route's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from ..config import SOCKET_OPTIONS
from ..typing import SettingValue

if TYPE_CHECKING:
    from ..interfaces import Application

__all__ = ["Deflate", "SocketSettings", "from_app"]


@dataclass(frozen=True, slots=True)
class Deflate:
    """How messages are compressed, see `zlib.compressobj`.

    By default a connection that compresses takes 4 KiB for the window each way, and 24 KiB for
    the tables of the compressor.
    """

    level: int = 6
    mem_level: int = 5
    window_bits: int | None = 12
    """Window of both sides, as a power of two; None: the largest."""
    least: int = 512
    """Bytes from which a message is compressed."""


_CAPS = {"idle_timeout", "max_message_size", "max_unsent", "message_rate", "per_client"}
_MAY_BE_NONE = frozenset({"ping_interval", "ping_rate", "max_fragments", *_CAPS})


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Limits and times of one connection. Sizes in bytes, times in seconds."""

    max_message_size: int | None = 1024 * 1024
    """Largest message received, after decompression; above it close code 1009. None: no limit."""
    queue: int = 16
    """Received messages that may wait for the function; reading pauses at that number."""
    ping_interval: float | None = 20.0
    """Time between two keep-alive pings. None: no pings."""
    ping_timeout: float = 20.0
    """A peer that sends nothing for this long after a ping is disconnected."""
    close_timeout: float = 10.0
    """Time limit for the peer's close frame, and for the function to end after it."""
    idle_timeout: float | None = None
    """Close with code 1001 after this long without a message in either direction. None: never."""
    message_rate: float | None = None
    """Messages a second received, averaged over ten seconds; above it close code 1008.
    None: no limit."""
    per_client: int | None = None
    """Open WebSockets of one address in this process; the next gets 429. None: no
    limit."""
    max_unsent: int | None = 16 * 1024 * 1024
    """Messages that wait for a peer that does not read; it is disconnected at the next message
    above this. None: no limit."""
    max_fragments: int | None = None
    """Fragments of one message received; above it the socket closes with 1008. None: no limit."""
    ping_rate: float | None = None
    """Pings and pongs a second received, averaged over ten seconds; above it the socket closes with
    1008. None: no limit."""
    compression: bool = True
    """Compress (RFC 7692) what is long enough, if the peer offers it."""
    deflate: Deflate = Deflate()
    """Parameters of the compression."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in ("compression", "deflate") or (
                value is None and item.name in _MAY_BE_NONE
            ):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ValueError(
                    f"The WebSocket setting {item.name} is {value!r}; expected a number above 0."
                )


def from_app(app: Application, options: Mapping[str, SettingValue]) -> SocketSettings:
    """Return the settings of a route with *options*; raises `ValueError`."""
    config = app.config
    settings = SocketSettings(
        **{name: config[f"WEBSOCKET_{name.upper()}"] for name in sorted(SOCKET_OPTIONS)}
    )
    return replace(settings, **options) if options else settings
