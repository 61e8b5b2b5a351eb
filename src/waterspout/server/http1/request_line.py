"""Checks of the request line and of Host, beyond llhttp's."""

from __future__ import annotations

import re

__all__ = ["ProtocolError", "check_target", "explained", "is_host"]

#: host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2): a name, an IPv4 or a bracketed IPv6.
_HOST = re.compile(
    rb"(?:(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})*"
    rb"|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\])(?::[0-9]{0,5})?"
).fullmatch
_AUTHORITY = re.compile(rb"[^:].*:[0-9]+").fullmatch
_ABSOLUTE = re.compile(rb"https?://([^/?#@\s]+)(?:[/?][^#]*)?", re.IGNORECASE).fullmatch


class ProtocolError(Exception):
    """Bytes that are not acceptable HTTP/1.1: answer *status* and close.

    *reason* is for the log and has nothing the client chose; *value* is what it sent, where that
    is short and helps.
    """

    def __init__(self, status: int, reason: str, value: bytes = b"") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.value = value


def explained(error: str) -> ProtocolError:
    """Return what llhttp's *error* text is for a client: 505 or 400."""
    if "HTTP version" in error or "HTTP/2" in error:
        return ProtocolError(505, "the HTTP version is not supported")
    return ProtocolError(400, error)


def is_host(value: bytes) -> bool:
    """Tell whether *value* is a host, with a port or without."""
    return _HOST(value) is not None


def check_target(method: bytes, target: bytes) -> bytes | None:
    """Check a target that is not a plain path (RFC 9112 §3.2); return the host in it.

    Raises `ProtocolError` with status 400 for a target that is not in the form its method requires.
    """
    if b"#" in target:
        raise ProtocolError(400, "a fragment in the request target")
    if target == b"*":
        if method != b"OPTIONS":
            raise ProtocolError(400, "the target '*' is for OPTIONS only")
        return None
    if method == b"CONNECT":
        if _AUTHORITY(target) is None or not is_host(target):
            raise ProtocolError(400, "the target of CONNECT is 'host:port'")
        return None
    absolute = _ABSOLUTE(target)
    if absolute is None or not is_host(absolute[1]) or absolute[1][:1] == b":":
        raise ProtocolError(400, "the request target is not valid")
    return absolute[1]
