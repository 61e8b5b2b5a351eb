"""The bodies of streamed answers, piece by piece, for whoever sends them.

An async body advances on the loop, in the request's own context. A `def` body advances in the
request's thread, whether or not a piece is asked for: the thread keeps ahead of the client by a
bounded number of bytes, so that many small pieces cost few changes between thread and loop, and a
piece that comes late is handed on when it is there. A slow reader holds it back; when its client
has left it is closed at the next piece.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from queue import SimpleQueue
from typing import Any

from ...concurrency.request_thread import RequestThread, until_done
from ...concurrency.thread_pools import for_a_task
from .. import error_responses as answers

__all__ = ["AsyncPieces", "SyncPieces", "first_piece", "pieces"]

#: Pieces of a body until others have their turn.
_TURN = 8
#: So much of a `def` body may wait for the client: bytes, and pieces. PERF: with room for three
#: pieces of 64 KiB a stream of them costs an eighth less than with room for one.
_AHEAD = 192 * 1024
_AHEAD_PIECES = 4


def pieces(response: Any, thread: RequestThread) -> AsyncPieces | SyncPieces:
    """Return the body of a streamed response as an async iterator with `aclose`. Raises
    `LaneFull` if a `def` body cannot keep a thread."""
    if hasattr(response.response, "__aiter__"):  # it may be Werkzeug's own class
        return AsyncPieces(response, thread)
    return SyncPieces(response, thread)


async def first_piece(body: AsyncPieces | SyncPieces) -> bytes | None:
    """Return what the head of an answer waits for: the first piece of its body, None if there is
    none. A request handler's head, which it flushes by itself, waits for nothing."""
    if getattr(body.response.response, "head_is_due", False):
        return b""
    return await anext(body, None)


class AsyncPieces:
    """Advances an async body on the loop. One that never waits lets others have their turn,
    and the loop notice that the client has gone."""

    def __init__(self, response: Any, thread: RequestThread) -> None:
        self.response = response
        #: In which the pieces are to be taken.
        self.context = thread.context
        self._thread = thread
        self._count = 0
        self._iterator: AsyncIterator[Any] | None = None

    def __aiter__(self) -> AsyncPieces:
        return self

    def is_wanted(self) -> bool:
        """Return True: what an `async def` body waits for can be cancelled."""
        return True

    async def __anext__(self) -> bytes:
        self._count += 1
        if self._count % _TURN == 0:
            await asyncio.sleep(0)
        iterator = self._iterator
        if iterator is None:  # not before: what fails here is an error of the first piece
            iterator = self._iterator = aiter(self.response.response)
        piece = await iterator.__anext__()
        return piece if type(piece) is bytes else _as_bytes(piece)

    async def aclose(self) -> None:
        """Close the body, and call the response's close functions in the request's thread."""
        close = getattr(self._iterator, "aclose", None)
        try:
            if close is not None:
                await close()
        finally:
            await answers.close_in_thread(self.response, self._thread)


class SyncPieces:
    """Has a `def` body advanced in the request's thread, which it keeps meanwhile."""

    def __init__(self, response: Any, thread: RequestThread) -> None:
        self.response = response
        #: In which the pieces are to be taken: the thread is in the request's own meanwhile.
        self.context = thread.context.copy()
        self._lane = thread.lane
        self._pieces: deque[bytes] = deque()
        self._count = 0
        #: Bytes, by the thread and by the loop.
        self._made = self._taken = 0
        #: What the loop waits for, until the thread has a piece.
        self._arrival: asyncio.Future[None] | None = None
        #: The thread waits for an item here, until the client has caught up.
        self._room: SimpleQueue[None] = SimpleQueue()
        self._waits = False
        self._closed = False
        #: The thread is within the body's code, which is making a piece.
        self._is_making = False
        self._ended = False
        self._error: Exception | None = None
        self._step = thread.start_long(self._make)

    def __aiter__(self) -> SyncPieces:
        return self

    async def __anext__(self) -> bytes:
        ready = self._pieces
        while not ready:
            if self._ended:
                if ready:
                    break
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._next_arrival()
        self._count += 1
        if self._count % _TURN == 0:
            await asyncio.sleep(0)
        piece = ready.popleft()
        self._taken += len(piece)
        if self._waits and not self._is_ahead():
            self._room.put(None)
        return piece

    def is_wanted(self) -> bool:
        """Return False while the body makes a piece that nobody takes any more: it may wait for
        ever for what it would send."""
        return not (self._closed and self._is_making)

    async def aclose(self) -> None:
        """Have the body closed at its next piece, with the response, and wait for the thread."""
        self._closed = True
        self._room.put(None)
        await until_done(self._step)

    async def _next_arrival(self) -> None:
        self._arrival = arrival = self._lane.loop.create_future()
        # The thread puts a piece and then looks for who waits; here it is the other way round.
        if not (self._pieces or self._ended):
            await arrival
        self._arrival = None

    def _arrived(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    # -- in the thread -----------------------------------------------------------------

    def _make(self) -> None:
        try:
            if not self._is_closed():
                self._is_making = True
                for piece in self.response.iter_encoded():
                    self._is_making = False
                    self._put(piece if type(piece) is bytes else _as_bytes(piece))
                    self._is_making = True
                    if self._is_closed():
                        break
        except BaseException as error:
            self._error = for_a_task(error)
        finally:
            self._is_making = False
            answers.close_response(self.response)
            self._ended = True
            self._lane.answer(self._arrived)

    def _put(self, piece: bytes) -> None:
        self._made += len(piece)
        self._pieces.append(piece)
        if self._arrival is not None:
            self._lane.answer(self._arrived)
        while self._is_ahead():
            self._waits = True
            if self._is_ahead():  # it may have changed before the loop could see that we wait
                self._room.get()
            self._waits = False

    def _is_closed(self) -> bool:
        return self._closed

    def _is_ahead(self) -> bool:
        if self._closed:
            return False
        return len(self._pieces) >= _AHEAD_PIECES or self._made - self._taken > _AHEAD


def _as_bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"The pieces of a body are bytes or str, not {type(piece).__name__}.")
