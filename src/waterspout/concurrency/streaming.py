"""Responses whose body is made while it is sent: server-sent events.

Theory of operation of the heartbeat. An async generator of events may be silent for long, and a
connection without traffic is cut by proxies. Waiting for the next event with a time limit would
cancel the generator's step when time is up; and a task for each step would make every ``async
with`` that spans a ``yield`` begin in one task and end in another. So the generator is run by one
task from beginning to end. Where the sender can write beside its task, as our server can, that
is the sender's own, and a timer writes the comments (`Beat`). Elsewhere it is a task for the
generator (`_Source`). It hands over one event when asked, and is not resumed before the next is
asked for: a slow client holds it back. While it is silent the sender gets `_IDLE` instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ..context.propagation import Entered, carry, stream_with_context
from ..context.request_context import request
from ..context.variables import app_var
from ..http import Response
from ..http import sse as wire
from ..http.sse import ServerSentEvent
from .request_thread import task_in, until_done

if TYPE_CHECKING:
    from ..interfaces import Application

__all__ = ["ServerSentEvent", "last_event_id", "sse", "stream_with_context"]

_IDLE: object = object()
_END: object = object()


def sse(
    generator: AsyncIterable[object] | Iterable[object],
    *,
    heartbeat: float | None = 15.0,
    retry: int | None = None,
) -> Response:
    """Return a response that streams server-sent events from a generator, sync or async.

    The generator yields text, a `ServerSentEvent` or a dict of its fields; None sends an empty
    comment. `request`, `session` and `g` stay usable in it. When the client disconnects, or the
    server stops, it is closed: an async one is cancelled where it waits.

    After *heartbeat* seconds of silence an async generator's stream sends an empty comment, so that
    proxies keep the connection (None: never). A sync generator occupies a thread while it waits,
    and nothing can be sent for it meanwhile: let it wait with a time limit and ``yield None`` after
    it. *retry* is how many milliseconds the browser waits before it reconnects.

        @app.get("/ticks")
        def ticks():
            async def events():
                for number in itertools.count():
                    yield {"id": number, "event": "tick", "data": {"n": number}}
                    await asyncio.sleep(1)
            return sse(events())

    Raises `ValueError` for a *heartbeat* or *retry* below its range, and `TypeError` for what is no
    generator.
    """
    if heartbeat is not None and heartbeat <= 0:
        raise ValueError(f"heartbeat is a number of seconds above 0, or None; not {heartbeat!r}")
    opening = wire.COMMENT if retry is None else f"{wire.retry_line(retry)}\n\n".encode()
    ctx = app_var.get(None)
    app: Application | None = None if ctx is None else ctx.app
    dumps = json.dumps if app is None else app.json.dumps
    events: object = generator
    body: Any
    if hasattr(events, "__aiter__"):
        body = _Events(events, heartbeat, opening, dumps)
    elif hasattr(events, "__iter__"):
        body = carry(_frames(events, opening, dumps))
    else:
        hint = "; call it" if callable(events) else ""
        raise TypeError(f"sse() takes a generator, not {type(events).__name__}{hint}")
    make = Response if app is None else app.response_class
    response = make(body, mimetype=wire.MIMETYPE)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    return response


def last_event_id() -> str | None:
    """Return the id of the last event the client saw before it reconnected, None on a first
    visit."""
    return wire.last_event_id(request.headers)


def _frames(events: Iterable[object], opening: bytes, dumps: wire.Dumps) -> Iterator[bytes]:
    # The opening is sent at once: only then does the browser take the connection as open.
    yield opening
    try:
        for event in events:
            yield wire.encode_event(event, dumps)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


class _Events(AsyncIterator[bytes]):
    """The body of a stream of events from an async generator."""

    def __init__(
        self,
        events: AsyncIterable[Any],
        heartbeat: float | None,
        opening: bytes,
        dumps: wire.Dumps,
    ) -> None:
        self._events = events
        self._context = Entered()
        self._heartbeat = heartbeat
        self._opening: bytes | None = opening
        self._dumps = dumps
        self._source: _Source | None = None
        self._beat: Beat | None = None

    def begin(self, write: Callable[[bytes], object]) -> Beat | None:
        """Give the events behind the first piece to the caller, whose task has to take all of them:
        return what they come from. Comments are written by *write*, at any time between two events,
        until `aclose` is called. None where the request's contexts are not current."""
        if self._context.is_current():
            self._beat = Beat(aiter(self._events), self._dumps, write, self._heartbeat)
        return self._beat

    async def __anext__(self) -> bytes:
        opening, self._opening = self._opening, None
        if opening is not None:
            return opening
        if self._source is None:
            self._source = _Source(self._events, self._context)
        event = await self._source.next(self._heartbeat)
        if event is _IDLE:
            return wire.COMMENT
        if event is _END:
            raise StopAsyncIteration
        return wire.encode_event(event, self._dumps)

    async def aclose(self) -> None:
        """End the generator: cancel the step it is in, or close it where it has yielded."""
        self._opening = None
        if self._beat is not None:
            await self._beat.stop()
        elif self._source is not None:
            await self._source.stop()


