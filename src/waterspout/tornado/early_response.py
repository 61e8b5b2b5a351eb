"""Send a response in a task of its own, while the endpoint that writes it goes on working."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..http.prepared import Pieces
from ..typing import Untyped
from .iostream import StreamClosedError

if TYPE_CHECKING:
    from asyncio import Future

    from ..context.request_context import RequestContext
    from ..http.message import Incoming
    from ..http.prepared import Written
    from .handler_context import OwnContext

__all__ = ["SendsBeside", "release"]


def release(future: Future[None] | None) -> None:
    """Set the result of *future*, if there is one and it is not done."""
    if future is not None and not future.done():
        future.set_result(None)


class SendsBeside:
    """The part of a `ServerConnection` that sends beside the endpoint."""

    # Defaults of the class: few requests set them.
    _head_sent: Future[None] | None = None
    _missing: int | None = None  # bytes of the declared length that are not written yet
    _pieces: Pieces | None = None
    _sender: asyncio.Task[None] | None = None
    _own: OwnContext | None = None
    _listed_in: set[SendsBeside] | None = None  # the server's, of those under way
    finished = False
    _taken = False
    _beside = False

    ctx: RequestContext
    incoming: Incoming
    peer: Untyped
    _written: Written | None

    def _send_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send what this turn of the loop writes, at the end of the turn, while the endpoint
        works."""
        self._note_under_way()
        loop.call_soon(self._send_beside)

    def _note_under_way(self) -> None:
        found = getattr(getattr(self.peer, "server", None), "under_way", None)
        if found is not None:
            self._listed_in = found
            found.add(self)

    def is_under_way(self) -> bool:
        """Whether written bytes have not been passed to the transport yet."""
        if self._sender is None:
            return not self._taken
        if self._sender.done():
            return False
        return self.finished or (self._pieces is not None and self._pieces.waits)

    def _send_beside(self) -> None:
        written = self._written
        if self._taken or written is None or self._sender is not None:
            if self._taken and self._listed_in is not None:
                self._listed_in.discard(self)
            return
        if not self.finished and self._pieces is None:
            self._begin_pieces(written)
        assert self._own is not None
        sending = self.peer.answer_early(self.ctx, written)
        self._sender = asyncio.create_task(sending, context=self._own.copy())
        self._sender.add_done_callback(self._note_sent)

    def _begin_pieces(self, written: Written) -> Pieces:
        """Make a body of the pieces that are *written*, and of later ones."""
        first = written.body
        assert isinstance(first, bytes)
        written.body = pieces = self._pieces = Pieces(StreamClosedError)
        pieces.put(first, self._head_sent)
        if self._missing == 0:
            pieces.is_all()
        return pieces

    def _note_sent(self, _: object) -> None:
        if self._pieces is not None:
            self._pieces.close()
        release(self._head_sent)
        if self._listed_in is not None:
            self._listed_in.discard(self)
        end_body = getattr(self.incoming.channel, "end", None)
        if end_body is not None:
            end_body()  # the rest of it is not waited for

    async def begin_sending(self) -> None:
        """Have what is written sent, for an endpoint that is being cancelled and goes."""
        if self._beside:
            self._send_beside()
            await asyncio.sleep(0)  # the first step of what sends
