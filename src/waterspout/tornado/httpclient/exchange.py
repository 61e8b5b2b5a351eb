"""One request and its response, on a connection of their own: httptools over asyncio streams."""

from __future__ import annotations

import asyncio
import ssl
from inspect import isawaitable
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httptools

from ..httputil import HTTPHeaders
from ..netutil import ssl_options_to_context
from ..request_head import add_credentials, encode_head
from ..util import GzipDecompressor
from .messages import HTTPClientError, HTTPRequest, HTTPStreamClosedError, HTTPTimeoutError

__all__ = ["Exchange"]

_STANDARD = frozenset({"GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_READ = 64 * 1024
#: Bytes of a decompressed body that are made at a time.
_PIECE = 64 * 1024
#: Bytes of the heads of a response, interim ones and trailers included.
_MAX_HEAD = 64 * 1024
#: Bytes of a response that are kept.
_MAX_BODY = 100 * 1024 * 1024

Answer = tuple[int, str, HTTPHeaders, BytesIO]


class Exchange:
    """Sends *request* to *url*, with *method*, *headers* and *body*, which a redirect may have
    changed, and takes one response. *own_credentials* says that those of the request are for the
    server of that URL."""

    _has_head: bool
    _complete: bool
    _continues: bool
    _until_close: bool

    def __init__(
        self,
        request: HTTPRequest,
        url: str,
        method: str,
        headers: HTTPHeaders,
        body: bytes | None,
        own_credentials: bool,
    ) -> None:
        self.request = request
        self._own_credentials = own_credentials
        self._head_size = 0  # of fields that are complete
        self._unread_size = 0  # of what came before the end of a head
        self.target: SplitResult = urlsplit(url)
        if self.target.scheme not in ("http", "https") or not self.target.hostname:
            raise ValueError(f"Unsupported URL: {url!r}")
        self.method = method
        self.body = body
        # A redirect that turned a POST into a GET has dropped the body.
        self.produces = request.body_producer is not None and method in _WITH_BODY
        self.headers = headers
        self._check()
        self._begin_response()
        self._parser = httptools.HttpResponseParser(self)

    def _check(self) -> None:
        if self.request.allow_nonstandard_methods:
            return
        if self.method not in _STANDARD:
            raise KeyError(f"unknown method {self.method}")
        present = self.body is not None or self.produces
        if present != (self.method in _WITH_BODY):
            must = "must" if self.method in _WITH_BODY else "must not"
            raise ValueError(
                f"Body {must} be given for the method {self.method}"
                " (unless allow_nonstandard_methods is true)"
            )

    # -- sending -------------------------------------------------------------------------------

    async def run(self) -> Answer:
        """Return status, reason, header and body of the response. Raises `HTTPClientError`,
        OSError."""
        reader, writer = await self._connect()
        try:
            writer.write(self._head())
            if not self.request.expect_100_continue:
                await self._send_body(writer)
            await self._receive(reader, writer)
        finally:
            writer.close()
        return self._code, self._reason, self._fields, self._buffer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = self._context() if self.target.scheme == "https" else None
        port = self.target.port or (443 if context else 80)
        try:
            async with asyncio.timeout(self.request.connect_timeout or None):
                return await asyncio.open_connection(self.target.hostname, port, ssl=context)
        except TimeoutError:
            raise HTTPTimeoutError("Timeout while connecting") from None

    def _context(self) -> ssl.SSLContext:
        request = self.request
        if request.ssl_options is not None:
            return ssl_options_to_context(request.ssl_options, server_side=False)
        context = ssl.create_default_context(cafile=request.ca_certs)
        if not request.validate_cert:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if request.client_cert is not None:
            context.load_cert_chain(request.client_cert, request.client_key)
        return context

    def _head(self) -> bytes:
        request, target = self.request, self.target
        headers = self.headers.copy()
        headers.setdefault("Host", target.netloc.rpartition("@")[2])
        headers["Connection"] = "close"
        headers.setdefault("User-Agent", request.user_agent or "Waterspout")
        add_credentials(headers, target, request if self._own_credentials else None)
        if request.decompress_response:
            headers["Accept-Encoding"] = "gzip"
        if request.expect_100_continue:
            headers["Expect"] = "100-continue"
        if self.produces:
            if "Content-Length" not in headers:
                headers["Transfer-Encoding"] = "chunked"
        elif self.body is not None:
            headers["Content-Length"] = str(len(self.body))
        if self.method == "POST":
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        path = target.path or "/"
        if target.query:
            path += f"?{target.query}"
        return encode_head(f"{self.method} {path} HTTP/1.1", headers.get_all())

    async def _send_body(self, writer: asyncio.StreamWriter) -> None:
        producer = self.request.body_producer
        if self.body is not None:
            writer.write(self.body)
        elif self.produces and producer is not None:
            chunked = "Content-Length" not in self.headers

            def send(piece: bytes) -> asyncio.Task[None]:
                if chunked:
                    piece = b"%x\r\n%b\r\n" % (len(piece), piece)
                writer.write(piece)
                return asyncio.ensure_future(writer.drain())

            produced = producer(send)
            if isawaitable(produced):
                await produced
            if chunked:
                writer.write(b"0\r\n\r\n")

    # -- receiving -----------------------------------------------------------------------------

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._complete:
            try:
                data = await reader.read(_READ)
            except ConnectionError:
                data = b""
            if not data:
                if self._until_close and self._has_head:
                    return
                raise HTTPStreamClosedError("Connection closed")
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserCallbackError as error:
                raise error.__context__ or error from None
            except httptools.HttpParserError as error:
                raise HTTPClientError(599, f"Malformed response: {error}") from error
            if not self._has_head:
                self._unread_size += len(data)
                _check_head(self._unread_size)
            if self._continues:
                self._continues = False
                await self._send_body(writer)

    def _begin_response(self) -> None:
        self._code = 0
        self._reason = ""
        self._fields = HTTPHeaders()
        self._buffer = BytesIO()
        self._has_head = False
        self._complete = False
        self._continues = False
        self._until_close = False
        self._gzip: GzipDecompressor | None = None

    def on_status(self, status: bytes) -> None:
        """The reason phrase."""
        self._reason = status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field."""
        self._head_size += len(name) + len(value) + 4
        _check_head(self._head_size)
        self._fields.add(name.decode("latin-1"), value.decode("latin-1").strip())

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._code = self._parser.get_status_code()
        if self._code < 200:
            return
        self._has_head = True
        self._tell_headers()
        fields = self._fields
        if self.request.decompress_response and fields.get("Content-Encoding") == "gzip":
            self._gzip = GzipDecompressor()
            fields["X-Consumed-Content-Encoding"] = fields.pop("Content-Encoding")
        if self.method == "HEAD":
            self._complete = True
        self._until_close = "Content-Length" not in fields and "Transfer-Encoding" not in fields

    def _tell_headers(self) -> None:
        tell = self.request.header_callback
        if tell is not None:
            version = self._parser.get_http_version()
            tell(f"HTTP/{version} {self._code} {self._reason}\r\n")
            for name, value in self._fields.get_all():
                tell(f"{name}: {value}\r\n")
            tell("\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._complete:
            return
        if self._gzip is None:
            self._keep(data)
            return
        while data:
            self._keep(self._gzip.decompress(data, _PIECE))
            data = self._gzip.unconsumed_tail

    def _keep(self, data: bytes) -> None:
        callback: Any = self.request.streaming_callback
        if callback is not None:
            if data:
                callback(data)
        elif self._buffer.tell() + len(data) > _MAX_BODY:
            raise HTTPClientError(599, f"The response has more than {_MAX_BODY} bytes")
        else:
            self._buffer.write(data)

    def on_message_complete(self) -> None:
        """The response is complete; an interim one is followed by another."""
        if self._complete:
            return
        if self._code < 200:
            continues = self._code == 100 and self.request.expect_100_continue
            self._begin_response()
            self._continues = continues
        else:
            self._complete = True


def _check_head(size: int) -> None:
    """SECURITY: a server that is asked may not fill this program's memory either."""
    if size > _MAX_HEAD:
        raise HTTPClientError(599, f"The response's head has more than {_MAX_HEAD} bytes")
