"""The interfaces between a server and a program.

A server gets a `HTTPMessageDelegate` for each request from a `HTTPServerConnectionDelegate`, calls
it with what arrives, and receives the response through a `HTTPConnection`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from .headers import HTTPHeaders
from .startline import RequestStartLine, ResponseStartLine

if TYPE_CHECKING:
    from asyncio import Future

    from ...http.prepared import Written

T = TypeVar("T")

__all__ = ["HTTPConnection", "HTTPMessageDelegate", "HTTPServerConnectionDelegate"]


class HTTPConnection:
    """The connection that the response to one request is written to. The futures are done when more
    may be written without piling up."""

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Future[None]:
        """Write the header section, together with the first *chunk* of the body if there is one.

        The version in *start_line* is not used.
        """
        raise NotImplementedError

    def write(self, chunk: bytes) -> Future[None]:
        """Write a piece of the body."""
        raise NotImplementedError

    def finish(self) -> None:
        """Note that the body is complete."""
        raise NotImplementedError


class WholeConnection(HTTPConnection):
    """A connection that also takes a whole response at once, and knows whose request it answers."""

    def answer(self, written: Written) -> Future[None]:
        """Write a whole response, which declares its length if it has a body. The future is done
        when it is sent."""
        raise NotImplementedError

    def cut(self) -> None:
        """End a response that has failed after its head was sent, so that the client can tell that
        it is not whole."""
        raise NotImplementedError

    def is_own(self) -> bool:
        """Whether the caller is in the context of the request."""
        raise NotImplementedError

    def run(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        """Call *function* in the context of the request, wherever the caller is."""
        raise NotImplementedError


class HTTPMessageDelegate:
    """Receives one message as it arrives.

    After `headers_received` comes exactly one of `finish` and `on_connection_close`. The
    first two methods may return an awaitable; nothing more is read until it is done.
    """

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Take the head of the message."""
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a piece of the body."""
        return None

    def finish(self) -> None:
        """Called when the message is complete."""

    def on_connection_close(self) -> None:
        """Called when the connection ended before the exchange did."""


class HTTPServerConnectionDelegate:
    """Returns to a server the delegate of each request."""

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return the delegate of the next request.

        *server_conn* stands for the connection and is the same for all its requests;
        *request_conn* is where this one is answered.
        """
        raise NotImplementedError

    def on_close(self, server_conn: object) -> None:
        """Called when a connection, which was given to `start_request`, has ended."""


class PassingDelegate(HTTPMessageDelegate):
    """Passes every call on to *delegate*."""

    def __init__(self, delegate: HTTPMessageDelegate) -> None:
        self._delegate = delegate

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


async def settled(result: Awaitable[None] | None) -> None:
    """Wait for what a method of a delegate has returned, if there is anything to wait for."""
    if result is not None:
        await result
