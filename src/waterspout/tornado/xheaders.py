"""A proxy's fields about a client, read as Tornado's ``xheaders`` reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from .netutil import is_valid_ip

__all__ = ["believed"]

Field = Callable[[str], str | None]


def believed(
    field: Field, remote_ip: str, protocol: str, trusted: Collection[str]
) -> tuple[str, str]:
    """Return the address and the scheme that the fields name; *remote_ip* and *protocol* where
    they name none. *field* gives the value of a field; *trusted* are addresses of proxies.
    """
    forwarded = [part.strip() for part in (field("X-Forwarded-For") or "").split(",")]
    untrusted = [address for address in forwarded if address not in trusted]
    address = field("X-Real-Ip") or (untrusted[-1] if untrusted else forwarded[0])
    scheme = field("X-Scheme") or field("X-Forwarded-Proto") or ""
    scheme = scheme.rpartition(",")[2].strip()
    return (
        address if is_valid_ip(address) else remote_ip,
        scheme if scheme in ("http", "https") else protocol,
    )
