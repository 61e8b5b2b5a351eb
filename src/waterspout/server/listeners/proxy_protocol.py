"""The PROXY protocol, versions 1 and 2: the client's address from a proxy that passes bytes on.

A balancer that does not speak HTTP (haproxy in TCP mode, AWS NLB) writes a header before the
client's first byte, TLS or not. `parse` reads one, and `receive` takes it off a socket and leaves
what follows. Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

__all__ = ["Preamble", "PreambleError", "parse", "receive"]

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # of version 2
_V1 = b"PROXY "
_V1_LONGEST = 107  # bytes, CRLF included
_V2_HEAD = 16  # bytes before the addresses
#: Bytes of addresses and what is said besides in version 2. The protocol allows 65,535; proxies
#: write a certificate's name at the most.
_V2_LONGEST = 4096
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_TLV_SSL = 0x20
_CLIENT_SSL = 0x01


class PreambleError(ValueError):
    """The first bytes are no header of the PROXY protocol; the text says why."""


class Preamble(NamedTuple):
    """A complete header."""

    size: int
    """Its bytes."""
    client: tuple[str, int] | None
    """Address and port of the proxy's client; None: not given (a health check)."""
    tls: bool = False
    """True if the client spoke TLS with the proxy (version 2 only)."""


def parse(data: bytes) -> Preamble | None:
    """Return the header that `data` begins with, None if it is not complete.

    Raises `PreambleError`.
    """
    if data[: len(_V1)] == _V1[: len(data)]:
        return _parse_v1(data)
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _parse_v2(data)
    raise PreambleError("the connection does not begin with a PROXY header")


def _parse_v1(data: bytes) -> Preamble | None:
    line, end, _ = data.partition(b"\r\n")
    if not end:
        if len(data) >= _V1_LONGEST:
            raise PreambleError("the PROXY line is too long")
        return None
    size = len(line) + 2
    words = line.split(b" ")
    if size > _V1_LONGEST:
        raise PreambleError("the PROXY line is too long")
    if words[1:2] == [b"UNKNOWN"]:
        return Preamble(size, None)
    kinds = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}
    if len(words) != 6 or words[1] not in kinds:
        raise PreambleError("the PROXY line is malformed")
    try:
        kind = kinds[words[1]]
        source, _ = (kind(word.decode("ascii")) for word in words[2:4])
        port, _ = (_port(word) for word in words[4:6])
    except ValueError as ex:
        raise PreambleError("the PROXY line has a malformed address") from ex
    return Preamble(size, (str(source), port))


def _port(text: bytes) -> int:
    if not (text.isdigit() and int(text) <= 65535):
        raise ValueError(text)
    return int(text)


def _parse_v2(data: bytes) -> Preamble | None:
    if len(data) < _V2_HEAD:
        return None
    command, family = data[12], data[13]
    length = int.from_bytes(data[14:16], "big")
    if command not in (_LOCAL, _PROXY):
        raise PreambleError("the PROXY header has an unknown version or command")
    if length > _V2_LONGEST:
        raise PreambleError("the PROXY header is too long")
    size = _V2_HEAD + length
    if len(data) < size:
        return None
    block = data[_V2_HEAD:size]
    # Two addresses and two ports; other families (UNIX, UDP) name no client of ours.
    width = {_TCP4: 4, _TCP6: 16}.get(family)
    if command == _LOCAL or width is None:
        return Preamble(size, None)
    if length < 2 * width + 4:
        raise PreambleError("the PROXY header is shorter than its addresses")
    source = ip_address(block[:width])
    port = int.from_bytes(block[2 * width : 2 * width + 2], "big")
    return Preamble(size, (str(source), port), _says_tls(block[2 * width + 4 :]))


def _says_tls(extensions: bytes) -> bool:
    """Tell whether there is the extension for the client's TLS."""
    at = 0
    while at + 3 <= len(extensions):
        kind = extensions[at]
        length = int.from_bytes(extensions[at + 1 : at + 3], "big")
        value = extensions[at + 3 : at + 3 + length]
        if len(value) < length:
            raise PreambleError("an extension of the PROXY header is cut off")
        if kind == _TLV_SSL:
            return bool(value and value[0] & _CLIENT_SSL)
        at += 3 + length
    return False


async def receive(sock: socket.socket) -> Preamble:
    """Read the header from a non-blocking socket, and no byte more.

    Raises `PreambleError`, also where the peer closes before its end.
    """
    loop = asyncio.get_running_loop()
    data = b""
    while True:
        await _readable(loop, sock)
        piece = sock.recv(_V2_HEAD + _V2_LONGEST, socket.MSG_PEEK)
        if not piece:
            raise PreambleError("the connection ended within the PROXY header")
        found = parse(data + piece)
        size = len(piece) if found is None else found.size - len(data)
        data += sock.recv(size)
        if found is not None:
            return found


async def _readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock, tell)
    try:
        await ready
    finally:
        loop.remove_reader(sock)
