"""Parse HTTP/1.1 requests: llhttp, and the checks that it leaves to a server.

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
known length ends, or a chunked one may, so that the counts are right wherever the network
cut the bytes, and that the sink can stop the parser (`paused`) before it has made thousands of
requests, and when a read takes long. A method that llhttp does not know is read here, and another
is fed in its place.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import httptools

from ...http.message import Blank, Origin, split_target
from ..conduct import OURS, Conduct
from . import parser_restarts as restarts
from .field_limits import check_sizes, check_trailers, length_of, too_long
from .framing_headers import (
    CODING,
    CONDITION,
    CONNECTION,
    COOKIE,
    HOST,
    LENGTH,
    Deciding,
    kind_of,
    kinds,
)
from .request_line import ProtocolError, check_target, explained, is_host

if TYPE_CHECKING:
    from ...http.message import Incoming
    from ..settings import Limits

    _Stop = httptools.HttpParserError | httptools.HttpParserUpgrade

__all__ = ["ProtocolError", "RequestParser"]

# PERF: a method of an imported name is looked up in 0.05 µs more than that of a module's own.
_kinds = kinds
_STOPS = (httptools.HttpParserError, httptools.HttpParserUpgrade)
_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}

#: Raw bytes of a chunk besides data and extensions: size (16 hex digits) and two CRLF.
_CHUNK_FRAME = 20
#: What llhttp is fed at once: the counts of raw bytes are off by no more.
_SLICE = 4096
#: Bytes of a body, still to come, that are taken past llhttp.
_LARGE = 64 * 1024
#: Instead of an offset: the request is the first in what is fed.
_FIRST = -1


class RequestSink(Protocol):
    """The receiver of requests from `RequestParser`."""

    def on_request(self, incoming: Incoming) -> None:
        """The header section of a request is complete; the parser's fields describe it."""

    def on_body(self, data: bytes) -> None:
        """A piece of the body arrived."""

    def on_end(self) -> None:
        """The request is complete."""

    def on_pipelined(self) -> None:
        """The next request began in the same read as this one."""

    def on_long_read(self) -> None:
        """A read takes longer than `Limits.turn`: pause it, and resume in a later turn."""


