"""`HTTPServerRequest`: the request object of Tornado's handlers.

On our server it is a view of `http.Incoming`, whose attributes are made when they are read. A
test, a program, or Tornado's own server makes one of a start line and headers; it behaves the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from itertools import chain
from ssl import SSLError
from time import time
from typing import IO, TYPE_CHECKING, Any

from ...http.multipart_split import Split
from ...http.spooled_body import SpooledBody, read_content
from ...typing import Untyped
from ..escape import parse_qs_bytes
from .cookies import morsels
from .errors import HTTPInputError
from .forms import (
    Arguments,
    HTTPFile,
    ParseBodyConfig,
    add_to,
    default_config,
    read_form,
)
from .grammar import HOST, split_host_and_port
from .headers import HTTPHeaders
from .startline import RequestStartLine

if TYPE_CHECKING:
    from asyncio import Future
    from functools import cached_property as made_once
    from http.cookies import SimpleCookie

    from ...http.message import Incoming
else:

    class made_once:
        """An attribute that is made when it is first asked for, and may be set.

        PERF: the standard library's takes a lock (Python 3.11), and it, Werkzeug's and that of
        `http.once` have the object make its ``__dict__``, at half as much time again.
        """

        def __init__(self, make: Callable[[Untyped], object]) -> None:
            self.make = make
            self.__doc__ = make.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = self.make(instance)
            setattr(instance, self.name, value)
            return value


__all__ = ["HTTPServerRequest"]


_copy = list.copy


def _copied(arguments: Arguments) -> Arguments:
    return {name: list(values) for name, values in arguments.items()}


@lru_cache(256)
def _host_name(host: str) -> str:
    """Return the name in a Host field, in lower case. Raises `HTTPInputError`."""
    if not HOST.fullmatch(host):
        raise HTTPInputError(f"Invalid Host header: {host!r}")
    # SECURITY: several Host fields, which a proxy may have joined (RFC 9112 §3.2).
    if "," in host:
        raise HTTPInputError(f"Multiple host headers not allowed: {host!r}")
    return split_host_and_port(host.lower())[0]


#: In place of the address of a client that has none: on a UNIX socket.
NO_ADDRESS = "0.0.0.0"


class HTTPServerRequest:
    """One request.

    *method*, *uri* (the target as sent), *path*, *query*, *version* (``HTTP/1.1``), *host*,
    *host_name* (without the port, in lower case), *protocol* (``http`` or ``https``) and
    *remote_ip* are str; *headers* is an `HTTPHeaders`, *body* bytes. *arguments* maps names
    to lists of bytes: *query_arguments* and *body_arguments* together; *files* maps names
    to lists of `HTTPFile`. *connection* is where the response goes. All may be set.

    Raises `HTTPInputError` for a missing or bad Host and for too many arguments in the
    query.
    """

    method: str
    uri: str
    path: str
    query: str = ""
    connection: Untyped

    # Done when the body has been taken by a handler that streams it.
    waterspout_body_future: Future[None]
    _start_time: float
    _finish_time: float | None = None
    waterspout_incoming: Incoming | None
    #: There is a body, or may be one.
    waterspout_has_body: bool
    waterspout_headers: HTTPHeaders | None
    #: No arguments have been read, asked for, or set.
    _waterspout_is_fresh = True
    # What has been read from a body when nobody had asked for arguments; not to be changed.
    _waterspout_form: Arguments | None = None
    # As programs have them, who may change them; None until they are asked for.
    _waterspout_query_arguments: Arguments | None = None
    _waterspout_body_arguments: Arguments | None = None
    waterspout_arguments: Arguments | None = None

    def __init__(
        self,
        method: str | None = None,
        uri: str | None = None,
        version: str = "HTTP/1.0",
        headers: HTTPHeaders | None = None,
        body: bytes | None = None,
        host: str | None = None,
        files: dict[str, list[HTTPFile]] | None = None,
        connection: object = None,
        start_line: RequestStartLine | None = None,
        server_connection: object | None = None,
    ) -> None:
        self.waterspout_incoming = None
        self.waterspout_has_body = True
        self._start_time = time()
        self.waterspout_headers = headers = HTTPHeaders() if headers is None else headers
        self.body = body or b""
        if host is not None:
            headers["Host"] = host
        context = getattr(connection, "context", None)
        self.remote_ip = getattr(context, "remote_ip", None)
        self.protocol = getattr(context, "protocol", "http")
        if start_line is not None:
            method, uri, version = start_line
        self.method = method or "GET"
        self.uri = uri or "/"
        self.version = version
        self.connection = connection
        self.server_connection = server_connection
        self.files = files or {}
        self._waterspout_split_uri()
        self.host = self._waterspout_host_sent()
        self.host_name = _host_name(self.host)

    @cached_property
    def server_connection(self) -> object:
        """What is the same for all requests of the client's connection; None where the server
        does not say."""
        return getattr(self.connection, "server_connection", None)

    @classmethod
    def waterspout_from_incoming(
        cls, incoming: Incoming, connection: object = None
    ) -> HTTPServerRequest:
        """Make the request object of a message that a gateway received."""
        # PERF: a class without parameters: 0.08 µs instead of 0.27 for `__new__`.
        request: HTTPServerRequest = _Received()
        request.waterspout_incoming = incoming
        request.waterspout_headers = None
        request._start_time = time()
        request.method = incoming.method
        request.uri = request.path = uri = incoming.target.decode("latin-1")
        request.connection = connection
        request.waterspout_has_body = incoming.channel is not None or incoming.body != b""
        if "?" in uri:
            request._waterspout_split_uri()
        if not incoming.host_checked:
            _host_name(request._waterspout_host_sent())
        return request

    def _waterspout_split_uri(self) -> None:
        """Set `path` and `query`, which `query_arguments` is sure to take."""
        self.path, _, query = self.uri.partition("?")
        self.query = query
        # NOTE: refused now: the arguments are read when a response may already be under way.
        # SECURITY: the same limit as for a form; counted before anything is made of it.
        if query.count("&") >= default_config().urlencoded.max_arguments:
            raise HTTPInputError("Invalid query string: Max number of fields exceeded")
        try:
            query.encode("latin-1")
        except UnicodeEncodeError as error:
            raise HTTPInputError(f"Invalid query string: {error}") from error

    def _waterspout_host_sent(self) -> str:
        """Return the Host field. Raises `HTTPInputError` if there has to be one and is none."""
        host = self.waterspout_field(b"host")
        if host is None:
            if self.version != "HTTP/1.0":  # which knew no virtual hosts
                raise HTTPInputError("Missing Host header")
            return "127.0.0.1"
        return host

    # -- made when asked for -----------------------------------------------------------------------

    @property
    def headers(self) -> HTTPHeaders:
        """The header fields."""
        found = self.waterspout_headers
        if found is None:
            assert self.waterspout_incoming is not None
            found = self.waterspout_headers = HTTPHeaders.waterspout_from_wire(
                self.waterspout_incoming.headers
            )
        return found

    @headers.setter
    def headers(self, value: HTTPHeaders) -> None:
        self.waterspout_headers = value

    @made_once
    def version(self) -> str:
        """The version of HTTP."""
        assert self.waterspout_incoming is not None
        return f"HTTP/{self.waterspout_incoming.version}"

    @made_once
    def host(self) -> str:
        """The Host field."""
        return self._waterspout_host_sent()

    @made_once
    def host_name(self) -> str:
        """The name in the Host field."""
        return _host_name(self._waterspout_host_sent())

    @made_once
    def protocol(self) -> str:
        """The scheme."""
        assert self.waterspout_incoming is not None
        return self.waterspout_incoming.scheme

    @made_once
    def remote_ip(self) -> str | None:
        """The client's address; ``0.0.0.0`` on a UNIX socket."""
        assert self.waterspout_incoming is not None
        client = self.waterspout_incoming.client
        return client[0] if client else NO_ADDRESS

    @made_once
    def files(self) -> dict[str, list[HTTPFile]]:
        """The files in the body, once it has been parsed."""
        return {}

    @made_once
    def body(self) -> bytes:
        """The whole body; read into memory if it was spooled to disk."""
        assert self.waterspout_incoming is not None
        body = self.waterspout_incoming.body
        if isinstance(body, bytes):
            return body
        body.seek(0)
        return body.read()

    @property
    def query_arguments(self) -> Arguments:
        """The arguments in the query."""
        found = self._waterspout_query_arguments
        if found is None:
            self._waterspout_query_arguments = found = parse_qs_bytes(
                self.query, keep_blank_values=True
            )
            self._waterspout_is_fresh = False
        return found

    @query_arguments.setter
    def query_arguments(self, value: Arguments) -> None:
        self._waterspout_query_arguments = value
        self._waterspout_is_fresh = False

    @property
    def body_arguments(self) -> Arguments:
        """The arguments in the body, once it has been parsed."""
        found = self._waterspout_body_arguments
        if found is None:
            self._waterspout_body_arguments = found = _copied(self._waterspout_form or {})
            self._waterspout_is_fresh = False
        return found

    @body_arguments.setter
    def body_arguments(self, value: Arguments) -> None:
        self._waterspout_body_arguments = value
        self._waterspout_is_fresh = False

    @property
    def arguments(self) -> Arguments:
        """The arguments in the query, and those in the body once it has been parsed."""
        found = self.waterspout_arguments
        if found is None:
            form = self._waterspout_form  # which is there if the query is empty
            self.waterspout_arguments = found = _copied(
                self.query_arguments if form is None else form
            )
            self._waterspout_is_fresh = False
        return found

    @arguments.setter
    def arguments(self, value: Arguments) -> None:
        self.waterspout_arguments = value
        self._waterspout_is_fresh = False

    @made_once
    def _cookies(self) -> SimpleCookie:
        return morsels(self.headers.get("Cookie", ""))

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies, as morsels of `http.cookies`."""
        return self._cookies

    def waterspout_field(self, name: bytes) -> str | None:
        """Return the header field *name* (lower case). PERF: does not make `headers` of a
        message of our server, which most handlers never ask for."""
        headers = self.waterspout_headers
        if headers is not None:
            found: str | None = headers.get(name.decode())
            return found
        value = self.waterspout_incoming.header(name)  # type: ignore[union-attr]  # there if no headers are
        return None if value is None else value.decode("latin-1")

    def _parse_body(self, config: ParseBodyConfig | None = None) -> None:
        """Read a form body into *body_arguments*, *arguments* and *files*."""
        if not self.waterspout_has_body:
            return
        content_type = self.waterspout_field(b"content-type")
        if content_type is None:
            return
        coding = self.waterspout_field(b"content-encoding")
        split = self._waterspout_split()
        body = self.body if split is None else split.text
        form, files = read_form(content_type, body, coding, config)
        if split is not None and not _put_in(split, files):
            form, files = read_form(content_type, self.body, coding, config)
        if files:
            add_to(self.files, files)
        if self._waterspout_is_fresh and not self.query:
            # Copied into the other dicts when these are read: most handlers read one of them.
            self._waterspout_form = form
            self._waterspout_is_fresh = False
            return
        add_to(self.body_arguments, form)
        add_to(self.arguments, self.body_arguments)

    def _waterspout_split(self) -> Split[IO[bytes]] | None:
        """Return the body, if it is a form on the disk, with its large files cut out."""
        if self.waterspout_incoming is None or "body" in self.__dict__:
            return None
        body = getattr(self.waterspout_incoming.body, "raw", None)
        return body.split() if isinstance(body, SpooledBody) else None

    # -- asked by programs -------------------------------------------------------------------------

    def full_url(self) -> str:
        """Return the URL the client asked for."""
        return f"{self.protocol}://{self.host}{self.uri}"

    def request_time(self) -> float:
        """Return the seconds since the request came, until it was answered."""
        return (self._finish_time or time()) - self._start_time

    def get_ssl_certificate(self, binary_form: bool = False) -> dict[str, object] | bytes | None:
        """Return the client's certificate: a dict, or DER bytes if *binary_form* is true; None
        if it sent none (`ssl.SSLSocket.getpeercert`)."""
        if self.connection is None:
            return None
        try:
            certificate: dict[str, object] | bytes | None = (
                self.connection.stream.socket.getpeercert(binary_form=binary_form)
            )
        except SSLError:
            return None
        return certificate

    def __repr__(self) -> str:
        # SECURITY: no headers: a repr goes to logs, and credentials must not.
        names = ("protocol", "host", "method", "uri", "version", "remote_ip")
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({shown})"


def _put_in(split: Split[IO[bytes]], files: dict[str, list[HTTPFile]]) -> bool:
    """Replace the tokens of *split* among the files by the contents. Return False if one is not
    there."""
    known = split.contents
    for file in chain.from_iterable(files.values()):
        content = known.pop(file.body, None)
        if content is not None:
            file.body = read_content(content)
    return not known


class _Received(HTTPServerRequest):
    __init__: object = object.__init__


_Received.__name__ = HTTPServerRequest.__name__
