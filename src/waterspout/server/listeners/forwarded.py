"""The client's address and scheme as trusted proxies name them, in the fields ``X-Forwarded-…``.

SECURITY: trusted only if the peer is in ``trusted_proxies``, only the fields that
``forwarded_fields`` names, and only as far as the chain of proxies is trusted. Of each field the
last value counts, which the proxy next to us wrote; of the addresses, the last one that is no
trusted proxy, or no address at all: the client may have written everything before it. With
proxies configured, the fields of any other peer are hidden from the application (CVE-2019-12781
class). Without any, nothing is changed: the program may have a middleware of its own.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...http.message import Incoming
    from ..settings import ServerSettings

__all__ = ["believe"]

#: Fields that are hidden if an untrusted peer sent them.
_FIELDS = frozenset(
    {
        *(b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"),
        *(b"x-forwarded-prefix", b"x-forwarded-protocol", b"x-forwarded-scheme"),
        *(b"x-forwarded-ssl", b"x-real-ip", b"x-scheme", b"forwarded", b"x-request-id"),
    }
)
_LAST_PORT = 65535
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?").fullmatch
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+").fullmatch
_PORT = re.compile(r"[0-9]{1,5}").fullmatch
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]*)\](?::(?P<p6>\d{1,5}))?|(?P<v4>[\d.]+):(?P<p4>\d{1,5})")


def believe(incoming: Incoming, settings: ServerSettings) -> None:
    """Apply the fields of a trusted peer to *incoming*, or hide those of another one."""
    peer = incoming.client[0] if incoming.client else ""
    if not settings.trusts(peer):
        incoming.headers = [field for field in incoming.headers if field[0].lower() not in _FIELDS]
        return
    incoming.is_from_trusted_proxy = True
    for name in settings.forwarded_fields:
        values = _list(incoming.header(b"x-forwarded-" + name.encode()))
        if values:
            _TAKERS[name](incoming, values, settings)


def _take_for(incoming: Incoming, values: list[str], settings: ServerSettings) -> None:
    for text in reversed(values):
        client = _address(text)
        if client is None:  # "unknown" and the like: only the peer is known
            return
        incoming.origin = incoming.origin._replace(client=client)
        if not settings.trusts_hop(client[0]):
            return


def _take_proto(incoming: Incoming, values: list[str], settings: ServerSettings) -> None:
    scheme = _SCHEMES.get(values[-1].lower())
    if scheme is not None:
        incoming.origin = incoming.origin._replace(scheme=scheme)


def _take_host(incoming: Incoming, values: list[str], settings: ServerSettings) -> None:
    if _is_host(values[-1]):
        _set_host(incoming, values[-1])


def _take_port(incoming: Incoming, values: list[str], settings: ServerSettings) -> None:
    host = (incoming.header(b"host") or b"").decode("latin-1")
    if _PORT(values[-1]) and 0 < int(values[-1]) <= _LAST_PORT and _is_host(host):
        _set_host(incoming, f"{re.sub(r':[0-9]+$', '', host)}:{values[-1]}")


def _take_prefix(incoming: Incoming, values: list[str], settings: ServerSettings) -> None:
    prefix = values[-1].rstrip("/")
    if _PREFIX(prefix):
        incoming.origin = incoming.origin._replace(root_path=prefix)


_TAKERS: dict[str, Callable[[Incoming, list[str], ServerSettings], None]] = {
    "for": _take_for,
    "proto": _take_proto,
    "host": _take_host,
    "port": _take_port,
    "prefix": _take_prefix,
}


def _is_host(text: str) -> bool:
    found = _HOST(text)
    return found is not None and int(found[1] or 1) <= _LAST_PORT


def _set_host(incoming: Incoming, host: str) -> None:
    others = [field for field in incoming.headers if field[0].lower() != b"host"]
    incoming.headers = [(b"Host", host.encode()), *others]


def _address(text: str) -> tuple[str, int] | None:
    """Return an address and its port (0: none was given), None if it is no address: as
    ``192.0.2.1``, ``192.0.2.1:8000``, ``2001:db8::1``, ``[2001:db8::1]``, ``[2001:db8::1]:8000``.
    """
    port = "0"
    found = _WITH_PORT.fullmatch(text)
    if found is not None:
        text = found["v6"] or found["v4"] or ""
        port = found["p6"] or found["p4"] or "0"
    try:
        # SECURITY: a zone (``%eth0``) may be any text.
        if "%" in text or int(port) > _LAST_PORT:
            return None
        return str(ip_address(text)), int(port)
    except ValueError:
        return None


def _list(value: bytes | None) -> list[str]:
    """Split a comma-separated field (RFC 9110 §5.6.1)."""
    if value is None:
        return []
    return [item.strip() for item in value.decode("latin-1").split(",") if item.strip()]
