"""Message delegates between a server and a router's target.

A server wants somebody to talk to when a request begins; who takes it can be told once its
headers are there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from ..httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from ..httputil.delegates import PassingDelegate
from ..log import app_log


class _Finder(Protocol):
    def find_handler(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None: ...


class _RoutingDelegate(PassingDelegate):
    """Asks *router* who takes the message once the headers are there, and passes on to it."""

    def __init__(self, router: _Finder, server_conn: object, request_conn: HTTPConnection) -> None:
        super().__init__(HTTPMessageDelegate())  # until then there is nobody to tell
        self._router = router
        self._client = server_conn
        self._connection = request_conn

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        request = _request_of(start_line, headers, self._connection, self._client)
        taker = self._router.find_handler(request)
        if taker is None:
            asked = request.method, request.uri
            app_log.debug("Delegate for %s %s request not found", *asked)
            taker = _DefaultMessageDelegate(self._connection)
        self._delegate = taker
        return super().headers_received(start_line, headers)


class _DefaultMessageDelegate(HTTPMessageDelegate):
    """Answers 404 for a router that knows nobody."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def finish(self) -> None:
        start = ResponseStartLine("HTTP/1.1", 404, "Not Found")
        self._connection.write_headers(start, HTTPHeaders())
        self._connection.finish()


class _CallableAdapter(HTTPMessageDelegate):
    """Calls a function with a request when all of it is there."""

    _request: HTTPServerRequest

    def __init__(
        self, request_callback: Callable[[HTTPServerRequest], object], request_conn: HTTPConnection
    ) -> None:
        self._call = request_callback
        self._connection = request_conn
        self._body = bytearray()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._request = _request_of(start_line, headers, self._connection)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._body += chunk
        return None

    def finish(self) -> None:
        request = self._request
        request.body = bytes(self._body)
        request._parse_body()
        self._call(request)

    def on_connection_close(self) -> None:
        self._body.clear()


def _request_of(
    start_line: RequestStartLine | ResponseStartLine,
    headers: HTTPHeaders,
    connection: HTTPConnection,
    client: object = None,
) -> HTTPServerRequest:
    assert isinstance(start_line, RequestStartLine)
    return HTTPServerRequest(
        start_line=start_line, headers=headers, connection=connection, server_connection=client
    )
