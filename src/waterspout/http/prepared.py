"""Answers that an endpoint writes by hand, piece by piece: Tornado's way.

A view returns its answer; a request handler writes status, fields and body to its
connection, and may go on working when the client has them already. A `Written` is such an
answer as a value: whole, where the endpoint has finished before it was sent, or with
`Pieces` that are still being written. `SENT` stands for one that the client has got.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .default_fields import DefaultFields

__all__ = ["SENT", "BrokenOff", "Pieces", "Sent", "Usual", "Written", "answer_of", "usual_answer"]

#: Bytes after which what waits is sent in more than one piece.
_PIECE = 64 * 1024


Fields = dict[str, str | list[str]]


class Usual:
    """The header fields that many answers have, and that programs mostly leave as they are.

    *make* returns them by name, in a dict of its own each time. *heads* is for a server, which
    keeps here what it has made of them, by the application's default fields.
    """

    __slots__ = ("heads", "make")

    def __init__(self, make: Callable[[], Fields]) -> None:
        self.make = make
        self.heads: dict[DefaultFields | None, bytes] = {}


class Written:
    """An answer: *status* and *reason*; *fields*, the value of each header field by its name, or
    the list of several; *body*, bytes or `Pieces`. *exact* says that it has a body of exactly
    the length that Content-Length declares.

    Made by `answer_of` and `usual_answer`.
    """

    # PERF: no `__init__`: to call a class without parameters takes a third of the time.
    __slots__ = ("_fields", "body", "exact", "reason", "status", "tag", "usual")

    status: int
    reason: str
    body: bytes | Pieces
    exact: bool
    #: The fields are these, an Etag of *tag* (what stands between the quotes; None: no Etag), and
    #: Content-Length. None if the fields are others.
    usual: Usual | None
    tag: bytes | None
    _fields: Fields | None

    @property
    def fields(self) -> Fields:
        """The header fields. PERF: usual ones are made when somebody asks."""
        fields = self._fields
        if fields is None:
            assert self.usual is not None
            assert isinstance(self.body, bytes)
            fields = self._fields = self.usual.make()
            if self.tag is not None:
                fields["Etag"] = f'"{self.tag.decode()}"'
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
        """Whether the body is at hand."""
        return type(self.body) is bytes

    def close(self) -> None:
        """Say that nothing more of it will be sent."""
        if isinstance(self.body, Pieces):
            self.body.close()


def answer_of(
    status: int, reason: str, fields: Fields, body: bytes | Pieces, exact: bool = False
) -> Written:
    """Return an answer with *fields*."""
    written = Written()
    written.status = status
    written.reason = reason
    written._fields = fields
    written.body = body
    written.exact = exact
    written.usual = written.tag = None
    return written


def usual_answer(usual: Usual, tag: bytes | None, body: bytes) -> Written:
    """Return an answer of 200 with the *usual* fields, an Etag of *tag*, and Content-Length."""
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
    """What an endpoint returns when it has already sent its answer."""

    __slots__ = ()


SENT: Final = Sent()


class BrokenOff(ConnectionError):
    """The endpoint has failed in the middle of its answer, which it has logged."""


class Pieces:
    """A body between the endpoint that writes it and the connection that sends it.

    *gone* makes the error that the writer gets when the client goes away.
    """

    #: The head of the answer does not wait for the first piece.
    head_is_due = True

    def __init__(self, gone: Callable[[], Exception]) -> None:
        self._gone = gone
        self._chunks: deque[tuple[bytes, asyncio.Future[None] | None]] = deque()
        self._ended = False
        self._is_all = False
        self._arrived: asyncio.Future[None] | None = None
        self._sending: list[asyncio.Future[None]] = []
        self._failed = False
        self._left = False  # nobody has taken what was written
        #: Nobody takes pieces any more.
        self.closed = False

    def put(self, chunk: bytes, taken: asyncio.Future[None] | None = None) -> None:
        """Add a piece; *taken* is done once the client may be sent more, and raises the error of
        *gone* if the client has left."""
        if self.closed:
            if taken is not None:
                self._sending.append(taken)
                self._settle(self._gone if self._left else None)
            return
        self._chunks.append((chunk, taken))
        self._wake()

    @property
    def waits(self) -> bool:
        """Whether there is something that nobody has taken yet."""
        return bool(self._chunks) or bool(self._sending)

    def end(self) -> None:
        """Say that the body is complete."""
        self._ended = True
        self._wake()

    def is_all(self) -> None:
        """Say that what was put in is the whole of a body whose length was declared: who sends it
        takes no more then, though the writer may still be at work."""
        self._is_all = True

    def fail(self) -> None:
        """Say that the body breaks off: who sends it gets `BrokenOff` behind the last piece, and
        must not let it look complete."""
        self._failed = True
        self._wake()

    def close(self) -> None:
        """Take no more: an answer without a body. What is written on is dropped."""
        self._close(None)

    async def aclose(self) -> None:
        """Take no more: everything is sent, or the client has gone."""
        self._left = not (self._ended or self._is_all) or bool(self._chunks)
        self._close(self._gone if self._left else None)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        self._settle(None)  # who asks for more has sent what it got
        while not self._chunks:
            if self._failed:
                raise BrokenOff
            if self._ended or self.closed:
                raise StopAsyncIteration
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        parts = []
        size = 0
        while self._chunks and size < _PIECE:
            chunk, taken = self._chunks.popleft()
            parts.append(chunk)
            size += len(chunk)
            if taken is not None:
                self._sending.append(taken)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _close(self, error: Callable[[], Exception] | None) -> None:
        self.closed = True
        self._sending += [taken for _, taken in self._chunks if taken is not None]
        self._chunks.clear()
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
                taken.exception()  # a writer that does not wait need not look at it
        self._sending.clear()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
