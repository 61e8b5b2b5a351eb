"""Which pages may open a WebSocket: browsers let every site try, and send their cookies along.

SECURITY: cross-site WebSocket hijacking (CWE-1385). A browser always says which page it is
(RFC 6455 §10.2); who sends no ``Origin`` is no browser, and has no cookies of a victim.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ..http.incoming import Incoming

__all__ = ["is_allowed"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_allowed(incoming: Incoming, origins: Collection[str]) -> bool:
    """Tell whether the page that opens the WebSocket is of the same origin as the app, or among
    *origins* (``https://example.com``; ``*``: any)."""
    if "*" in origins:
        return True
    sent = incoming.header(b"origin")
    if sent is None:
        return True
    origin = sent.decode("latin-1").lower()
    if any(origin == allowed.lower().rstrip("/") for allowed in origins):
        return True
    site = incoming.header(b"sec-fetch-site")
    if site is not None:
        # The browser's own word: it also holds behind a proxy that changes Host.
        return site.lower() == b"same-origin"
    host = incoming.header(b"host")
    return host is not None and _same(origin, incoming.scheme, host.decode("latin-1").lower())


def _same(origin: str, scheme: str, host: str) -> bool:
    """Compare host and port. Not the scheme: a proxy may have ended TLS."""
    try:
        page = urlsplit(origin)
        target = urlsplit(f"//{host}")
        page_port = page.port or _PORTS.get(page.scheme)
        target_ports = {target.port} if target.port else {_PORTS.get(scheme), 80, 443}
    except ValueError:
        return False
    if page.scheme not in _PORTS or page.hostname is None:
        return False
    if page.hostname != target.hostname:
        return False
    return page_port in target_ports
