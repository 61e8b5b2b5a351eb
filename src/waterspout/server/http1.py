"""HTTP/1.1 requests out of bytes: llhttp, and what it leaves to a server.

Theory of operation. `RequestParser.feed` takes bytes in any cut and calls its sink:

    on_request(incoming)   the header section is complete and acceptable
    on_body(data)          a piece of its body
    on_end()               the request is complete

and raises `ProtocolError` once for bytes that are no HTTP; nothing after them is read.
It does no I/O. llhttp (httptools) checks grammar and framing; from RFC 9112 and the
advisories of other servers this adds: one space between the parts of the request line,
versions, forms of the target, exactly one valid Host, limits on everything that can
grow, and the body of a request with an Upgrade that we ignore.

llhttp delivers a header field only when it is complete, and hides chunk sizes, so two
counts are kept of raw bytes: those of an unfinished header section, and those a chunked
body spends on anything but data. A large read is fed in slices that end where a body of
known length ends, so that the counts are right wherever the network cut the bytes, and
that the sink can stop the parser (`paused`) before it has made thousands of requests.
"""

from __future__ import annotations

from typing import Protocol

import httptools

from ..http.incoming import Blank, Incoming, Origin, split_target
from .deciding import CODING, CONDITION, CONNECTION, COOKIE, HOST, LENGTH, Deciding, kind_of, kinds
from .request_line import ProtocolError, check_target, explained, is_host, other_method
from .settings import Limits

__all__ = ["ProtocolError", "RequestParser", "RequestSink"]

#: Optional white space, which llhttp leaves at the end of a value (RFC 9110 §5.5).
_BLANK = b" \t"

_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}

_FORBIDDEN_TRAILERS = frozenset({b"content-length", b"transfer-encoding", b"host"})

#: Raw bytes of a chunk besides data and extensions: size (16 hex digits) and two CRLF.
_CHUNK_FRAME = 20
#: What llhttp is fed at once, but for bodies of known length: the counts of raw bytes are
#: off by no more.
_SLICE = 4096
#: Instead of an offset: the request is the first in what is fed; its place is not known.
_FIRST, _UNKNOWN = -1, -2


class RequestSink(Protocol):
    """Who is told of requests."""

    def on_request(self, incoming: Incoming) -> None:
        """The header section of a request is complete; the parser's fields describe it."""

    def on_body(self, data: bytes) -> None:
        """A piece of the body arrived."""

    def on_end(self) -> None:
        """The request is complete."""


