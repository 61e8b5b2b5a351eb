"""`WebSocketHandler`: a handler whose requests become WebSockets."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.exceptions import HTTPException

from ...typing import JSONObject, Kwargs
from ...websockets.errors import WebSocketClosed
from ..escape import json_encode, utf8
from ..log import gen_log
from ..web import RequestHandler
from .errors import WebSocketClosedError
from .params import _FAREWELL, _default_max_message_size, _WebSocketParams
from .protocol import WebSocketProtocol13

if TYPE_CHECKING:
    from asyncio import Future

    from ...websockets.transport import Header
    from ..httputil import HTTPServerRequest
    from ..web import Application

__all__ = ["WebSocketHandler"]

#: Methods of HTTP that make no sense once the connection is a WebSocket.
_HTTP_ONLY = ("write", "redirect", "set_header", "set_cookie", "set_status", "flush", "finish")
#: Settings without which there is no limit, as in Tornado.
_CAPS = (
    "idle_timeout", "message_rate", "per_client", "max_unsent", "max_fragments", "ping_rate"
)  # fmt: skip
#: Fields that the opening handshake itself decides, or that belong to content.
_NOT_SENT = frozenset({"connection", "content-length", "content-type", "date", "upgrade"})


class WebSocketHandler(RequestHandler):
    """A handler that talks over a WebSocket: subclasses define `on_message`, and perhaps `open`
    and `on_close`; messages are sent by `write_message`.

        class Echo(WebSocketHandler):
            def on_message(self, message):
                self.write_message(message)

    The settings ``websocket_ping_interval``, ``websocket_ping_timeout`` (seconds) and
    ``websocket_max_message_size`` (bytes) hold for all of an application. Tornado does not know
    ``websocket_close_timeout``, ``websocket_idle_timeout`` (seconds), ``websocket_message_rate``
    (a second), ``websocket_per_client``, ``websocket_max_unsent`` (bytes),
    ``websocket_max_fragments`` (of a message) and ``websocket_ping_rate`` (pings and pongs a
    second); without the last six there is no such limit. In an `App` all of these are its
    WEBSOCKET_* settings.
    """

    #: Routes of a core application lead opening handshakes here, too.
    _waterspout_sockets = True

    def __init__(
        self, application: Application, request: HTTPServerRequest, **kwargs: object
    ) -> None:
        super().__init__(application, request, **kwargs)
        self.ws_connection: WebSocketProtocol13 | None = None
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._on_close_called = False

    # -- the opening handshake ---------------------------------------------------------------------

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Answer the opening handshake, and stay until the WebSocket is closed."""
        self.open_args = args
        self.open_kwargs = kwargs
        headers = self.request.headers
        if headers.get("Upgrade", "").lower() != "websocket":
            self.__refuse(400, 'Can "Upgrade" only to "WebSocket".')
            return
        connection = [word.strip().lower() for word in headers.get("Connection", "").split(",")]
        if "upgrade" not in connection:
            self.__refuse(400, '"Connection" must be "Upgrade".')
            return
        # SECURITY: browsers let pages of any site open WebSockets; always checked, and after
        # `prepare`, so that `check_origin` may look at what that found out.
        why = self._check_cross_origin(self.check_origin)
        if why is not None:
            self.__refuse(403, "Cross origin websockets not allowed")
            gen_log.debug(why)
            return
        protocol = self.get_websocket_protocol()
        if protocol is None:
            self.set_status(426, "Upgrade Required")
            self.set_header("Sec-WebSocket-Version", "13")
            return
        self.ws_connection = protocol
        await self.__accept(protocol)

    def __refuse(self, status: int, message: str) -> None:
        self.set_status(status)
        self.finish(message)
        gen_log.debug(message)

    def get_websocket_protocol(self) -> WebSocketProtocol13 | None:
        """Return the connection of the version that the client speaks, None if we do not."""
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        params = _WebSocketParams(
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            max_message_size=self.max_message_size,
            compression_options=self.get_compression_options(),
            close_timeout=self.settings.get("websocket_close_timeout", _FAREWELL),
            **{name: self.settings.get(f"websocket_{name}") for name in _CAPS},
        )
        return WebSocketProtocol13(self, False, params)

    async def __accept(self, protocol: WebSocketProtocol13) -> None:
        connection: Any = self.request.connection
        try:
            upgrade = connection.upgrade(protocol.params.socket_settings)
        except HTTPException as error:
            gen_log.debug("%s", error)
            self.ws_connection = None
            self.__refuse(400, "Missing/Invalid WebSocket headers")
            return
        offered = list(upgrade.offered)
        subprotocol = protocol.selected_subprotocol = self.select_subprotocol(offered)
        assert not subprotocol or subprotocol in offered
        connection.set_close_callback(None)
        self.set_status(101)
        try:
            end = await upgrade.accept(protocol, subprotocol or None, self.__fields())
        except HTTPException as error:  # too many of this client
            self.ws_connection = None
            self.__refuse(error.code or 400, error.description or "")
            return
        except WebSocketClosed:  # the client has left
            self.ws_connection = None
            self._finished = True
            connection.give_up()
            return
        connection.leave()
        self.__end_http()
        protocol.attach(end)
        try:
            await self.__converse(protocol)
        finally:
            end.finished()

    def __fields(self) -> list[Header]:
        """Return the header fields of the response that `set_header` and others have set."""
        for cookie in getattr(self, "_new_cookie", {}).values():
            self.add_header("Set-Cookie", cookie.OutputString(None))
        return [
            (name, value)
            for name, value in self._headers.get_all()
            if name.lower() not in _NOT_SENT
        ]

    def __end_http(self) -> None:
        """The answer is sent: no method of HTTP works any more."""
        self._headers_written = True
        self._log()
        self._finished = True
        self.on_finish()
        for method in _HTTP_ONLY:
            setattr(self, method, _not_supported)

    async def __converse(self, protocol: WebSocketProtocol13) -> None:
        try:
            opening = self.open(*self.open_args, **self.open_kwargs)
            if opening is not None:
                await opening
        except Exception:
            self.log_exception(*sys.exc_info())
            self._on_close_called = True  # as in Tornado: it has never been open
            protocol.abort()
        protocol.begin()
        await protocol.until_closed()

    # -- for subclasses ----------------------------------------------------------------------------

    def _open(self, *args: str, **kwargs: str) -> Awaitable[None] | None:
        return None

    #: Is called when the WebSocket is open, with what the route matched; messages wait for it.
    open: Callable[..., Awaitable[None] | None] = _open

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Handle a message: str is text, bytes is binary. The next one waits for an awaitable
        that is returned."""
        raise NotImplementedError

    def on_ping(self, data: bytes) -> None:
        """Is called with the data of a ping, which is answered already."""

    def on_pong(self, data: bytes) -> None:
        """Is called with the data of a pong."""

    def on_close(self) -> None:
        """Is called when the WebSocket is closed, by either side; what the client gave is in
        `close_code` and `close_reason`."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Return which of the client's *subprotocols* to speak, or None."""
        return None

    def get_compression_options(self) -> Kwargs | None:
        """Return None for no compression, or a dict with any of ``compression_level`` and
        ``mem_level`` (see `zlib.compressobj`)."""
        return None

    def check_origin(self, origin: str) -> bool:
        """Tell whether a page of another *origin* may open this WebSocket: by default those of
        the setting ``trusted_origins``, and in an `App` those of its WEBSOCKET_ORIGINS."""
        allowed = self.settings.get("websocket_origins") or ()
        return "*" in allowed or origin in allowed or self.check_trusted_origin(origin)

    # -- settings ----------------------------------------------------------------------------------

    @property
    def ping_interval(self) -> float | None:
        """Seconds between pings; 0 or None: none."""
        value: float | None = self.settings.get("websocket_ping_interval")
        return value

    @property
    def ping_timeout(self) -> float | None:
        """Seconds for the response to a ping; None: as long as the interval, 0: any."""
        value: float | None = self.settings.get("websocket_ping_timeout")
        return value

    @property
    def max_message_size(self) -> int:
        """Largest message that is taken, in bytes; a larger one closes with 1009."""
        value: int = self.settings.get("websocket_max_message_size", _default_max_message_size)
        return value

    # -- for programs ------------------------------------------------------------------------------

    @property
    def selected_subprotocol(self) -> str | None:
        """What `select_subprotocol` returned."""
        assert self.ws_connection is not None, "the WebSocket is not open"
        return self.ws_connection.selected_subprotocol

    def write_message(
        self, message: bytes | str | JSONObject, binary: bool = False
    ) -> Future[None]:
        """Send a message, as text or *binary*; a dict as JSON.

        The future is done when more may be written. Raises `WebSocketClosedError`.
        """
        connection = self.ws_connection
        if connection is None or connection.is_closing():
            raise WebSocketClosedError
        if isinstance(message, dict):
            message = json_encode(message)
        return connection.write_message(message, binary=binary)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping with up to 125 bytes. Raises `WebSocketClosedError`, ValueError."""
        connection = self.ws_connection
        if connection is None or connection.is_closing():
            raise WebSocketClosedError
        connection.write_ping(utf8(data))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close, with a *code* of RFC 6455 §7.4 and a *reason* for the client."""
        connection, self.ws_connection = self.ws_connection, None
        if connection is not None:
            connection.close(code, reason)

    def set_nodelay(self, value: bool) -> None:
        """Send small messages at once, as is the default, or let the system join them."""
        assert self.ws_connection is not None, "the WebSocket is not open"
        self.ws_connection.set_nodelay(value)

    # -- the end -----------------------------------------------------------------------------------

    def on_connection_close(self) -> None:
        """The connection is closed, whatever was going on."""
        connection, self.ws_connection = self.ws_connection, None
        if connection is not None:
            connection.on_connection_close()
        if not self._on_close_called:
            self._on_close_called = True
            self.on_close()
            self._break_cycles()

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """The WebSocket is closed: note why, and call `on_close`."""
        self.close_code = close_code
        self.close_reason = close_reason
        self.ws_connection = None
        self.on_connection_close()

    def _break_cycles(self) -> None:
        # Templates are rendered as long as it is open.
        if self.get_status() != 101 or self._on_close_called:
            super()._break_cycles()


def _not_supported(*args: object, **kwargs: object) -> NoReturn:
    raise RuntimeError("Method not supported for Web Sockets")
