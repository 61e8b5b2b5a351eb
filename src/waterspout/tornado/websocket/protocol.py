"""An open WebSocket under Tornado's names, the same for servers and clients.

Theory of operation. `WebSocketProtocol13` is the `Sink` of an `End` (`waterspout.websockets`)
and calls the methods of a handler, or of a client connection. While an awaitable that one of
them returned is not done, the end is paused: messages are handled one by one. A peer that sends
faster than that is not read.

A part of the underscored names are Tornado's: programs and its own tests know them.
"""

from __future__ import annotations

import abc
import asyncio
import base64
import hashlib
import sys
from collections.abc import Awaitable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol

from ...typing import Function, JSONObject
from ...websockets.errors import ABNORMAL, NO_STATUS, WebSocketClosed
from ...websockets.protocol import is_sendable
from ..detached import set_nodelay
from ..escape import json_encode, utf8
from ..log import gen_log
from .errors import WebSocketClosedError
from .keepalive import Pinger

if TYPE_CHECKING:
    from asyncio import Future
    from types import TracebackType

    from ...websockets.protocol import Link
    from ...websockets.transport import End
    from ..concurrent import LoopFuture
    from .params import _WebSocketParams

__all__ = ["WebSocketProtocol", "WebSocketProtocol13"]

#: Messages handled in one turn of the event loop.
_IN_ONE_TURN = 256
_PING, _PONG = 9, 10
_INTERNAL_ERROR = 1011
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


class Delegate(Protocol):
    """The receiver of messages: a `WebSocketHandler` or a `WebSocketClientConnection`."""

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """The connection is closed."""

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """A message arrived."""

    def on_ping(self, data: bytes) -> None:
        """A ping arrived."""

    def on_pong(self, data: bytes) -> None:
        """A pong arrived."""

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """One of the above raised."""


class _Stream:
    """The connection's stream of bytes, with the methods that programs use."""

    def __init__(self, end: End) -> None:
        self._end = end

    @property
    def socket(self) -> object:
        """The socket, to be looked at; None where the server does not show it."""
        transport = getattr(self._end, "transport", None)
        return None if transport is None else transport.get_extra_info("socket")

    def closed(self) -> bool:
        """Whether the connection is closed, or closing."""
        return self._end.closed()

    def close(self) -> None:
        """Close behind what was written, without a closing handshake."""
        self._end.close_written()

    def set_nodelay(self, value: bool) -> None:
        """Send small messages at once, as is the default, or let the system join them."""
        set_nodelay(self.socket, value)


