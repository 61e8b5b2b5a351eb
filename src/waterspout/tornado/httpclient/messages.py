"""A request to fetch, the response to it, and the errors that a fetch can end with instead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import responses
from io import BytesIO
from ssl import SSLContext

from ..escape import utf8
from ..httputil import HTTPHeaders, format_timestamp

__all__ = [
    "HTTPClientError",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPStreamClosedError",
    "HTTPTimeoutError",
]


class HTTPRequest:
    """A request of the client.

    *body* is bytes or str; *body_producer* instead is called with a function that sends a piece
    and returns a future. *headers* is a mapping; *if_modified_since* a datetime or a timestamp.
    *connect_timeout* and *request_timeout* are seconds, 0 for none. *streaming_callback* gets
    the pieces of the body instead of the response, *header_callback* each header line.
    *validate_cert*, *ca_certs*, *client_cert* and *client_key* (PEM files) or *ssl_options* (a
    context or Tornado's dict) are for https.
    """

    def __init__(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        auth_username: str | None = None,
        auth_password: str | None = None,
        connect_timeout: float | None = 20.0,
        request_timeout: float | None = 20.0,
        if_modified_since: float | datetime | None = None,
        follow_redirects: bool = True,
        max_redirects: int = 5,
        user_agent: str | None = None,
        streaming_callback: Callable[[bytes], object] | None = None,
        header_callback: Callable[[str], None] | None = None,
        allow_nonstandard_methods: bool = False,
        validate_cert: bool = True,
        ca_certs: str | None = None,
        client_key: str | None = None,
        client_cert: str | None = None,
        body_producer: Callable[[Callable[[bytes], object]], object] | None = None,
        expect_100_continue: bool = False,
        decompress_response: bool = True,
        ssl_options: Mapping[str, object] | SSLContext | None = None,
    ) -> None:
        self.url = url
        self.method = method
        self.headers = HTTPHeaders(headers or {})
        if if_modified_since is not None:
            self.headers["If-Modified-Since"] = format_timestamp(if_modified_since)
        self.body = None if body is None else utf8(body)
        self.auth_username = auth_username
        self.auth_password = auth_password
        self.connect_timeout = connect_timeout
        self.request_timeout = request_timeout
        self.follow_redirects = follow_redirects
        self.max_redirects = max_redirects
        self.user_agent = user_agent
        self.streaming_callback = streaming_callback
        self.header_callback = header_callback
        self.allow_nonstandard_methods = allow_nonstandard_methods
        self.validate_cert = validate_cert
        self.ca_certs = ca_certs
        self.client_key = client_key
        self.client_cert = client_cert
        self.body_producer = body_producer
        self.expect_100_continue = expect_100_continue
        self.decompress_response = decompress_response
        self.ssl_options = ssl_options
        self.start_time = time.time()


class HTTPResponse:
    """A response to the client.

    *code*, *reason*, *headers* (`HTTPHeaders`), *body* (bytes, ``b""`` where there is none),
    *effective_url* (after redirects), *request_time* (seconds), *error* (None for a 2xx or 304),
    *request*.
    """

    def __init__(
        self,
        request: HTTPRequest,
        code: int,
        headers: HTTPHeaders | None = None,
        buffer: BytesIO | None = None,
        effective_url: str | None = None,
        error: BaseException | None = None,
        request_time: float | None = None,
        time_info: dict[str, float] | None = None,
        reason: str | None = None,
        start_time: float | None = None,
    ) -> None:
        self.request = request
        self.code = code
        self.reason = reason or responses.get(code, "Unknown")
        self.headers = HTTPHeaders() if headers is None else headers
        self.buffer = buffer
        self.effective_url = request.url if effective_url is None else effective_url
        self.request_time = request_time
        self.time_info = time_info or {}
        self.start_time = start_time
        #: The error is of the client's: no response came.
        self._error_is_response_code = False
        if error is None and not (200 <= code < 300 or code == 304):
            self._error_is_response_code = True
            error = HTTPClientError(code, self.reason, self)
        self.error = error

    @property
    def body(self) -> bytes:
        """The body."""
        return b"" if self.buffer is None else self.buffer.getvalue()

    def rethrow(self) -> None:
        """Raise the error, if there is one."""
        if self.error is not None:
            raise self.error

    def __repr__(self) -> str:
        return f"HTTPResponse(code={self.code}, effective_url={self.effective_url!r})"


class HTTPClientError(Exception):
    """A response with an error status, *code*; 599 where there was no response.

    *response* is the response if there is one.
    """

    def __init__(
        self, code: int, message: str | None = None, response: HTTPResponse | None = None
    ) -> None:
        self.code = code
        self.message = message or responses.get(code, "Unknown")
        self.response = response
        super().__init__(code, message, response)

    def __str__(self) -> str:
        return f"HTTP {self.code}: {self.message}"

    # NOTE: the response holds the error; its repr would hold this one.
    __repr__ = __str__


class HTTPTimeoutError(HTTPClientError):
    """Connecting or the whole exchange took too long."""

    def __init__(self, message: str) -> None:
        super().__init__(599, message)

    def __str__(self) -> str:
        return self.message


class HTTPStreamClosedError(HTTPClientError):
    """The server closed the connection before the response was complete."""

    def __init__(self, message: str) -> None:
        super().__init__(599, message)

    def __str__(self) -> str:
        return self.message