class RequestParser:
    """Parses the requests of one connection.

    While `on_request` runs, and until the next request, the fields describe the request:
    `keep_alive`; `content_length` (None if not given); `chunked`; `expects_continue`;
    `has_cookie`; `has_condition`; `upgrade`. While `settled` is there, they say nothing of a
    body, of another protocol, or of the connection's end.
    The sink may set `paused`: no more requests are made until `resume`.
    """

    __slots__ = (
        "_before",
        "_chunks",
        "_data",
        "_deciding",
        "_failed",
        "_gathered",
        "_good_host",
        "_headers",
        "_held",
        "_left",
        "_max_fields",
        "_name",
        "_nameless",
        "_parser",
        "_resuming",
        "_skips",
        "_small",
        "_spent",
        "_tail",
        "_unfed",
        "_unfed_from",
        "_url",
        "chunked",
        "conduct",
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
        "settled",
        "sink",
        "upgrade",
    )

    def __init__(self, sink: RequestSink, limits: Limits, conduct: Conduct = OURS) -> None:
        # Connection
        self.sink = sink
        self.limits = limits
        self.conduct = conduct
        self._max_fields = limits.header_count
        self._small = min(limits.header_field, limits.request_line)
        self.origin = Origin()
        self._parser = httptools.HttpRequestParser(self)
        self._good_host = b""
        self._failed = False
        self._resuming = False
        self._skips = False  # the body is taken past llhttp
        self.paused = False
        self._unfed = b""  # what arrived while paused, from _unfed_from on
        self._unfed_from = 0
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
        #: Those of the last request, if they were good and there is nothing to it but its header
        #: section: no body, no Upgrade, no wish to close.
        self.settled: Deciding | None = None
        self._name = b""  # of the method, where `STAND_IN` stands for it
        self._nameless = False  # the end of such a name has not arrived
        self._held = b""  # raw bytes of an unfinished header section
        self._data = b""  # what is being fed
        self._before = _FIRST  # where in _data the request before the current one begins
        self._left = 0  # bytes of a body of known length that have not arrived
        self._spent = 0  # raw bytes of a chunked body that are not data
        self._tail = b""  # the last bytes taken of a chunked body, less than the end of one
        self._chunks = 0
        self._gathered: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `ProtocolError`; further bytes are then ignored."""
        begun = self.in_head or self.in_body
        if begun or self.paused or self._failed or len(data) > _SLICE:
            if self._unfed:
                data = self._unfed[self._unfed_from :] + data
            self._feed_slices(data, 0)
            return
        # `_take` for a small read that begins with a request.
        self._before = _FIRST
        self._data = data
        try:
            self._parser.feed_data(data)
        except _STOPS as error:
            stopped = error
        else:
            if self.in_head or self.in_body:
                self._check_begun()
            else:
                self._data = b""
            return
        left = self._stopped(stopped, data)
        if left:
            self._feed_slices(data, len(data) - left)

    def _feed_slices(self, data: bytes, at: int) -> None:
        self._unfed = b""
        until = perf_counter() + self.limits.turn
        while at < len(data) and not self._failed:
            if not self.paused and perf_counter() > until:
                self.sink.on_long_read()
            if self.paused:
                # An index, not a slice: a read of many small requests is paused often.
                self._unfed, self._unfed_from = data, at
                return
            piece = data[at : at + (self._left or _SLICE)]
            if self._left >= _LARGE and self.in_body:
                self._skips = not self.upgrade
            if self._skips:
                at += len(piece)
                self._skip(piece)
                continue
            if self.in_body and self.chunked:
                piece = restarts.until_end(piece, self._tail)
            at += len(piece) - self._take(piece)

    def _skip(self, data: bytes) -> None:
        """Take a piece of a large body past llhttp, which would copy it.

        PERF: 0.1 ms a MB. llhttp then waits for a body that never comes, and a new parser reads
        what follows.
        """
        self._left -= len(data)
        self.sink.on_body(data)
        if not self._left:
            self._skips = False
            self._parser = httptools.HttpRequestParser(self)
            self._before = _FIRST
            self.on_message_complete()
            if not self.keep_alive:
                self._failed = True

    def resume(self) -> None:
        """Take the bytes that arrived while `paused`. Raises `ProtocolError`."""
        self.paused = False
        if self._unfed:
            self._feed_slices(self._unfed, self._unfed_from)

    def stop(self) -> None:
        """Ignore further bytes."""
        self._failed = True
        self._unfed = b""

    def give_up(self) -> bytes:
        """Ignore further bytes; return those that arrived while `paused`."""
        rest = self._unfed[self._unfed_from :]
        self.stop()
        return rest

    @property
    def unfinished(self) -> tuple[str, bytes]:
        """Method and target of a request whose header section is not complete, or was refused;
        empty if there is none."""
        target = self._url
        method = self._name or self._parser.get_method()
        return (method.decode(), target) if target else ("", b"")

    def _take(self, data: bytes) -> int:
        """Feed a slice; return how many bytes at its end were not taken."""
        if self._nameless:
            return self._read_name(self._held + data, len(data))
        if self.in_body:
            self._before = _FIRST
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
        except _STOPS as error:
            stopped = error
        else:
            self._check_begun()
            return 0
        return self._stopped(stopped, data)

    # -- called by llhttp ------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request line starts."""
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        """The target, or a piece of it."""
        self._url = self._url + url if self._url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete field: of the header section, or of the trailers."""
        # llhttp leaves blanks at its end. Without an argument `rstrip` is faster, and
        # llhttp lets no other white space through.
        value = value.rstrip()
        self._headers.append((name, value))
        kind = _kinds.get(name)
        if kind is None:
            kind = kind_of(name)
        if kind:
            self._deciding.append((kind, value))

    def on_headers_complete(self) -> None:
        """The header section is complete."""
        self.in_head = False
        headers, self._headers = self._headers, []  # from here on: trailers
        deciding, self._deciding = self._deciding, []
        target = self._url
        if self._resuming:
            self._url = b""
            return
        method = self._parser.get_method()
        # One C call instead of a regular expression over the line, and of asking
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
        # A section below the limit of one field is within all limits.
        if len(data) > self._small or len(headers) > self._max_fields:
            check_sizes(self.limits, headers, target)
        # Most clients send the same in every request of a connection, which was checked once.
        if deciding != self.settled or version != "1.1":
            self._read_fields(deciding, version)
        # As text: a search in bytes takes longer.
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
        incoming.method = _METHODS.get(method) or self._other_method(method, target)
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
            # PERF: the sink is told of those of a slice at once: 176 µs per KiB of chunks of one
            # byte in place of 648.
            self._spent -= len(data)
            self._gathered.append(data)
        else:
            self._left -= len(data)
            self.sink.on_body(data)

    def _hand_over(self) -> None:
        """Pass the gathered chunks to the sink."""
        gathered = self._gathered
        if gathered:
            self._gathered = []
            self.sink.on_body(gathered[0] if len(gathered) == 1 else b"".join(gathered))

    def on_chunk_header(self) -> None:
        """A chunk starts."""
        self._chunks += 1

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self.settled is None:
            self._hand_over()
            if self.upgrade and (self.chunked or self.content_length):
                return  # llhttp does not read on; `_after_upgrade` does
            if self.chunked:
                trailers, self._headers, self._deciding = self._headers, [], []
                self._check_chunks(_SLICE + check_trailers(self.limits, trailers))
        self.in_body = False
        self.sink.on_end()

    # -- checks ------------------------------------------------------------------

    def _read_fields(self, deciding: Deciding, version: str) -> None:
        """Check the fields that decide the framing and handling, and note their values."""
        self.settled = None
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
                if self.content_length is not None:
                    raise ProtocolError(400, "more than one Content-Length")
                self.content_length = self._left = length_of(value)
            else:
                self._read_framing(kind, value, version)
        if host is None:
            if version == "1.1":
                raise ProtocolError(400, "a request needs a Host header field")
        elif host != self._good_host:
            if not is_host(host):
                raise ProtocolError(400, "the Host header field is not valid")
            self._good_host = host
        framed = self.content_length is not None or self.chunked or self.expects_continue
        if version == "1.1" and self.keep_alive and not (framed or self.upgrade):
            self.settled = deciding

    def _read_framing(self, kind: int, value: bytes, version: str) -> None:
        if kind == CONNECTION:
            self.keep_alive = self._parser.should_keep_alive()
            self.upgrade = self._parser.should_upgrade()
        elif kind == CODING:
            if version == "1.0" and not self.conduct.reads_chunks_in_1_0:
                raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
            if self.chunked or value.lower() != b"chunked":
                value = b"chunked," + value if self.chunked else value
                raise ProtocolError(501, "the only transfer coding is chunked", value)
            self.chunked = True
            self._chunks = self._spent = 0
        elif version == "1.1":
            if value.lower() != b"100-continue":
                raise ProtocolError(417, "unknown expectation")
            self.expects_continue = True

    def _check_request_line(self, method: bytes, target: bytes) -> str:
        """Return the version, where the request is not the first in what is fed, or its line
        is not as it should be."""
        if self._before != _FIRST:
            self.sink.on_pipelined()
        version: str = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise ProtocolError(505, f"HTTP version {version} is not supported")
        line = b"%b %b HTTP/%b\r\n" % (method, target, version.encode())
        self._before = begin = self._begin()
        if not self._data.startswith(line, begin):
            raise ProtocolError(400, "the request line is not 'METHOD target HTTP/1.1'")
        return version

    def _begin(self) -> int:
        """Return where in _data the current request begins.
        The fields still describe the request before it."""
        if self._before == _FIRST:
            return restarts.behind_blank_lines(self._data, 0)
        length = None if self.chunked else self.content_length or 0
        return restarts.next_request(self._data, self._before, length)

    def _other_method(self, method: bytes, target: bytes) -> str:
        """Return a method that is not one of the usual. Raises `ProtocolError`."""
        if method == restarts.STAND_IN and self._name:
            method = self._name
            if len(method) + len(target) > self.limits.request_line:
                raise ProtocolError(414, "the request line is too long")
            self._name = b""
        elif method == b"CONNECT":
            if not self.conduct.takes_connect:
                raise ProtocolError(501, "CONNECT is not supported")
            if self.content_length or self.chunked:
                raise ProtocolError(400, "a body of CONNECT")
            self.upgrade = True
            self.settled = None
        return method.decode("ascii")

    def _read_name(self, data: bytes, fresh: int) -> int:
        """Read a method that llhttp does not know, with which *data* begins, and make llhttp go on;
        return how many of the last *fresh* bytes, the slice that is fed, are not taken."""
        name = restarts.name_at(data)
        rest = len(data) - len(name)
        self._nameless = not rest
        if not rest:
            if len(name) > self.limits.request_line:
                raise self._fail(414, "the request line is too long")
            self._held = name
            return 0
        if not name or not data.startswith(b" ", len(name)):
            raise self._fail(400, "the method is not valid")
        self._name = name
        self._url = b""
        self._before = _FIRST
        self._held = restarts.STAND_IN + data[len(name) : -fresh]
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(self._held)
        return min(rest, fresh)

    def _check_begun(self) -> None:
        """Check what is there of a request that has begun, at the end of what was fed."""
        if self.in_head:
            self._check_unfinished()
            return
        data, self._data = self._data, b""
        if self.chunked and self.in_body:
            self._hand_over()
            self._check_chunks(self.limits.trailer_bytes)
            self._tail = (self._tail + data)[1 - len(restarts.END) :]

    def _check_unfinished(self) -> None:
        """Bound what an unfinished header section may hold, by its raw bytes."""
        self._held = data = self._data[self._begin() :]
        self._before = _FIRST
        error = too_long(self.limits, data)
        if error:
            raise self._fail(*error)

    def _check_chunks(self, trailers: int) -> None:
        allowed = self.limits.chunk_extensions + (self._chunks + 1) * _CHUNK_FRAME
        if self._spent > allowed + trailers:
            raise self._fail(400, "chunk extensions or trailers are too long")

    # -- the exits -----------------------------------------------------------------

    def _fail(self, status: int, reason: str) -> ProtocolError:
        self._failed = True
        return ProtocolError(status, reason)

    def _stopped(self, why: _Stop, data: bytes) -> int:
        """llhttp reads no more of *data*, for an error or an Upgrade: return how many bytes at its
        end may be read on from. Raises `ProtocolError`, or an error of the sink."""
        if isinstance(why, httptools.HttpParserUpgrade):
            self._after_upgrade()
            return len(data) - restarts.read_by(why)
        if restarts.is_of_method(why):
            return self._read_name(self._data[self._begin() :], len(data))
        self._hand_over()  # what came before the error is answered first: it may be too much
        self._failed = True
        cause = why.__context__
        if isinstance(why, httptools.HttpParserCallbackError) and cause is not None:
            raise cause from None  # `ProtocolError`, or an error of the sink
        raise explained(str(why) or type(why).__name__) from None

    def _after_upgrade(self) -> None:
        """Go on after a request whose Upgrade we ignore (RFC 9110 §7.8): llhttp stops there
        and leaves the body unread. A new parser is told the framing, and reads on."""
        self._parser = httptools.HttpRequestParser(self)
        if self.in_body:
            self.upgrade = False
            self._resuming = True
            length = None if self.chunked else self.content_length
            self._parser.feed_data(restarts.head_of_body(length, keep_alive=self.keep_alive))
            self._resuming = False
        elif not (self.keep_alive or self.paused):
            self._failed = True
