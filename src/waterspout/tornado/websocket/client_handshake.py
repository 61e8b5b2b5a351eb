"""The opening handshake on the client's side (RFC 6455 §4.1)."""

from __future__ import annotations

import asyncio
import ssl
from io import BytesIO
from typing import TYPE_CHECKING, Any

import httptools
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from .. import version
from ..httpclient import HTTPError, HTTPRequest, HTTPResponse
from ..httputil import HTTPHeaders, parse_response_start_line
from ..netutil import ssl_options_to_context
from ..request_head import add_credentials, encode_head
from .client_transport import MAX_HEAD, ClientEnd
from .errors import WebSocketError

if TYPE_CHECKING:
    from .params import _WebSocketParams

__all__ = ["Opening", "connect"]

#: Seconds for connecting, unless a request says otherwise.
_CONNECT = 20.0


class Opening:
    """A client's opening handshake. *protocol* is the one that goes on from it."""

    def __init__(
        self, request: HTTPRequest, params: _WebSocketParams, subprotocols: list[str]
    ) -> None:
        self.request = request
        self.target = target = parse_uri(request.url)
        self.headers = HTTPHeaders()
        self.subprotocol: str | None = None
        deflate = params.deflate
        compression = ClientPerMessageDeflateFactory(
            compress_settings={"level": deflate.level, "memLevel": deflate.mem_level}
        )
        self._subprotocols = subprotocols
        self._compresses = params.compression_options is not None
        self.protocol = ClientProtocol(
            target,
            extensions=[compression] if self._compresses else None,
            subprotocols=[*subprotocols],  # type: ignore[list-item]  # a NewType of str
            max_size=params.max_message_size,
            state=State.OPEN,
        )

    def head(self) -> bytes:
        """Return the bytes to send. Raises `ValueError` for a line break in a field."""
        request, target = self.request, self.target
        headers = request.headers.copy()
        default = target.port == (443 if target.secure else 80)
        host = f"[{target.host}]" if ":" in target.host else target.host
        if "Host" not in headers:
            headers["Host"] = host if default else f"{host}:{target.port}"
        headers["Upgrade"] = "websocket"
        headers["Connection"] = "Upgrade"
        headers["Sec-WebSocket-Key"] = self.protocol.key
        headers["Sec-WebSocket-Version"] = "13"
        if self._subprotocols:
            headers["Sec-WebSocket-Protocol"] = ",".join(self._subprotocols)
        if self._compresses:
            headers["Sec-WebSocket-Extensions"] = "permessage-deflate; client_max_window_bits"
        add_credentials(headers, target, request)
        if request.user_agent:
            headers["User-Agent"] = request.user_agent
        elif "User-Agent" not in headers:
            headers["User-Agent"] = f"Tornado/{version}"
        return encode_head(f"GET {target.resource_name} HTTP/1.1", headers.items())

    def take_answer(self, head: bytes) -> None:
        """Look at the server's response. Raises `HTTPError` if it refuses, `WebSocketError` if it
        is none to this handshake."""
        line, _, fields = head.decode("latin-1").partition("\r\n")
        start = parse_response_start_line(line)
        self.headers = HTTPHeaders.parse(fields)
        if start.code != 101:
            if 200 <= start.code < 300:
                raise WebSocketError("Non-websocket response")
            response = HTTPResponse(self.request, start.code, self.headers, reason=start.reason)
            raise HTTPError(start.code, start.reason, response)
        headers = Headers()
        for name, value in self.headers.get_all():
            headers[name] = value
        try:
            self.protocol.process_response(Response(start.code, start.reason, headers))
        except InvalidHandshake as error:
            raise WebSocketError(f"The server's opening handshake is not valid: {error}") from None
        self.subprotocol = self.protocol.subprotocol


async def connect(opening: Opening, resolver: object) -> ClientEnd:
    """Connect and do the opening handshake. Raises as `Opening.take_answer`, and OSError."""
    timeout = opening.request.connect_timeout
    try:
        async with asyncio.timeout(_CONNECT if timeout is None else timeout or None):
            end = await _connected(opening, resolver)
            try:
                end.transport.write(opening.head())
                head = await end.head
                try:
                    opening.take_answer(head)
                except HTTPError as error:
                    if error.response is not None:
                        error.response.buffer = BytesIO(await _body(end, head))
                    raise
            except BaseException:
                end.transport.abort()
                raise
    except TimeoutError:
        raise HTTPError(599, "Timeout while connecting") from None
    return end


class _Body:
    """The body of a response that refuses, as httptools tells it."""

    def __init__(self) -> None:
        self.data = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.data += data

    def on_message_complete(self) -> None:
        self.complete = True


async def _body(end: ClientEnd, head: bytes) -> bytes:
    """Return the body that follows *head*, at most 64 KiB of it, or as much as comes."""
    reader = end.as_reader()
    body = _Body()
    parser = httptools.HttpResponseParser(body)
    data = head + b"\r\n\r\n"
    try:
        while data:
            parser.feed_data(data)
            if body.complete or len(body.data) > MAX_HEAD:
                break
            data = await reader.read(MAX_HEAD)
    except (httptools.HttpParserError, ConnectionError):
        pass  # the refusal itself is understood
    return body.data[:MAX_HEAD]


async def _connected(opening: Opening, resolver: Any) -> ClientEnd:
    loop = asyncio.get_running_loop()
    target = opening.target
    context = _context(opening.request) if target.secure else None
    name = target.host if target.secure else None
    addresses: list[tuple[str, int]] = [(target.host, target.port)]
    if resolver is not None:
        found = await resolver.resolve(target.host, target.port)
        addresses = [address[:2] for _, address in found]
    for host, port in addresses[:-1]:
        try:
            return (
                await loop.create_connection(
                    ClientEnd, host, port, ssl=context, server_hostname=name
                )
            )[1]
        except OSError:
            pass  # the next one
    host, port = addresses[-1]
    made = await loop.create_connection(ClientEnd, host, port, ssl=context, server_hostname=name)
    return made[1]


def _context(request: HTTPRequest) -> ssl.SSLContext:
    if request.ssl_options is not None:
        return ssl_options_to_context(request.ssl_options, server_side=False)
    context = ssl.create_default_context(cafile=request.ca_certs)
    if request.validate_cert is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if request.client_cert is not None:
        context.load_cert_chain(request.client_cert, request.client_key)
    return context
