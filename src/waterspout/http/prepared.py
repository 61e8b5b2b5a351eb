"""Responses that an endpoint writes by hand, piece by piece, as Tornado's handlers do.

A view returns its response; a request handler writes status, fields and body to its
connection, and may go on working after the client has received them. A `Written` is such a
response as a value: whole, if the endpoint finished before anything was sent, else with
`Pieces` that are still being written. `SENT` stands for a response that has been sent.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from .default_fields import DefaultFields

__all__ = [
    "SENT",
    "BrokenOff",
    "FilePart",
    "Pieces",
    "Sent",
    "Usual",
    "Written",
    "answer_of",
    "usual_answer",
]

#: Bytes after which a buffered body is sent in more than one piece.
_PIECE = 64 * 1024


Fields = dict[str, str | list[str]]


class Usual:
    """Header fields that most responses of a handler have unchanged.

    *make* returns them by name, in a new dict each time. *heads* is a cache for a server: their
    encoded form, by the application's default fields.
    """

    __slots__ = ("heads", "make")

    def __init__(self, make: Callable[[], Fields]) -> None:
        self.make = make
        self.heads: dict[DefaultFields | None, bytes] = {}


class Written:
    """A response: *status* and *reason*; *fields*, the value of each header field by its name, or
    a list of values; *body*, bytes or `Pieces`. *exact* says that the body has exactly
    the length that Content-Length declares.

    Made by `answer_of` and `usual_answer`.
    """

    # PERF: no `__init__`: 0.1 µs instead of 0.4, see `answer_of`.
    __slots__ = ("_fields", "body", "exact", "reason", "status", "tag", "usual")

    status: int
    reason: str
    body: bytes | Pieces
    exact: bool
    #: The fields are these, an Etag of *tag* (None: no Etag), and Content-Length. None if there
    #: are other fields.
    usual: Usual | None
    tag: str | None
    _fields: Fields | None

    @property
    def fields(self) -> Fields:
        """The header fields; usual ones are made on first use."""
        fields = self._fields
        if fields is None:
            assert self.usual is not None
            assert isinstance(self.body, bytes)
            fields = self._fields = self.usual.make()
            if self.tag is not None:
                fields["Etag"] = self.tag
            fields["Content-Length"] = str(len(self.body))
        return fields

    def pairs(self) -> list[tuple[str, str]]:
        """Return the header fields one by one."""
        return [
            (name, value)
            for name, found in self.fields.items()
            for value in (found if isinstance(found, list) else (found,))
        ]

    @property
    def is_whole(self) -> bool:
        """Whether the body is complete, as bytes."""
        return type(self.body) is bytes

    def close(self) -> None:
        """Note that the rest of it will not be sent."""
        if isinstance(self.body, Pieces):
            self.body.close()


def answer_of(
    status: int, reason: str, fields: Fields, body: bytes | Pieces, exact: bool = False
) -> Written:
    """Return a response with *fields*."""
    written = Written()
    written.status = status
    written.reason = reason
    written._fields = fields
    written.body = body
    written.exact = exact
    written.usual = written.tag = None
    return written


def usual_answer(usual: Usual, tag: str | None, body: bytes) -> Written:
    """Return a response of 200 with the *usual* fields, an Etag of *tag*, and Content-Length."""
    written = Written()
    written.status = 200
    written.reason = "OK"
    written._fields = None
    written.body = body
    written.exact = True
    written.usual = usual
    written.tag = tag
    return written


class Sent:
    """The value of an endpoint that has already sent its response."""

    __slots__ = ()


SENT: Final = Sent()


class FilePart:
    """A piece of a body that is a part of an open file. Whoever has it closes it."""

    __slots__ = ("file", "length", "start")

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        #: With a handle of its own: the writer may close the file while this is sent.
        self.file = os.fdopen(os.dup(file.fileno()), "rb", buffering=0)
        self.start = start
        self.length = length

    def __len__(self) -> int:
        return self.length

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class BrokenOff(ConnectionError):
    """Raised to the sender of a body: its endpoint has failed half-way, and has logged that."""


class Pieces:
    """A body between the endpoint that writes it and the connection that sends it.

    *gone* makes the error that the writer gets when the client disconnects.
    """

    #: The header section is sent before the first piece is there.
    head_is_due = True
    #: Whether the sender takes a `FilePart`; it says so when it has begun.
    takes_files = False
    #: The one that the sender has to take, if the last piece was an empty one.
    part: FilePart | None = None

    def __init__(self, gone: Callable[[], Exception]) -> None:
        self._gone = gone
        self._chunks: deque[tuple[bytes | FilePart, asyncio.Future[None] | None]] = deque()
        self._ended = False
        self._is_all = False
        self._arrived: asyncio.Future[None] | None = None
        self._sending: list[asyncio.Future[None]] = []
        self._failed = False
        self._left = False  # what was written has not been taken
        #: Pieces are not taken any more.
        self.closed = False

    def put(self, chunk: bytes | FilePart, taken: asyncio.Future[None] | None = None) -> None:
        """Add a piece; *taken* is done once the client may be sent more, and raises the error of
        *gone* if the client has left."""
        if self.closed:
            if isinstance(chunk, FilePart):
                chunk.close()
            if taken is not None:
                self._sending.append(taken)
                self._settle(self._gone if self._left else None)
            return
        self._chunks.append((chunk, taken))
        self._wake()

    @property
    def waits(self) -> bool:
        """Whether a piece is there that has not been taken."""
        return bool(self._chunks) or bool(self._sending)

    def end(self) -> None:
        """Note that the body is complete."""
        self._ended = True
        self._wake()

    def is_all(self) -> None:
        """Note that all bytes of the declared length are there: the sender takes no more then,
        even while the writer is still at work."""
        self._is_all = True

    def fail(self) -> None:
        """Break the body off: the sender gets `BrokenOff` after the last piece, and must end the
        response so that the client sees that it is incomplete."""
        self._failed = True
        self._wake()

    def close(self) -> None:
        """Take no more: the response has no body. What is written after that is dropped."""
        self._close(None)

    async def aclose(self) -> None:
        """Take no more: everything is sent, or the client has gone."""
        self._left = not (self._ended or self._is_all) or bool(self._chunks)
        self._close(self._gone if self._left else None)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        self._settle(None)  # a request for more means that the last piece was sent
        while not self._chunks:
            if self._failed:
                raise BrokenOff
            if self._ended or self.closed:
                raise StopAsyncIteration
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        parts: list[bytes] = []
        size = 0
        while self._chunks and size < _PIECE:
            chunk, taken = self._chunks[0]
            if isinstance(chunk, FilePart):
                if parts:
                    break
                self._chunks.popleft()
                if taken is not None:
                    self._sending.append(taken)
                self.part = chunk
                return b""
            self._chunks.popleft()
            parts.append(chunk)
            size += len(chunk)
            if taken is not None:
                self._sending.append(taken)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _close(self, error: Callable[[], Exception] | None) -> None:
        self.closed = True
        self._sending += [taken for _, taken in self._chunks if taken is not None]
        for chunk, _ in self._chunks:
            if isinstance(chunk, FilePart):
                chunk.close()
        self._chunks.clear()
        if self.part is not None:
            self.part.close()
        self._settle(error)
        self._wake()

    def _settle(self, error: Callable[[], Exception] | None) -> None:
        for taken in self._sending:
            if taken.done():
                continue
            if error is None:
                taken.set_result(None)
            else:
                taken.set_exception(error())
                taken.exception()  # a writer that does not wait need not retrieve it
        self._sending.clear()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