class Beat:
    """The events of a stream, whose taker sets *last* to the time of each, and the comments that
    are written when there has been none for some seconds: one timer for a stream, not one for each
    event."""

    def __init__(
        self,
        events: AsyncIterator[Any],
        dumps: wire.Dumps,
        write: Callable[[bytes], object],
        seconds: float | None,
    ) -> None:
        self.events = events
        self._dumps = dumps
        loop = asyncio.get_running_loop()
        self._write = write
        self._loop = loop
        self._seconds = seconds or 0.0
        self.now = loop.time
        #: When something was sent last.
        self.last = loop.time()
        self._timer = None if seconds is None else loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self.last + self._seconds - self.now()
        if left <= 0:
            self._write(wire.COMMENT)
            self.last = self.now()
            left = self._seconds
        self._timer = self._loop.call_later(left, self._look)

    def encode(self, event: Any) -> bytes:
        """Encode an event. Raises `TypeError` or `ValueError` for what is none."""
        return wire.encode_event(event, self._dumps)

    async def stop(self) -> None:
        """Write no more, and close the events."""
        if self._timer is not None:
            self._timer.cancel()
        aclose = getattr(self.events, "aclose", None)
        if aclose is not None:
            await aclose()


class _Source:
    """Runs an async generator in one task, one step each time an event is asked for."""

    def __init__(self, events: AsyncIterable[Any], context: Entered) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._owed = False  # an event was asked for and has not been handed over
        self._kept: object = _IDLE  # an event that came when nobody waited any more
        self._answer: asyncio.Future[object] | None = None
        #: One timer for a stream, which checks how long it has been silent; not one for each event.
        self._timer: asyncio.TimerHandle | None = None
        self._silent_until = 0.0
        self._stopping = False
        # In the request's own context, where no other task runs while this one is asked. Where
        # another server has the request, nobody knows it, and a copy has the same variables.
        variables = context.variables or context.run(copy_context)
        self._task = task_in(variables, self._run(events))
        self._task.add_done_callback(lambda task: self._hand_over(_END))

    async def next(self, seconds: float | None) -> object:
        """Return the next event, `_END` after the last, `_IDLE` if none came in *seconds*. Raises
        what the generator raised."""
        event, self._kept = self._kept, _IDLE
        if event is _IDLE:
            if self._task.done():
                return _END
            if not self._owed:
                self._owed = True
                self._asked.set()
            event = await self._wait(seconds)
        if event is _END:
            self._raise_error()
        return event

    async def stop(self) -> None:
        """Cancel the task and wait for the generator's `finally` blocks."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._task.done():
            self._stopping = True
            self._task.cancel()
            await until_done(self._task)  # it runs in the request's context
            self._raise_error()

    async def _run(self, events: AsyncIterable[object]) -> None:
        iterator = aiter(events)
        try:
            await self._asked.wait()
            async for event in iterator:
                self._asked.clear()
                self._owed = False
                self._hand_over(event)
                if self._stopping:  # it has swallowed the cancellation
                    break
                await self._asked.wait()
        finally:
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                await aclose()

    async def _wait(self, seconds: float | None) -> object:
        self._answer = answer = self._loop.create_future()
        if seconds is not None:
            self._silent_until = self._loop.time() + seconds
            if self._timer is None:
                self._timer = self._loop.call_later(seconds, self._look)
        return await answer

    def _look(self) -> None:
        """Hand over `_IDLE` if it is time, and else look again when it is."""
        self._timer = None
        if self._answer is None or self._answer.done():
            return
        left = self._silent_until - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            _settle(self._answer, _IDLE)

    def _hand_over(self, event: object) -> None:
        if self._answer is None or not _settle(self._answer, event):
            self._kept = event

    def _raise_error(self) -> None:
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error


def _settle(future: asyncio.Future[object], value: object) -> bool:
    if future.done():
        return False
    future.set_result(value)
    return True