class WebSocketProtocol(abc.ABC):
    """The base of versions of the protocol, of which one is left."""

    def __init__(self, handler: Delegate) -> None:
        self.handler = handler
        self.stream: Any = None
        self.client_terminated = False
        self.server_terminated = False

    @abc.abstractmethod
    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin the closing handshake."""

    @abc.abstractmethod
    def is_closing(self) -> bool:
        """Tell whether one side has begun to close, or the connection is lost."""

    @abc.abstractmethod
    def write_message(
        self, message: str | bytes | JSONObject, binary: bool = False
    ) -> Future[None]:
        """Send a message."""

    @abc.abstractmethod
    def write_ping(self, data: bytes) -> None:
        """Send a ping."""


class WebSocketProtocol13(Pinger, WebSocketProtocol):
    """An open connection of version 13 (RFC 6455)."""

    def __init__(self, handler: Delegate, mask_outgoing: bool, params: _WebSocketParams) -> None:
        WebSocketProtocol.__init__(self, handler)
        Pinger.__init__(self, params)
        self.mask_outgoing = mask_outgoing
        self.selected_subprotocol: str | None = None
        self.close_code: int | None = None
        self.close_reason: str | None = None
        # Counters of messages, in UTF-8 before compression.
        self._message_bytes_in = 0
        self._message_bytes_out = 0
        self._link: Link | None = None
        self._end: End = None  # type: ignore[assignment]  # from `open` on
        self._loop = asyncio.get_running_loop()
        # Bytes arrive in the context of the socket; the delegate's methods run in that of its own
        # request (`request`, `current_app`, `g`).
        self._context = copy_context()
        self._ended = self._loop.create_future()
        self._written: Future[None] = self._loop.create_future()
        self._written.set_result(None)
        self._handled = 0  # messages, in this turn
        self._busy = False  # waiting for the delegate
        self._close_told: tuple[int, str] | None = None
        self._pong_future: Future[None] | None = None
        self._pending_pong: bytes | None = None

    @staticmethod
    def compute_accept_value(key: str | bytes) -> str:
        """Return the Sec-WebSocket-Accept that answers *key*."""
        return base64.b64encode(hashlib.sha1(utf8(key) + _MAGIC).digest()).decode()

    # -- the end -----------------------------------------------------------------------------------

    def attach(self, end: End) -> None:
        """Use *end*, which passes nothing on until `begin`."""
        self._end = end
        self.stream = _Stream(end)
        self._link = getattr(end, "link", None)  # ASGI's ends have none
        if self._link is not None:
            self._link.answers_pings = False
        self.start_pinging()

    def begin(self) -> None:
        """Start to receive messages, in the context that `open` has left."""
        self._context = copy_context()
        self._end.resume()

    async def until_closed(self) -> None:
        """Wait until the delegate was called with the end."""
        await self._ended

    @property
    def _wire_bytes_in(self) -> int:
        return 0 if self._link is None else self._link.bytes_in

    @property
    def _wire_bytes_out(self) -> int:
        return 0 if self._link is None else self._link.bytes_out

    # -- what arrives (`websockets.transport.Sink`) ----------------------------------------------

    def on_message(self, message: str | bytes) -> None:
        """Have the delegate handle a message."""
        if self.client_terminated:
            return  # dropped, in the middle of what had arrived
        self._message_bytes_in += len(message if isinstance(message, bytes) else message.encode())
        self._await(self._run_callback(self.handler.on_message, message))
        self._handled += 1
        if self._handled >= _IN_ONE_TURN and not self._busy:
            # A peer that sends many small messages does not keep the event loop to itself.
            self._handled = 0
            self._pause()
            self._loop.call_soon(self._go_on)

    def on_ping(self, data: bytes) -> None:
        """Answer, and call the delegate."""
        self._await(self._handle_message(_PING, data))

    def on_pong(self, data: bytes) -> None:
        """Note that the peer lives, and call the delegate."""
        self._await(self._handle_message(_PONG, data))

    def _handle_message(self, opcode: int, data: bytes) -> Future[object] | None:
        if opcode == _PING:
            self._send_pong(data)
            self._run_callback(self.handler.on_ping, data)
            return None
        self._received_pong = True
        return self._run_callback(self.handler.on_pong, data)

    def on_close(self, code: int, reason: str) -> None:
        """Call the delegate after it has handled everything before."""
        if self._busy:
            self._close_told = (code, reason)
            return
        if self._ended.done():
            return
        self.client_terminated = True
        if code not in (ABNORMAL, NO_STATUS):
            self.close_code = code
            self.close_reason = reason or None
        self.stop_pinging()
        self._ended.set_result(None)
        told = self.handler.on_ws_connection_close
        try:
            self._context.run(told, self.close_code, self.close_reason)
        except Exception:  # the end goes on, and with it the goodbye to the peer
            self.handler.log_exception(*sys.exc_info())

    def on_stop(self) -> None:
        """The server stops."""
        self.close(1001)

    # -- calling the delegate ----------------------------------------------------------------------

    def _run_callback(
        self, callback: Function, *args: object, **kwargs: object
    ) -> LoopFuture | None:
        """Call; an error is logged and drops the connection. What is returned never raises."""
        try:
            result = self._context.run(callback, *args, **kwargs)
        except (Exception, asyncio.CancelledError):
            self._fail(sys.exc_info())
            return None
        if result is None:
            return None
        future: LoopFuture
        if asyncio.iscoroutine(result):
            future = self._loop.create_task(result, context=self._context)
        else:
            future = asyncio.ensure_future(result)
        if future.done():
            self._look_at(future)
            return None
        future.add_done_callback(self._look_at)
        return future

    def _look_at(self, future: Future[object]) -> None:
        try:
            future.result()
        except (Exception, asyncio.CancelledError):
            self._fail(sys.exc_info())

    def _fail(self, info: Any) -> None:
        self.handler.log_exception(*info)
        self.abort()

    def _await(self, future: Future[object] | None) -> None:
        """Handle nothing more until *future* is done."""
        if future is not None and not future.done():
            self._pause()
            future.add_done_callback(self._go_on)

    def _pause(self) -> None:
        self._busy = True
        self._end.pause()

    def _go_on(self, _: object = None) -> None:
        self._busy = False
        self._handled = 0
        told, self._close_told = self._close_told, None
        if told is not None:
            self.on_close(*told)
        else:
            self._end.resume()

    # -- sending -----------------------------------------------------------------------------------

    def write_message(
        self, message: str | bytes | JSONObject, binary: bool = False
    ) -> Future[None]:
        """Send a message, a dict as JSON; the future is done when more may be written.

        Raises `WebSocketClosedError`.
        """
        if isinstance(message, dict):
            message = json_encode(message)
        if binary:
            message = utf8(message)
        elif isinstance(message, bytes):
            message = message.decode()
        self._message_bytes_out += len(utf8(message))
        try:
            sent = self._end.send_message(message)
        except WebSocketClosed:
            raise WebSocketClosedError from None
        if sent is None:
            return self._written
        return asyncio.ensure_future(self._until_written(sent))

    async def _until_written(self, sent: Awaitable[None]) -> None:
        try:
            await sent
        except WebSocketClosed:
            raise WebSocketClosedError from None

    def write_ping(self, data: bytes) -> None:
        """Send a ping. Raises `ValueError` above 125 bytes."""
        self._write_frame(True, _PING, data)

    def _write_frame(self, fin: bool, opcode: int, data: bytes, flags: int = 0) -> Future[None]:
        """Send a control frame."""
        try:
            sent = self._end.send_control(opcode, data)
        except WebSocketClosed:
            raise WebSocketClosedError from None
        if sent is None:
            return self._written
        return asyncio.ensure_future(self._until_written(sent))

    def _send_pong(self, data: bytes) -> None:
        # While a pong waits to be written only the latest ping is kept (RFC 6455 §5.5.3).
        if self._pong_future is not None and not self._pong_future.done():
            self._pending_pong = data
            return
        self._pending_pong = None
        if self.server_terminated:
            return
        try:
            self._pong_future = self._write_frame(True, _PONG, data)
        except WebSocketClosedError:
            self.abort()
            return
        if not self._pong_future.done():
            self._pong_future.add_done_callback(self._on_pong_sent)

    def _on_pong_sent(self, future: Future[None]) -> None:
        waiting, self._pending_pong = self._pending_pong, None
        if not future.cancelled() and future.exception() is None and waiting is not None:
            self._send_pong(waiting)

    # -- closing -----------------------------------------------------------------------------------

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin the closing handshake; *code* is 1000 where only a *reason* is given.

        Raises `ValueError` for a reason above 123 bytes.
        """
        if code is None and reason is not None:
            code = 1000
        elif code is not None and not is_sendable(code):
            # NOTE: Tornado sends any number, and programs have codes of their own (Bokeh: 10000);
            # browsers then read 1006, and no reason.
            gen_log.warning("Close code %s may not be sent (RFC 6455, 7.4); 1011 is", code)
            code = _INTERNAL_ERROR
        self.stop_pinging()
        if not self.server_terminated and self._end is not None:
            self._end.leave(code, reason or "")
        self.server_terminated = True

    def abort(self) -> None:
        """Close the connection, without a closing handshake; nothing more is told or taken.

        What the program has written before goes out, as from Tornado, which writes at once.
        """
        self.client_terminated = self.server_terminated = True
        self.stop_pinging()
        if self._end is not None:
            self._end.close_written()

    def on_connection_close(self) -> None:
        """The delegate says that the connection is closed."""
        self.abort()

    def is_closing(self) -> bool:
        """Tell whether one side has begun to close, or the connection is lost."""
        return self.client_terminated or self.server_terminated or self._end.closed()

    def set_nodelay(self, x: bool) -> None:
        """Send small messages at once, as is the default, or let the system join them."""
        self.stream.set_nodelay(x)
