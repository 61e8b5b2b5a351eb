"""A WebSocket client: `websocket_connect` and the connection it gives."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...typing import JSONObject, Kwargs
from ...websockets.protocol import Link
from ..escape import utf8
from ..httpclient import HTTPRequest
from ..ioloop import IOLoop
from ..log import app_log
from .client_handshake import Opening, connect
from .client_transport import ClientEnd
from .errors import WebSocketClosedError
from .params import _default_max_message_size, _WebSocketParams
from .protocol import WebSocketProtocol13

if TYPE_CHECKING:
    from asyncio import Future
    from types import TracebackType

    from ..httputil import HTTPHeaders

__all__ = ["WebSocketClientConnection", "websocket_connect"]

Message = str | bytes | None


class WebSocketClientConnection:
    """A client's open connection; made by `websocket_connect`.

    *parsed* are the parts of the URL, *parsed_hostname* the host in it. *headers* are those of the
    server's response; *close_code* and *close_reason* are what the server gave when it closed.
    """

    protocol: WebSocketProtocol13 | None = None
    code: int | None = None
    """The status of a response that was no WebSocket; who has a connection reads None."""

    def __init__(
        self,
        request: HTTPRequest,
        on_message_callback: Callable[[Message], None] | None = None,
        compression_options: Kwargs | None = None,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        max_message_size: int = _default_max_message_size,
        subprotocols: list[str] | None = None,
        resolver: object = None,
    ) -> None:
        self.request = request
        self.parsed = urlsplit(re.sub("^ws", "http", request.url))  # as Tornado has it
        self.parsed_hostname = self.parsed.hostname
        self.params = _WebSocketParams(
            ping_interval, ping_timeout, max_message_size, compression_options
        )
        self.headers: HTTPHeaders
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._on_message_callback = on_message_callback
        self._messages: deque[str | bytes] = deque()
        self._readers: deque[Future[Message]] = deque()
        self._taken: Future[None] | None = None
        self._closed = False
        self._unread = 0  # of what came after `close`
        self._loop = IOLoop.current().asyncio_loop  # it may not run yet
        self.connect_future: Future[WebSocketClientConnection] = self._loop.create_future()
        opening = Opening(request, self.params, subprotocols or [])
        self._connecting = self._loop.create_task(self.__connect(opening, resolver))

    def __del__(self) -> None:
        if self.protocol is not None:
            warnings.warn("Unclosed WebSocketClientConnection", ResourceWarning, stacklevel=1)

    async def __connect(self, opening: Opening, resolver: object) -> None:
        try:
            end = await connect(opening, resolver)
            self.__open(opening, end)
        except asyncio.CancelledError:
            self.connect_future.cancel()
            raise
        except Exception as error:
            if not self.connect_future.done():
                self.connect_future.set_exception(error)
        else:
            if not self.connect_future.done():
                self.connect_future.set_result(self)

    def __open(self, opening: Opening, end: ClientEnd) -> None:
        self._end = end
        self.headers = opening.headers
        protocol = self.protocol = self.get_websocket_protocol()
        protocol.selected_subprotocol = opening.subprotocol
        end.upgrade(Link(opening.protocol, protocol, self.params.deflate.least))
        protocol.attach(end)
        self.stream = protocol.stream
        self._loop.call_soon(protocol.begin)

    def get_websocket_protocol(self) -> WebSocketProtocol13:
        """Return the protocol of this connection."""
        return WebSocketProtocol13(self, mask_outgoing=True, params=self.params)

    # -- for programs ------------------------------------------------------------------------------

    @property
    def selected_subprotocol(self) -> str | None:
        """The subprotocol that the server has chosen."""
        assert self.protocol is not None, "the connection is closed"
        return self.protocol.selected_subprotocol

    def write_message(
        self, message: str | bytes | JSONObject, binary: bool = False
    ) -> Future[None]:
        """Send a message, as text or *binary*; a dict as JSON.

        The future is done when more may be written. Raises `WebSocketClosedError`.
        """
        if self.protocol is None:
            raise WebSocketClosedError("Client connection has been closed")
        return self.protocol.write_message(message, binary=binary)

    def read_message(
        self, callback: Callable[[Future[Message]], object] | None = None
    ) -> Awaitable[Message]:
        """Return a future of the next message, None once the connection is closed. *callback* is
        called with it when it is done."""
        future: Future[Message] = self._loop.create_future()
        if self._messages:
            future.set_result(self._messages.popleft())
            self.__take_on()
        elif self._closed:
            future.set_result(None)
        else:
            self._readers.append(future)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping with up to 125 bytes. Raises `WebSocketClosedError`, ValueError."""
        if self.protocol is None:
            raise WebSocketClosedError
        self.protocol.write_ping(utf8(data))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close, with a *code* of RFC 6455 §7.4 and a *reason* for the server."""
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.close(code, reason)
            self.__take_on()  # behind messages that nobody reads comes the server's goodbye

    # -- called by the protocol
    # ---------------------------------------------------------------------

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Pass a message to a waiting `read_message`; else keep it, and pause until it is read."""
        if self._on_message_callback is not None:
            self._on_message_callback(message)
            return None
        while self._readers:
            reader = self._readers.popleft()
            if not reader.done():
                reader.set_result(message)
                return None
        self._messages.append(message)
        if self._closed:
            return None
        if self.protocol is None:
            # SECURITY: a server that goes on and on does not fill the memory meanwhile.
            self._unread += len(message)
            if self._unread > self.params.max_message_size:
                self._end.abort()
            return None
        self._taken = self._loop.create_future()
        return self._taken

    def __take_on(self) -> None:
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    def on_ping(self, data: bytes) -> None:
        """Is called with the data of a ping; for overriding."""

    def on_pong(self, data: bytes) -> None:
        """Is called with the data of a pong; for overriding."""

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """The connection is closed: who waits for a message gets None."""
        self.close_code = close_code
        self.close_reason = close_reason
        self._closed = True
        self.on_connection_close()

    def on_connection_close(self) -> None:
        """Tell who listens; for overriding."""
        if self._on_message_callback is not None:
            self._on_message_callback(None)
        while self._readers:
            reader = self._readers.popleft()
            if not reader.done():
                reader.set_result(None)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what a callback raised."""
        app_log.error("Uncaught exception %s", value, exc_info=(typ, value, tb))  # type: ignore[arg-type]  # never None here


def websocket_connect(
    url: str | HTTPRequest,
    callback: Callable[[Future[WebSocketClientConnection]], object] | None = None,
    connect_timeout: float | None = None,
    on_message_callback: Callable[[Message], None] | None = None,
    compression_options: Kwargs | None = None,
    ping_interval: float | None = None,
    ping_timeout: float | None = None,
    max_message_size: int = _default_max_message_size,
    subprotocols: list[str] | None = None,
    resolver: object = None,
) -> Awaitable[WebSocketClientConnection]:
    """Connect to *url* (``ws:``, ``wss:``), or by a request that has one and header fields.

    The future gives a `WebSocketClientConnection`; it raises `HTTPError` for a response that
    refuses, `WebSocketError` for one that is none of a WebSocket, OSError where there is no
    server. Messages are read by `read_message`, or go to *on_message_callback*; None says that
    the connection is closed. *compression_options* as for
    `WebSocketHandler.get_compression_options`, intervals and timeouts in seconds.
    """
    if isinstance(url, str):
        request = HTTPRequest(url, connect_timeout=connect_timeout)
    else:
        if connect_timeout is not None:
            raise ValueError("connect_timeout belongs into the request that is given as url")
        request = url
    connection = WebSocketClientConnection(
        request,
        on_message_callback=on_message_callback,
        compression_options=compression_options,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        max_message_size=max_message_size,
        subprotocols=subprotocols,
        resolver=resolver,
    )
    if callback is not None:
        connection.connect_future.add_done_callback(callback)
    return connection.connect_future
