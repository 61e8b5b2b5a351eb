"""`HTTPServerRequest`: a request as Tornado's handlers see it.

On our server it is a face over `http.Incoming`: what a handler does not ask for is not
made. Where something else makes a request (a test, a program, Tornado's own server) it
is given the start line and the headers, and is the same from there on.
"""

from __future__ import annotations

import time
from functools import lru_cache
from ssl import SSLError
from typing import TYPE_CHECKING, Any

from werkzeug.utils import cached_property

from ..escape import parse_qs_bytes
from .cookies import morsels
from .errors import HTTPInputError
from .forms import HTTPFile, ParseBodyConfig, default_config, parse_body_arguments
from .grammar import HOST, split_host_and_port
from .headers import HTTPHeaders
from .startline import RequestStartLine

if TYPE_CHECKING:
    from asyncio import Future
    from http.cookies import SimpleCookie

    from ...http.incoming import Incoming

__all__ = ["HTTPServerRequest"]


@lru_cache(256)
def _host_name(host: str) -> str:
    """Return the name in a Host field, in lower case. Raises `HTTPInputError`."""
    if not HOST.fullmatch(host):
        raise HTTPInputError(f"Invalid Host header: {host!r}")
    # SECURITY: several Host fields, which a proxy may have joined (RFC 9112 §3.2).
    if "," in host:
        raise HTTPInputError(f"Multiple host headers not allowed: {host!r}")
    return split_host_and_port(host.lower())[0]


