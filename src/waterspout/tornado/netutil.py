"""Tornado's ``netutil``, as far as servers need it: listening sockets, TLS options, addresses."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

__all__ = ["bind_sockets", "bind_unix_socket", "is_valid_ip", "ssl_options_to_context"]

_BACKLOG = 128
_SSL_OPTIONS = frozenset({"ssl_version", "certfile", "keyfile", "cert_reqs", "ca_certs", "ciphers"})


def bind_sockets(
    port: int,
    address: str | None = None,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    backlog: int = _BACKLOG,
    flags: int | None = None,
    reuse_port: bool = False,
) -> list[socket.socket]:
    """Return listening, non-blocking sockets, one for each address of the host *address*
    (None or ``""``: every address of this machine).

    With *port* 0 all of them have the same free port. Raises OSError, ValueError where
    *reuse_port* is not supported.
    """
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("the platform doesn't support SO_REUSEPORT")
    found = socket.getaddrinfo(
        address or None,
        port,
        family,
        socket.SOCK_STREAM,
        0,
        socket.AI_PASSIVE if flags is None else flags,
    )
    # IPv4 first: it is what a machine without IPv6 has.
    addresses = sorted({(info[0], info[4]) for info in found}, key=lambda item: item[0])
    with ExitStack() as undo:
        sockets: list[socket.socket] = []
        for kind, place in addresses:
            if port == 0 and sockets:
                place = (place[0], sockets[0].getsockname()[1], *place[2:])
            try:
                sock = _bound(kind, place, reuse_port)
            except OSError as error:
                # The machine has no IPv6, or no address of it.
                if error.errno == errno.EAFNOSUPPORT or (
                    sockets and error.errno == errno.EADDRNOTAVAIL
                ):
                    continue
                raise
            undo.callback(sock.close)
            sock.listen(backlog)
            sockets.append(sock)
        undo.pop_all()
    return sockets


def _bound(family: int, address: Any, reuse_port: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_unix_socket(file: str, mode: int = 0o600, backlog: int = _BACKLOG) -> socket.socket:
    """Return a listening, non-blocking UNIX socket at the path *file*, in place of a socket that
    is there; a name that starts with a NUL byte is an abstract one (Linux).

    Raises ValueError if *file* is something else.
    """
    abstract = file.startswith("\0")
    if not abstract and os.path.lexists(file):
        if not stat.S_ISSOCK(os.stat(file).st_mode):
            raise ValueError(f"File {file} exists and is not a socket")
        os.remove(file)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(file)
        if not abstract:
            os.chmod(file, mode)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def is_valid_ip(ip: str) -> bool:
    """Tell whether *ip* is an IPv4 or IPv6 address."""
    if not ip or "\0" in ip:
        return False
    try:
        socket.getaddrinfo(ip, 0, socket.AF_UNSPEC, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return False
    return True


def ssl_options_to_context(
    ssl_options: Mapping[str, Any] | ssl.SSLContext, server_side: bool | None = None
) -> ssl.SSLContext:
    """Make a context of Tornado's ``ssl_options``: *certfile*, *keyfile*, *ca_certs* (paths of
    PEM files), *cert_reqs*, *ciphers*, *ssl_version* (as in `ssl`). A context is returned as it
    is.

    Raises TypeError for an unknown option, OSError (also `ssl.SSLError`) for a bad file.
    """
    if isinstance(ssl_options, ssl.SSLContext):
        return ssl_options
    if unknown := ssl_options.keys() - _SSL_OPTIONS:
        raise TypeError(f"unknown ssl_options {sorted(unknown)}; known: {sorted(_SSL_OPTIONS)}")
    protocol = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(ssl_options.get("ssl_version") or protocol)
    if "certfile" in ssl_options:
        context.load_cert_chain(ssl_options["certfile"], ssl_options.get("keyfile"))
    if "cert_reqs" in ssl_options:
        if ssl_options["cert_reqs"] == ssl.CERT_NONE:
            context.check_hostname = False
        context.verify_mode = ssl_options["cert_reqs"]
    if "ca_certs" in ssl_options:
        context.load_verify_locations(ssl_options["ca_certs"])
    if "ciphers" in ssl_options:
        context.set_ciphers(ssl_options["ciphers"])
    # SECURITY: compression tells secrets by its length (CRIME, CVE-2012-4929); renegotiation lets
    # a client make us do key exchanges for free (CVE-2011-1473).
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context
