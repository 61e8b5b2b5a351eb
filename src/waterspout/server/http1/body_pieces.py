"""The bodies of streamed responses, piece by piece, for their sender.

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

__all__ = ["PAUSE", "TURN", "AsyncPieces", "SyncPieces", "first_pieces", "pieces"]

#: Pieces of an async body that come within a millisecond or two, and batches of a `def` one, until
#: others have their turn.
TURN = 8
#: Seconds after which a body has let others have their turn for sure.
PAUSE = 0.002
#: So much of a `def` body may wait for the client: bytes, and pieces. The thread is woken when less
#: than a part of it is left. PERF: with room for three pieces of 64 KiB a stream of them costs an
#: eighth less than with room for one; 1,000 lines cost a third of what they do with room for four.
_AHEAD = 192 * 1024
_AHEAD_PIECES = 256
_LOW = 64 * 1024
#: Bytes that are written at once, before it is seen whether the client takes them.
_BATCH = 64 * 1024


def pieces(
    response: Any, thread: RequestThread, max_ahead: int = _AHEAD_PIECES
) -> AsyncPieces | SyncPieces:
    """Return the body of a streamed response; `aclose` must follow. A `def` body is at most
    *max_ahead* pieces ahead of its client. Raises `LaneFull` if it cannot keep a thread."""
    if hasattr(response.response, "__aiter__"):  # it may be Werkzeug's own class
        return AsyncPieces(response, thread)
    return SyncPieces(response, thread, max_ahead)


async def first_pieces(body: AsyncPieces | SyncPieces) -> list[bytes] | None:
    """Return the first pieces of a body, for which its header section waits; None if there are
    none, or if a request handler has flushed the header section itself."""
    if getattr(body.response.response, "head_is_due", False):
        return []
    return await body.take()


class AsyncPieces:
    """Advances an async body on the loop. One that never waits lets others have their turn,
    and the loop notice that the client has gone."""

    def __init__(self, response: Any, thread: RequestThread) -> None:
        self.response = response
        #: In which the pieces are to be taken.
        self.context = thread.context
        self._thread = thread
        self._count = 0
        self._now = thread.lane.loop.time
        self._last = 0.0
        self._iterator: AsyncIterator[object] | None = None

    def is_wanted(self) -> bool:
        """Return True: what an `async def` body waits for can be cancelled."""
        return True

    async def take(self) -> list[bytes] | None:
        """Return the next piece, None at the end."""
        now = self._now()
        if now - self._last > PAUSE:  # it has waited
            self._count = 0
        self._last = now
        self._count += 1
        if self._count % TURN == 0:
            await asyncio.sleep(0)
        iterator = self._iterator
        if iterator is None:  # not before: what fails here is an error of the first piece
            iterator = self._iterator = aiter(self.response.response)
        try:
            piece = await iterator.__anext__()
        except StopAsyncIteration:
            return None
        return [piece if type(piece) is bytes else _as_bytes(piece)]

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

    def __init__(self, response: Any, thread: RequestThread, max_ahead: int) -> None:
        self.response = response
        self._max_ahead = max_ahead
        #: In which the pieces are to be taken: the thread is in the request's own meanwhile.
        self.context = thread.context.copy()
        self._lane = thread.lane
        self._pieces: deque[bytes] = deque()
        self._count = 0
        #: Bytes, by the thread and by the loop.
        self._made = self._taken = 0
        #: What the loop waits for, in a list: whoever takes it out, in one step, has it set.
        self._arrival: list[asyncio.Future[None]] = []
        #: The thread waits for an item here, until the client has caught up.
        self._room: SimpleQueue[None] = SimpleQueue()
        self._waits = False
        self._closed = False
        #: The thread is within the body's code, which is making a piece.
        self._is_making = False
        self._ended = False
        self._error: Exception | None = None
        self._step = thread.start_long(self._make)

    async def take(self) -> list[bytes] | None:
        """Return the pieces that are there, 64 KiB at most, and wait for one if there is none;
        None at the end."""
        ready = self._pieces
        while not ready:
            if self._ended:
                if ready:
                    break
                if self._error is not None:
                    raise self._error
                return None
            await self._next_arrival()
        self._count += 1
        if self._count % TURN == 0:
            await asyncio.sleep(0)
        batch: list[bytes] = []
        size = 0
        while ready and size < _BATCH:
            piece = ready.popleft()
            size += len(piece)
            batch.append(piece)
        self._taken += size
        if self._waits and len(ready) <= self._max_ahead // 16 and self._made - self._taken <= _LOW:
            self._room.put(None)
        return batch

    def is_wanted(self) -> bool:
        """Return False while the body makes a piece that will not be sent: it may wait for ever
        for its data."""
        return not (self._closed and self._is_making)

    async def aclose(self) -> None:
        """Have the body closed at its next piece, with the response, and wait for the thread."""
        self._closed = True
        self._room.put(None)
        await until_done(self._step)

    async def _next_arrival(self) -> None:
        arrival: asyncio.Future[None] = self._lane.loop.create_future()
        self._arrival.append(arrival)
        # The thread puts a piece and then looks for who waits; here it is the other way round.
        if not (self._pieces or self._ended):
            await arrival
        self._arrival.clear()

    # -- in the thread -----------------------------------------------------------------

    def _make(self) -> None:
        ready = self._pieces
        try:
            if not self._is_closed():
                self._is_making = True
                for piece in self.response.iter_encoded():
                    self._is_making = False
                    data = piece if type(piece) is bytes else _as_bytes(piece)
                    self._made += len(data)
                    ready.append(data)
                    if self._arrival:
                        self._tell()
                    if len(ready) >= self._max_ahead or self._made - self._taken > _AHEAD:
                        self._wait_for_room()
                    if self._closed:
                        break
                    self._is_making = True
        except BaseException as error:
            self._error = for_a_task(error)
        finally:
            self._is_making = False
            answers.close_response(self.response)
            self._ended = True
            self._tell()

    def _tell(self) -> None:
        """Wake the loop if it waits; once, however long it takes to wake up."""
        try:
            arrival = self._arrival.pop()
        except IndexError:
            return
        self._lane.answer(_settle, arrival)

    def _wait_for_room(self) -> None:
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
        return len(self._pieces) >= self._max_ahead or self._made - self._taken > _AHEAD


def _settle(arrival: asyncio.Future[None]) -> None:
    if not arrival.done():
        arrival.set_result(None)


def _as_bytes(piece: object) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"The pieces of a body are bytes or str, not {type(piece).__name__}.")