class HTTPServerRequest:
    """One request.

    *method*, *uri* (the target as sent), *path*, *query*, *version* (``HTTP/1.1``), *host*,
    *host_name* (without the port, in lower case), *protocol* (``http`` or ``https``) and
    *remote_ip* are str; *headers* is an `HTTPHeaders`, *body* bytes. *arguments* maps names
    to lists of bytes: *query_arguments* and *body_arguments* together; *files* maps names
    to lists of `HTTPFile`. *connection* is where the answer goes. All may be set.

    Raises `HTTPInputError` for a missing or bad Host and for too many arguments in the
    query.
    """

    method: str
    uri: str
    version: str
    path: str
    query: str
    host: str
    host_name: str
    remote_ip: str | None
    protocol: str
    body_arguments: dict[str, list[bytes]]
    files: dict[str, list[HTTPFile]]
    connection: Any
    server_connection: object

    # Done when the body has been taken by a handler that streams it.
    _body_future: Future[None]
    _finish_time: float | None = None
    _incoming: Incoming | None = None

    def __init__(
        self,
        method: str | None = None,
        uri: str | None = None,
        version: str = "HTTP/1.0",
        headers: HTTPHeaders | None = None,
        body: bytes | None = None,
        host: str | None = None,
        files: dict[str, list[HTTPFile]] | None = None,
        connection: Any = None,
        start_line: RequestStartLine | None = None,
        server_connection: object | None = None,
    ) -> None:
        self.headers = HTTPHeaders() if headers is None else headers
        self.body = body or b""
        if host is not None:
            self.headers["Host"] = host
        context = getattr(connection, "context", None)
        self.remote_ip = getattr(context, "remote_ip", None)
        self.protocol = getattr(context, "protocol", "http")
        if start_line is not None:
            method, uri, version = start_line
        self._begin(
            method or "GET",
            uri or "/",
            version,
            self.headers.get("Host"),
            connection,
            server_connection,
        )
        self.files = files or {}

    @classmethod
    def from_incoming(
        cls, incoming: Incoming, connection: Any = None, server_connection: object | None = None
    ) -> HTTPServerRequest:
        """Make the face of a message our server received."""
        request = cls.__new__(cls)
        request._incoming = incoming
        origin = incoming.origin
        request.remote_ip = origin.client[0] if origin.client else None
        request.protocol = origin.scheme
        host = incoming.header(b"host")
        request._begin(
            incoming.method,
            incoming.target.decode("latin-1"),
            f"HTTP/{incoming.version}",
            None if host is None else host.decode("latin-1"),
            connection,
            server_connection,
        )
        return request

    def _begin(
        self,
        method: str,
        uri: str,
        version: str,
        host: str | None,
        connection: Any,
        server_connection: object | None,
    ) -> None:
        self._start_time = time.time()
        self.method, self.uri, self.version = method, uri, version
        self.path, _, self.query = uri.partition("?")
        if host is None:
            if version != "HTTP/1.0":  # which knew no virtual hosts
                raise HTTPInputError("Missing Host header")
            host = "127.0.0.1"
        self.host = host
        self.host_name = _host_name(host)
        self.connection = connection
        self.server_connection = server_connection
        self.body_arguments = {}
        self.files = {}
        if self.query:
            self._check_query()

    # -- made when asked for -----------------------------------------------------------------------

    @cached_property
    def headers(self) -> HTTPHeaders:
        """The header fields."""
        assert self._incoming is not None
        return HTTPHeaders.from_wire(self._incoming.headers)

    @cached_property
    def body(self) -> bytes:
        """The whole body; read into memory if it was spooled to disk."""
        assert self._incoming is not None
        body = self._incoming.body
        if isinstance(body, bytes):
            return body
        body.seek(0)
        return body.read()

    @cached_property
    def query_arguments(self) -> dict[str, list[bytes]]:
        """The arguments in the query."""
        return parse_qs_bytes(self.query, keep_blank_values=True)

    @cached_property
    def arguments(self) -> dict[str, list[bytes]]:
        """The arguments in the query, and those in the body once it has been parsed."""
        return {name: values.copy() for name, values in self.query_arguments.items()}

    @cached_property
    def _cookies(self) -> SimpleCookie:
        return morsels(self.headers.get("Cookie", ""))

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies, as morsels of `http.cookies`."""
        return self._cookies

    def _check_query(self) -> None:
        """Refuse what `query_arguments` could not take, now: it is read when an answer may
        already be under way."""
        # SECURITY: the same limit as for a form; counted before anything is made of it.
        if self.query.count("&") >= default_config().urlencoded.max_arguments:
            raise HTTPInputError("Invalid query string: Max number of fields exceeded")
        try:
            self.query.encode("latin-1")
        except UnicodeEncodeError as error:
            raise HTTPInputError(f"Invalid query string: {error}") from error

    def _field(self, name: bytes) -> str | None:
        """Return the header field *name* (lower case). PERF: does not make `headers` of a
        message of our server, which most handlers never ask for."""
        if self._incoming is None or "headers" in self.__dict__:
            return self.headers.get(name.decode())
        value = self._incoming.header(name)
        return None if value is None else value.decode("latin-1")

    def _parse_body(self, config: ParseBodyConfig | None = None) -> None:
        """Read a form body into *body_arguments*, *arguments* and *files*."""
        incoming = self._incoming
        if incoming is not None and not incoming.body and incoming.channel is None:
            return
        headers = self.headers
        parse_body_arguments(
            headers.get("Content-Type", ""),
            self.body,
            self.body_arguments,
            self.files,
            headers,
            config=config,
        )
        for name, values in self.body_arguments.items():
            self.arguments.setdefault(name, []).extend(values)

    # -- asked by programs -------------------------------------------------------------------------

    def full_url(self) -> str:
        """Return the URL the client asked for."""
        return f"{self.protocol}://{self.host}{self.uri}"

    def request_time(self) -> float:
        """Return the seconds since the request came, until it was answered."""
        return (self._finish_time or time.time()) - self._start_time

    def get_ssl_certificate(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """Return the client's certificate: a dict, or DER bytes if *binary_form* is true; None
        if it sent none (`ssl.SSLSocket.getpeercert`)."""
        if self.connection is None:
            return None
        try:
            certificate: dict[str, Any] | bytes | None = self.connection.stream.socket.getpeercert(
                binary_form=binary_form
            )
        except SSLError:
            return None
        return certificate

    def __repr__(self) -> str:
        # SECURITY: no headers: a repr goes to logs, and credentials must not.
        names = ("protocol", "host", "method", "uri", "version", "remote_ip")
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({shown})"
