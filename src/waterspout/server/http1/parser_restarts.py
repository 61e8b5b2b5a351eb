"""Make llhttp continue where it stops: at unregistered methods, and at an Upgrade.

A method may be any token (RFC 9110 §9.1). llhttp refuses those that nobody has registered, and
does not say where it was; that follows from the framing of the requests before.
"""

from __future__ import annotations

import re

import httptools

__all__ = [
    "END",
    "STAND_IN",
    "behind_blank_lines",
    "head_of_body",
    "is_of_method",
    "name_at",
    "next_request",
    "read_by",
    "until_end",
]

#: A method that llhttp knows, and treats as most others, in the place of one that it does not.
STAND_IN = b"UNLINK"
#: How llhttp refuses methods that it knows of other protocols (RTSP), once it has read the target.
_NOT_OF_HTTP = "Invalid method for HTTP/x.x request"

#: token (RFC 9110 §5.6.2), or none.
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*").match
#: The end of a header section, and of a chunked body with its trailers.
END = b"\r\n\r\n"


def is_of_method(error: Exception) -> bool:
    """Tell whether llhttp's *error* is that it does not know a method."""
    unknown = isinstance(error, httptools.HttpParserInvalidMethodError)
    return unknown or str(error) == _NOT_OF_HTTP


def read_by(stop: httptools.HttpParserUpgrade) -> int:
    """Return how many bytes of what it was fed llhttp has read when it stops at an Upgrade."""
    count: int = stop.args[0]
    return count


def name_at(data: bytes) -> bytes:
    """Return the token that *data* begins with; empty if there is none."""
    found = _TOKEN(data)
    assert found is not None, "it may be empty"
    return found[0]


def head_of_body(length: int | None, *, keep_alive: bool = True) -> bytes:
    """Return a header section that tells llhttp of a body of *length* bytes, or None: in chunks."""
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    connection = b"keep-alive" if keep_alive else b"close"
    return b"POST / HTTP/1.1\r\n%b\r\nConnection: %b\r\n\r\n" % (framing, connection)


def next_request(data: bytes, begin: int, length: int | None) -> int:
    """Return where in *data* a request begins, behind one that begins at *begin* and has a body of
    *length* bytes, or None: in chunks."""
    begin = data.find(END, begin) + len(END)
    end = _end_of_chunks(data, begin) if length is None else begin + length
    return behind_blank_lines(data, end)


def until_end(data: bytes, tail: bytes) -> bytes:
    """Return as much of *data*, which goes on with a chunked body behind *tail*, as is certainly
    of it."""
    end = (tail + data).find(END)
    return data if end < 0 else data[: end + len(END) - len(tail)]


def behind_blank_lines(data: bytes, begin: int) -> int:
    """Return where the empty lines at *begin* end, which llhttp skips (RFC 9112 §2.2)."""
    while data[begin : begin + 1] in (b"\r", b"\n"):
        begin += 1
    return begin


def _end_of_chunks(data: bytes, begin: int) -> int:
    reader = _EndOfMessage()
    parser = httptools.HttpRequestParser(reader)
    parser.feed_data(head_of_body(None))
    at = begin
    while not reader.is_there:
        end = data.find(END, max(begin, at - len(END) + 1))
        if end < 0:
            return len(data)
        end += len(END)
        parser.feed_data(data[at:end])
        at = end
    return at


class _EndOfMessage:
    """The callbacks of llhttp that note the end of a message."""

    is_there = False

    def on_message_complete(self) -> None:
        self.is_there = True
