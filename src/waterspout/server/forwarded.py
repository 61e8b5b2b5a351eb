"""What a trusted proxy says about the client: X-Forwarded-For, -Proto and -Host.

SECURITY: believed only where the peer is in ``trusted_proxies``, and only as far as the
chain of proxies is trusted: the client is the last address in it that is no proxy of
ours, whatever stands before it was written by the client. With proxies configured, the
fields of any other peer are hidden from the application (CVE-2019-12781 class). Without
any, nothing is touched: the program may have a middleware of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..http.incoming import Incoming
    from .settings import ServerSettings

__all__ = ["believe"]

_FIELDS = frozenset(
    {
        *(b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"),
        *(b"x-forwarded-port", b"x-forwarded-prefix", b"forwarded"),
    }
)
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?").fullmatch


def believe(incoming: Incoming, settings: ServerSettings) -> None:
    """Set client, scheme and host of *incoming* as a trusted peer says, or hide what it says."""
    peer = incoming.client[0] if incoming.client else ""
    if not settings.trusts(peer):
        incoming.headers = [field for field in incoming.headers if field[0].lower() not in _FIELDS]
        return
    origin = incoming.origin
    for address in reversed(_list(incoming.header(b"x-forwarded-for"))):
        origin = origin._replace(client=(address, 0))
        if not settings.trusts(address):
            break
    scheme = _list(incoming.header(b"x-forwarded-proto"))
    if scheme and scheme[-1].lower() in ("http", "https"):
        origin = origin._replace(scheme=scheme[-1].lower())
    incoming.origin = origin
    host = _list(incoming.header(b"x-forwarded-host"))
    if host and _HOST(host[-1]):
        incoming.headers = [
            (name, host[-1].encode() if name.lower() == b"host" else value)
            for name, value in incoming.headers
        ]


def _list(value: bytes | None) -> list[str]:
    """Split a comma-separated field (RFC 9110 §5.6.1)."""
    if value is None:
        return []
    return [item.strip() for item in value.decode("latin-1").split(",") if item.strip()]