class RequestParser:
    """Parses the requests of one connection.

    While `on_request` runs, and until the next request, the fields describe the request:
    `keep_alive`; `content_length` (None if not given); `chunked`; `expects_continue`;
    `has_cookie`; `has_condition`; `upgrade`.
    The sink may set `paused`: no more requests are made until `resume`.
    """

    __slots__ = (
        "_before",
        "_chunks",
        "_data",
        "_deciding",
        "_failed",
        "_good_host",
        "_headers",
        "_held",
        "_left",
        "_max_fields",
        "_parser",
        "_resuming",
        "_settled",
        "_small",
        "_spent",
        "_unfed",
        "_url",
        "chunked",
        "content_length",
        "expects_continue",
        "has_condition",
        "has_cookie",
        "in_body",
        "in_head",
        "keep_alive",
        "limits",
        "origin",
        "paused",
        "sink",
        "upgrade",
    )

    def __init__(self, sink: RequestSink, limits: Limits) -> None:
        # Connection
        self.sink = sink
        self.limits = limits
        self._max_fields = limits.header_count
        self._small = min(limits.header_field, limits.request_line)
        self.origin = Origin()
        self._parser = httptools.HttpRequestParser(self)
        self._good_host = b""
        self._failed = False
        self._resuming = False
        self.paused = False
        self._unfed = b""  # what arrived while paused
        # Request
        self.in_head = False
        self.in_body = False
        self.keep_alive = True
        self.content_length: int | None = None
        self.chunked = False
        self.expects_continue = False
        self.has_cookie = self.has_condition = False
        self.upgrade = False
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._deciding: Deciding = []
        #: Those of the last request, if they were good and said nothing about a body.
        self._settled: Deciding | None = None
        self._held = b""  # raw bytes of an unfinished header section
        self._data = b""  # what is being fed
        self._before = _FIRST  # where in _data the request before the current one begins
        self._left = 0  # bytes of a body of known length that have not arrived
        self._spent = 0  # raw bytes of a chunked body that are not data
        self._chunks = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `ProtocolError`; further bytes are then ignored."""
        begun = self.in_head or self.in_body
        if begun or self.paused or self._failed or len(data) > _SLICE:
            self._feed_slices(data)
            return
        # PERF: `_take` for a small read that begins with a request.
        self._before = _FIRST
        self._data = data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as stopped:
            self._stopped(stopped, data)
            return
        if self.in_head or self.in_body:
            self._check_begun()
        else:
            self._data = b""

    def _feed_slices(self, data: bytes) -> None:
        data = self._unfed + data
        self._unfed = b""
        at = 0
        while at < len(data) and not self._failed:
            if self.paused:
                self._unfed += data[at:]
                return
            end = at + (self._left or _SLICE)
            self._take(data[at:end])
            at = end

    def resume(self) -> None:
        """Take the bytes that arrived while `paused`. Raises `ProtocolError`."""
        self.paused = False
        data, self._unfed = self._unfed, b""
        if data:
            self.feed(data)

    def stop(self) -> None:
        """Take nothing more."""
        self._failed = True
        self._unfed = b""

    def give_up(self) -> bytes:
        """Take nothing more; return the bytes that arrived while `paused`."""
        rest = self._unfed
        self.stop()
        return rest

    @property
    def unfinished(self) -> tuple[str, bytes]:
        """Method and target of a request whose header section is not complete, or was refused;
        empty if there is none."""
        target = self._url
        return (self._parser.get_method().decode(), target) if target else ("", b"")

    def _take(self, data: bytes) -> None:
        if self._failed:
            return
        if self.in_body:
            self._before = _UNKNOWN
            self._data = data
            if self.chunked:
                self._spent += len(data)
        elif self._held:
            # NOTE: kept only for the check of the request line, bounded by the limits.
            self._held += data
            self._data = self._held
        else:
            self._before = _FIRST
            self._data = data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as stopped:
            self._stopped(stopped, data)
            return
        self._check_begun()

    # -- called by llhttp ------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request line starts."""
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        """The target, or a piece of it."""
        self._url = self._url + url if self._url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete field: of the header section, or of the trailers."""
        self._headers.append((name, value))
        kind = kinds.get(name)
        if kind is None:
            kind = kind_of(name)
        if kind:
            self._deciding.append((kind, value))

    def on_headers_complete(self) -> None:
        """The header section is complete."""
        self.in_head = False
        headers = self._headers
        self._headers = []  # from here on: trailers
        deciding = self._deciding
        self._deciding = []
        target = self._url
        if self._resuming:
            self._url = b""
            return
        method = self._parser.get_method()
        # PERF: one C call instead of a regular expression over the line, and of asking
        # llhttp for the version.
        data = self._data
        if self._before == _FIRST and data.startswith(
            b"HTTP/1.1\r\n", len(method) + len(target) + 2
        ):
            version = "1.1"
            self._before = 0
        else:
            version = self._check_request_line(method, target)
        self._held = b""
        # PERF: a section that is smaller than one field may be needs no closer look.
        if len(data) > self._small or len(headers) > self._max_fields:
            self._check_sizes(headers, target)
        # PERF: clients say the same in every request of a connection.
        if deciding != self._settled or version != "1.1":
            self._read_fields(deciding, version)
        # PERF: looked at as text, in which a search costs a tenth of one in bytes.
        text = target.decode("latin-1")
        path: str | None = text
        if "?" in text or "%" in text or "#" in text or text[0] != "/" or not text.isascii():
            path = None
            if text[0] != "/" or "#" in text:
                host = check_target(method, target)
                if host:  # it counts, whatever the field says (RFC 9112 §3.2.2)
                    headers = [(b"Host", host), *(f for f in headers if f[0].lower() != b"host")]
        self.in_body = True
        incoming = Blank()
        incoming.method = _METHODS.get(method) or other_method(method)
        incoming.target = target
        incoming.headers = headers
        incoming.version = version
        incoming.origin = self.origin
        if path is None:
            incoming.path, incoming.query = split_target(target)
        else:
            incoming.path = path
        incoming.has_cookie = self.has_cookie
        incoming.has_condition = self.has_condition
        incoming.upgrade = self.upgrade
        self._url = b""
        self.sink.on_request(incoming)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.chunked:
            self._spent -= len(data)
        else:
            self._left -= len(data)
        self.sink.on_body(data)

    def on_chunk_header(self) -> None:
        """A chunk starts."""
        self._chunks += 1

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self.upgrade and (self.chunked or self.content_length):
            return  # llhttp does not read on; `_after_upgrade` does
        if self.chunked:
            self._check_chunks(_SLICE + self._check_trailers())
        self.in_body = False
        self.sink.on_end()

    # -- checks ------------------------------------------------------------------

    def _read_fields(self, deciding: Deciding, version: str) -> None:
        """Check the fields that decide something, and note what they say."""
        self._settled = None
        self.content_length = None
        self._left = 0
        self.chunked = self.expects_continue = self.upgrade = False
        self.has_cookie = self.has_condition = False
        self.keep_alive = version == "1.1"
        host: bytes | None = None
        for kind, value in deciding:
            if kind == HOST:
                if host is not None:
                    raise ProtocolError(400, "more than one Host header field")
                host = value
            elif kind == COOKIE:
                self.has_cookie = True
            elif kind == CONDITION:
                self.has_condition = True
            elif kind == LENGTH:
                self._read_length(value.rstrip(_BLANK))
            else:
                self._read_framing(kind, value, version)
        if host is None:
            if version == "1.1":
                raise ProtocolError(400, "a request needs a Host header field")
        elif host != self._good_host:
            host = host.rstrip(_BLANK)
            if not is_host(host):
                raise ProtocolError(400, "the Host header field is not valid")
            self._good_host = host
        framed = self.content_length is not None or self.chunked or self.expects_continue
        if version == "1.1" and self.keep_alive and not (framed or self.upgrade):
            self._settled = deciding

    def _read_framing(self, kind: int, value: bytes, version: str) -> None:
        if kind == CONNECTION:
            self.keep_alive = self._parser.should_keep_alive()
            self.upgrade = self._parser.should_upgrade()
        elif kind == CODING:
            if version == "1.0":
                raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
            if self.chunked or value.strip().lower() != b"chunked":
                value = b"chunked," + value if self.chunked else value
                raise ProtocolError(501, "the only transfer coding is chunked", value)
            self.chunked = True
            self._chunks = self._spent = 0
        elif version == "1.1":
            if value.rstrip(_BLANK).lower() != b"100-continue":
                raise ProtocolError(417, "unknown expectation")
            self.expects_continue = True

    def _check_sizes(self, headers: list[tuple[bytes, bytes]], target: bytes) -> None:
        limits = self.limits
        if len(headers) > limits.header_count:
            raise ProtocolError(431, f"more than {limits.header_count} header fields")
        if len(target) > limits.request_line:
            raise ProtocolError(414, "the request target is too long")
        total = 0
        for name, value in headers:
            size = len(name) + len(value)
            total += size
            is_cookie = name.lower() == b"cookie"
            if size > (limits.cookie_field if is_cookie else limits.header_field):
                raise ProtocolError(431, "a header field is too long")
        if total > limits.header_bytes:
            raise ProtocolError(431, "the header section is too long")

    def _read_length(self, value: bytes) -> None:
        # SECURITY: ASCII digits only, checked before int() (CVE-2022-24761); a bound on the
        # digits, so that no number is beyond what 64 bits and int() take.
        if not value.isdigit() or len(value) > 18:
            raise ProtocolError(400 if not value.isdigit() else 413, "bad Content-Length")
        if self.content_length is not None:
            raise ProtocolError(400, "more than one Content-Length")
        self.content_length = self._left = int(value)

    def _check_request_line(self, method: bytes, target: bytes) -> str:
        """Return the version, where the request is not the first in what is fed, or its line
        is not as it should be."""
        version: str = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise ProtocolError(505, f"HTTP version {version} is not supported")
        line = b"%b %b HTTP/%b\r\n" % (method, target, version.encode())
        self._before = begin = self._begin()
        if not (self._data.startswith(line, begin) if begin >= 0 else line in self._data):
            raise ProtocolError(400, "the request line is not 'METHOD target HTTP/1.1'")
        return version

    def _begin(self) -> int:
        """Return where in _data the current request begins; `_UNKNOWN` behind a chunked body.
        The fields still describe the request before it."""
        data = self._data
        begin = 0
        if self._before != _FIRST:
            if self._before == _UNKNOWN or self.chunked:
                return _UNKNOWN
            begin = data.find(b"\r\n\r\n", self._before) + 4 + (self.content_length or 0)
        while data[begin : begin + 1] in (b"\r", b"\n"):  # llhttp skips these, RFC 9112 §2.2
            begin += 1
        return begin

    def _check_begun(self) -> None:
        """Check what is there of a request that has begun, at the end of what was fed."""
        if self.in_head:
            self._check_unfinished()
            return
        self._data = b""
        if self.in_body and self.chunked:
            self._check_chunks(self.limits.trailer_bytes)

    def _check_unfinished(self) -> None:
        """Bound what an unfinished header section may hold, by its raw bytes."""
        begin = self._begin()
        if begin == _UNKNOWN:  # behind a chunked body, which ends as a header section does
            end = self._data.rfind(b"\r\n\r\n")
            begin = end + 4 if end >= 0 else 0
        self._held = data = self._data[begin:]
        self._before = _FIRST
        limits = self.limits
        if len(data) <= limits.request_line:
            return
        if b"\n" not in data[: limits.request_line + 2]:
            raise self._fail(414, "the request line is too long")
        if len(data) > limits.request_line + limits.header_bytes + 4 * limits.header_count:
            raise self._fail(431, "the header section is too long")
        if len(data) - data.rfind(b"\n") > limits.cookie_field + 64:
            raise self._fail(431, "a header field is too long")

    def _check_chunks(self, trailers: int) -> None:
        allowed = self.limits.chunk_extensions + (self._chunks + 1) * _CHUNK_FRAME
        if self._spent > allowed + trailers:
            raise self._fail(400, "chunk extensions or trailers are too long")

    def _check_trailers(self) -> int:
        limits = self.limits
        trailers = self._headers
        self._headers = []
        self._deciding = []
        size = sum(len(name) + len(value) + 4 for name, value in trailers)
        if len(trailers) > limits.trailer_count or size > limits.trailer_bytes:
            raise ProtocolError(431, "the trailers are too long")
        # SECURITY: never merged into the headers (CVE-2026-22815).
        if any(name.lower() in _FORBIDDEN_TRAILERS for name, _ in trailers):
            raise ProtocolError(400, "a framing field in the trailers")
        return size

    # -- the exits -----------------------------------------------------------------

    def _fail(self, status: int, reason: str) -> ProtocolError:
        self._failed = True
        return ProtocolError(status, reason)

    def _stopped(
        self, why: httptools.HttpParserError | httptools.HttpParserUpgrade, data: bytes
    ) -> None:
        """llhttp reads no more of *data*: for an error, which is raised, or an Upgrade."""
        if isinstance(why, httptools.HttpParserUpgrade):
            self._after_upgrade(data[why.args[0] :])
            return
        self._failed = True
        cause = why.__context__
        if isinstance(why, httptools.HttpParserCallbackError) and cause is not None:
            raise cause from None  # `ProtocolError`, or an error of the sink
        raise explained(str(why) or type(why).__name__) from None

    def _after_upgrade(self, rest: bytes) -> None:
        """Go on after a request whose Upgrade we ignore (RFC 9110 §7.8): llhttp stops there
        and leaves the body unread. A new parser is told the framing, and reads on."""
        self._parser = httptools.HttpRequestParser(self)
        if self.in_body:
            self.upgrade = False
            self._resuming = True
            framing = b"Transfer-Encoding: chunked"
            if not self.chunked:
                framing = b"Content-Length: %d" % (self.content_length or 0)
            keep = b"keep-alive" if self.keep_alive else b"close"
            self._parser.feed_data(
                b"POST / HTTP/1.1\r\n%b\r\nConnection: %b\r\n\r\n" % (framing, keep)
            )
            self._resuming = False
        elif not self.keep_alive:
            self._failed = True
        if rest:
            self.feed(rest)
