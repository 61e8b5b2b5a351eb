"""`ClientContext`: the address and protocol of a request's client."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from .httputil.request import NO_ADDRESS
from .xheaders import believed

if TYPE_CHECKING:
    from ..http.message import Incoming
    from .httputil import HTTPHeaders

__all__ = ["ClientContext"]


class ClientContext:
    """The ``context`` of a connection, with the names that Tornado's has.

    *address* is the address of the socket's other end, *address_family* its family. *remote_ip* and
    *protocol* (``http`` or ``https``) are what the request shows, and may be set before it is
    looked at; *_orig_remote_ip* and *_orig_protocol* are what they are without a proxy's word.
    """

    def __init__(self, incoming: Incoming, peer: object, trusted: frozenset[str]) -> None:
        self._incoming = incoming
        transport = getattr(peer, "transport", None)
        parser = getattr(peer, "parser", None)
        origin = incoming.origin if parser is None else parser.origin
        self._orig_remote_ip = origin.client[0] if origin.client else NO_ADDRESS
        self._orig_protocol = origin.scheme
        self.address: object = origin.client or ""
        self.address_family: int | None = None
        if transport is not None:
            self.address = transport.get_extra_info("peername")
            self.address_family = transport.get_extra_info("socket").family
        self.trusted_downstream = set(trusted)

    @property
    def remote_ip(self) -> str:
        """The client's address."""
        client = self._incoming.client
        return client[0] if client else NO_ADDRESS

    @remote_ip.setter
    def remote_ip(self, value: str) -> None:
        self._incoming.origin = self._incoming.origin._replace(client=(value, 0))

    @property
    def protocol(self) -> str:
        """``http`` or ``https``."""
        return self._incoming.scheme

    @protocol.setter
    def protocol(self, value: str) -> None:
        self._incoming.origin = self._incoming.origin._replace(scheme=value)

    def __str__(self) -> str:
        is_ip = self.address_family in (socket.AF_INET, socket.AF_INET6)
        return self.remote_ip if is_ip else str(self.address)

    def _apply_xheaders(self, headers: HTTPHeaders) -> None:
        """Believe what a proxy says in *headers*."""
        self.remote_ip, self.protocol = believed(
            headers.get, self.remote_ip, self.protocol, self.trusted_downstream
        )

    def _unapply_xheaders(self) -> None:
        """Undo `_apply_xheaders`."""
        self.remote_ip, self.protocol = self._orig_remote_ip, self._orig_protocol
