"""The opening handshake on the server's side (RFC 6455 §4.2): checks and negotiation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidUpgrade
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.headers import parse_subprotocol
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from werkzeug.exceptions import BadRequest, MethodNotAllowed

from ..http.upgrade import UpgradeRequired

if TYPE_CHECKING:
    from ..http.message import Incoming
    from .settings import Deflate, SocketSettings

__all__ = ["Handshake", "offered_subprotocols"]

_logger = logging.getLogger("waterspout.websockets")


class Handshake:
    """A client's opening handshake, and the response to it.

    Raises 400, 405 or 426 (`UpgradeRequired`) for an invalid one. *protocol* continues after the
    handshake.
    """

    def __init__(self, incoming: Incoming, settings: SocketSettings) -> None:
        headers = Headers()
        for name, value in incoming.headers:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        if headers.get_all("Sec-WebSocket-Version") not in ([], ["13"]):
            raise UpgradeRequired("The version of the WebSocket protocol has to be 13.")
        self.protocol = ServerProtocol(
            extensions=[_factory(settings.deflate)] if settings.compression else None,
            max_size=settings.max_message_size,
            state=State.OPEN,  # the opening handshake is done here
            logger=_logger,
        )
        # Method and version are checked here: older versions of the package do not.
        if incoming.method != "GET":
            raise MethodNotAllowed(["GET"])
        if incoming.version == "1.0":
            raise BadRequest("The opening handshake is not valid: it has to be HTTP/1.1.")
        request = Request(incoming.target.decode("latin-1"), headers)
        try:
            accept, extensions, _ = self.protocol.process_request(request)
        except InvalidUpgrade:
            raise UpgradeRequired() from None
        except InvalidHandshake as error:
            raise BadRequest(f"The opening handshake is not valid: {error}") from None
        self._accept = accept
        self._extensions = extensions

    def head(self, subprotocol: str | None, headers: list[tuple[str, str]], date: bytes) -> bytes:
        """Return the bytes of the response that accepts."""
        lines = [
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        ]
        lines.append(f"Sec-WebSocket-Accept: {self._accept}\r\n")
        if self._extensions is not None:
            lines.append(f"Sec-WebSocket-Extensions: {self._extensions}\r\n")
        if subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in headers]
        return "".join(lines).encode("latin-1", "replace") + date + b"\r\n"


def _factory(deflate: Deflate) -> ServerPerMessageDeflateFactory:
    return ServerPerMessageDeflateFactory(
        server_max_window_bits=deflate.window_bits,
        client_max_window_bits=deflate.window_bits,
        compress_settings={"level": deflate.level, "memLevel": deflate.mem_level},
    )


def offered_subprotocols(incoming: Incoming) -> tuple[str, ...]:
    """Return the subprotocols that the client offers, best first. Raises 400."""
    field = incoming.header(b"sec-websocket-protocol")
    if not field:
        return ()
    try:
        return tuple(parse_subprotocol(field.decode("ascii")))
    except (UnicodeDecodeError, InvalidHandshake):
        raise BadRequest("The Sec-WebSocket-Protocol field is not valid.") from None
