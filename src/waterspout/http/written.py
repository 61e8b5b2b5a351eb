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
from typing import Final

__all__ = ["SENT", "Pieces", "Sent", "Written"]

#: Bytes after which what waits is sent in more than one piece.
_PIECE = 64 * 1024


class Written:
    """An answer: *status* and *reason*; *fields*, the value of each header field by its name, or
    the list of several; *body*, bytes or `Pieces`. *exact* says that it has a body of exactly
    the length that Content-Length declares."""

    __slots__ = ("body", "exact", "fields", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        fields: dict[str, str | list[str]],
        body: bytes | Pieces,
        exact: bool = False,
    ) -> None:
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = body
        self.exact = exact

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


class Sent:
    """What an endpoint returns when it has already sent its answer."""

    __slots__ = ()


SENT: Final = Sent()


class Pieces:
    """A body between the endpoint that writes it and the connection that sends it.

    *gone* makes the error that the writer gets when the client goes away.
    """

    def __init__(self, gone: Callable[[], Exception]) -> None:
        self._gone = gone
        self._chunks: deque[tuple[bytes, asyncio.Future[None] | None]] = deque()
        self._ended = False
        self._arrived: asyncio.Future[None] | None = None
        self._sending: list[asyncio.Future[None]] = []
        #: Nobody takes pieces any more.
        self.closed = False

    def put(self, chunk: bytes, taken: asyncio.Future[None] | None = None) -> None:
        """Add a piece; *taken* is done once the client may be sent more."""
        if self.closed:
            if taken is not None:
                taken.set_result(None)
            return
        self._chunks.append((chunk, taken))
        self._wake()

    def end(self) -> None:
        """Say that the body is complete."""
        self._ended = True
        self._wake()

    def close(self) -> None:
        """Take no more: an answer without a body. What is written on is dropped."""
        self._close(None)

    async def aclose(self) -> None:
        """Take no more: everything is sent, or the client has gone."""
        self._close(None if self._ended and not self._chunks else self._gone)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        self._settle(None)  # who asks for more has sent what it got
        while not self._chunks:
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
