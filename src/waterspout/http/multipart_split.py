"""The contents of large files in a ``multipart/form-data`` body, found while it arrives.

Theory of operation. A body is cut into *text*, which is everything that a form parser has to read,
and the contents of large files, which it only has to find the end of. The parser is then given the
text with a random token in the place of each content (`Split`), and each part whose value is a
token gets the content. So all rules of the format stay the parser's own, Werkzeug's or Tornado's.

SECURITY: what is cut out must be a content for the parser, too. A content ends at the first
occurrence of the boundary; if that is not a plain delimiter, which every parser takes for one, the
body is not cut, and the parser reads all of it. A token that the parser does not find as a part's
value says that it sees other parts; it reads all of the body then, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from secrets import token_hex
from typing import Generic, Protocol, TypeVar

from werkzeug.http import parse_options_header

__all__ = ["TOKEN_SIZE", "MultipartSplitter", "Split", "boundary_of", "split_bytes"]

#: Bytes of a token.
TOKEN_SIZE = 32
#: The headers of a part with more bytes are left to the parser.
_MOST_HEADERS = 16 * 1024
_IS_FILE = re.compile(rb"content-disposition[ \t]*:[^\r\n]*filename", re.IGNORECASE)
_END_OF_HEADERS = b"\r\n\r\n"
#: Bytes beside a delimiter that are looked at: the line end before it, and what follows it.
_AROUND = 2
_NO_FILE = -2

Content = TypeVar("Content")


class Split(Generic[Content]):
    """A body whose large files are cut out: *text* with tokens in their places, and the content
    that each token stands for."""

    def __init__(self) -> None:
        self._text: list[bytes] = []
        self.contents: dict[bytes, Content] = {}

    @property
    def text(self) -> bytes:
        """What the parser reads."""
        return b"".join(self._text)

    def add_text(self, data: bytes) -> None:
        """Put *data* behind what is there."""
        self._text.append(data)

    def add_content(self, content: Content) -> None:
        """Put a token for *content* behind what is there."""
        token = token_hex(TOKEN_SIZE // 2).encode()
        self.contents[token] = content
        self._text.append(token)


class SplitSink(Protocol):
    """The receiver of what a `MultipartSplitter` has cut."""

    def on_text(self, data: bytes) -> None:
        """A piece of the text."""

    def on_content(self, data: bytes | memoryview) -> None:
        """A piece of the content of a file."""

    def on_content_end(self) -> None:
        """The content of the file is complete."""


class MultipartSplitter:
    """Cuts a body that arrives in pieces. Contents below *least* bytes stay in the text."""

    def __init__(self, boundary: bytes, least: int, sink: SplitSink) -> None:
        self._mark = b"--" + boundary
        self._least = least
        self._sink = sink
        self._held = b""  # what arrived and is not cut yet
        self._begin = 0  # where in it the content of a file begins, if that may be a large one
        self._in_content = False
        #: Whether everything that follows is text; the sink may say so.
        self.failed = False

    def feed(self, data: bytes) -> None:
        """Cut the next piece of the body."""
        while data:
            if self.failed:
                held, self._held = self._held, b""
                self._sink.on_text(held + data)
                return
            data = self._feed_content(data) if self._in_content else self._feed_text(data)

    def finish(self) -> bytes:
        """Return the end of the text, which was held back: the body is complete."""
        if self._in_content:
            self.failed = True  # without its end
        held, self._held = self._held, b""
        return held

    def _fail(self, data: bytes) -> bytes:
        self.failed = True
        self._held = b""
        return data

    def _feed_text(self, data: bytes) -> bytes:
        """Look for files; return what follows the begin of a large one's content, if its end has
        not arrived."""
        data = self._held + data if self._held else data
        self._held = b""
        mark = self._mark
        begin, self._begin = self._begin, 0
        taken = 0  # bytes that the sink has
        at = 0 if begin else data.find(mark)
        while at >= 0:
            if not begin:
                begin = self._begin_of_content(data, at + len(mark))
                if begin == -1:
                    return self._fail(data[taken:])
                if begin == 0:  # its headers have not arrived
                    break
                if begin == _NO_FILE:
                    begin, at = 0, data.find(mark, at + len(mark))
                    continue
            at = data.find(mark, begin)
            if at < 0 or len(data) < at + len(mark) + _AROUND:
                if len(data) - begin - len(mark) - 2 * _AROUND >= self._least:
                    self._sink.on_text(data[taken:begin])
                    self._in_content = True
                    return data[begin:]
                self._held, self._begin = data[taken:], begin - taken
                return b""
            if at - _AROUND - begin >= self._least:
                if not self._is_plain(data, at):
                    return self._fail(data[taken:])
                self._sink.on_text(data[taken:begin])
                taken = at - _AROUND
                self._sink.on_content(memoryview(data)[begin:taken])
                self._sink.on_content_end()
                if self.failed:
                    return data[taken:]
            begin = 0
        keep = at if at >= 0 else max(len(data) - len(mark) + 1, taken)
        self._held = data[keep:]
        if keep > taken:
            self._sink.on_text(data[taken:keep])
        return b""

    def _begin_of_content(self, data: bytes, after: int) -> int:
        """Return where the content of the file begins whose part follows the delimiter that ends
        at *after*; `_NO_FILE` for another part, 0 if its headers have not arrived, -1 if they are
        too long."""
        end = data.find(_END_OF_HEADERS, after, after + _MOST_HEADERS)
        if end < 0:
            return -1 if len(data) - after >= _MOST_HEADERS else 0
        if data.startswith(b"\r\n", after) and _IS_FILE.search(data, after, end):
            return end + len(_END_OF_HEADERS)
        return _NO_FILE

    def _is_plain(self, data: bytes, at: int) -> bool:
        """Whether what stands at *at* is a delimiter for every parser."""
        after = at + len(self._mark)
        plain = data[after : after + _AROUND] in (b"\r\n", b"--")
        return plain and at >= _AROUND and data[at - _AROUND : at] == b"\r\n"

    def _feed_content(self, data: bytes) -> bytes:
        """Look for the end of a content; return what follows it."""
        mark = self._mark
        held = self._held
        edge = len(mark) + 2 * _AROUND
        if held:
            joined = held + data[:edge]
            if mark in joined or len(data) <= edge:
                data, held = held + data, b""
        at = data.find(mark)
        if at < 0:
            self._held = data[-edge:]
            if held:
                self._sink.on_content(held)
            if len(data) > edge:
                self._sink.on_content(memoryview(data)[:-edge])
            return b""
        if len(data) < at + len(mark) + _AROUND:
            # NOTE: too few bytes to tell; all of it waits, as so little is there that the next
            # piece completes it.
            self._held = data[max(at - edge, 0) :]
            if held:
                self._sink.on_content(held)
            if at > edge:
                self._sink.on_content(memoryview(data)[: at - edge])
            return b""
        if held:
            self._sink.on_content(held)
        self._held = b""
        if not self._is_plain(data, at):
            return self._fail(data)
        self._sink.on_content(memoryview(data)[: at - _AROUND])
        self._sink.on_content_end()
        self._in_content = False
        return data[at - _AROUND :]


class _InMemory:
    """The sink of a body that is in memory."""

    def __init__(self) -> None:
        self.split: Split[bytes] = Split()
        self._pieces: list[bytes | memoryview] = []

    def on_text(self, data: bytes) -> None:
        self.split.add_text(data)

    def on_content(self, data: bytes | memoryview) -> None:
        self._pieces.append(data)

    def on_content_end(self) -> None:
        self.split.add_content(b"".join(self._pieces))
        self._pieces.clear()


def split_bytes(data: bytes, boundary: bytes, least: int) -> Split[bytes] | None:
    """Return a body that is in memory with its files of at least *least* bytes cut out; None if it
    has none, or cannot be cut."""
    sink = _InMemory()
    splitter = MultipartSplitter(boundary, least, sink)
    splitter.feed(data)
    sink.on_text(splitter.finish())
    return None if splitter.failed or not sink.split.contents else sink.split


def boundary_of(fields: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the boundary that the header fields of a message name; None if its body is no
    multipart form."""
    for name, value in fields:
        if name.lower() == b"content-type":
            kind, options = parse_options_header(value.decode("latin-1"))
            boundary = options.get("boundary", "")
            if kind.lower() == "multipart/form-data" and boundary and boundary.isascii():
                return boundary.encode()
            return None
    return None
