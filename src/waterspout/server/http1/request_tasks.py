"""Start a request's coroutine at once, and give it a task of its own only if it waits.

Most views never wait. Python 3.12 has eager tasks for that. Before it, making a task
costs a sixth of a small request, so on 3.11 a server keeps a *carrier*: a task that
sleeps.

Theory of operation. `asyncio.current_task()` must be a real task from the first step
on, and the same one to the end (`asyncio.timeout`, anyio and others hold on to it). So
the first step runs here, by hand, entered as the carrier's (`_enter_task`, which
asyncio documents for task implementations) and in the carrier's context. If it ends,
the carrier was not needed and serves the next request. If it waits, the carrier is woken,
yields the awaited future as its own and drives the coroutine to its end; the server then
makes itself another. A carrier in whose context a view has left a variable is not used
again, so that nothing is seen by the next request.

SECURITY: each request begins with the variables that the server has (`Starter.fresh`), not with
those of whoever happens to start it: that may be another request, which has just been answered.

PERF: 0.3 µs where `create_task` takes 1.1 µs (CPython 3.11, uvloop). The first steps are
taken by one generator that stays suspended in between: a coroutine that it awaits tells of
its end without a `StopIteration`, which costs 0.1 µs. Changing a context variable costs as
much, so the last request of a turn of the loop is let go of at the turn's end, not each
at its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any

from ...concurrency.coroutines import begin, go_on
from ...concurrency.thread_pools import Lanes
from ...context.variables import enter, request_var
from ...typing import Coro

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["Starter"]

Work = Coro[None]


#: What a carrier's generator yields between two coroutines.
_IDLE = object()


class _Carrier:
    """A sleeping task, and the context that first steps run in."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
        on_end: Callable[[], object],
    ) -> None:
        self.context = context
        #: Called when it cannot be used any more: somebody has cancelled a task that sleeps.
        self._on_end = on_end
        self.context.run(enter, None)
        self.before = [item for item in self.context.items() if item[0] is not request_var]
        self.size = len(self.context)
        self._awaited: object = _IDLE
        self._wake: asyncio.Future[None] = loop.create_future()
        carrying = self._carry()
        # Begun by hand: into what has not begun, a task that the first request cancels would not
        # throw anything, and the request would be lost with it.
        carrying.send(None)
        self.task = loop.create_task(carrying, context=self.context)
        # A program may let go of its loop without closing the server, as Tornado's tests do:
        # nothing is lost with a task that sleeps, so asyncio's complaint would mislead.
        self.task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._steps = self._take_steps()
        self._steps.send(None)
        self.step = self._steps.send
        self.run = self.context.run

    def is_clean(self) -> bool:
        """Whether the variables that were there before are as they were."""
        return all(self.context[var] is value for var, value in self.before)

    def hand_over(self, awaited: object) -> None:
        """Let the task drive the coroutine that waits for *awaited*."""
        self._awaited = awaited
        self.task._log_destroy_pending = True  # type: ignore[attr-defined]
        if not self._wake.done():  # it is if the first step has cancelled its task
            self._wake.set_result(None)

    @coroutine
    def _take_steps(self) -> Generator[Any, Any, None]:
        """Drive one coroutine after the other; the last is the one that the task takes over."""
        while self._awaited is _IDLE:
            work: Work = yield _IDLE
            yield from work  # `await`, in a generator

    async def _carry(self) -> None:
        try:
            await begin()
            await self._wake
        except asyncio.CancelledError:
            if self._awaited is _IDLE:
                self._on_end()
                return
            # Cancelled before it has woken: what is awaited is to be cancelled, or to refuse.
            self.task.uncancel()
            self.task.cancel()
        await go_on(self._steps, self._awaited)


class Starter:
    """Starts the coroutines of one server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lanes: Lanes) -> None:
        self._loop = loop
        self._lane = lanes.views
        own = contextvars.copy_context()
        own.run(enter, None)  # so that `request_var.set` alone enters a request's
        #: Makes the context of a request: a copy of the server's own.
        self.fresh = own.copy
        self._carrier: _Carrier | None = None
        self._will_forget = False

    if sys.version_info >= (3, 12):

        def start(self, work: Work, exchange: Exchange) -> asyncio.Task[None] | None:
            """Run *work* until it waits or ends; return its task, None if it has ended. Its
            context is that of *exchange*."""
            exchange.context = context = self.fresh()
            task = asyncio.Task(work, loop=self._loop, context=context, eager_start=True)
            return None if task.done() else task

    else:

        def start(self, work: Work, exchange: Exchange) -> asyncio.Task[None] | None:
            """Run *work* until it waits or ends; return its task, None if it has ended. Its
            context is that of *exchange*."""
            carrier = self._carrier
            if carrier is None:
                if hasattr(self._loop, "_nest_patched"):
                    # nest_asyncio: the loop runs within a first step, and with it the carrier's
                    # task, whose context is in use.
                    return self._start_later(work, exchange)
                carrier = self._carrier = _Carrier(self._loop, self.fresh(), self.close)
            task = carrier.task
            exchange.context = carrier.context
            try:
                _enter_task(self._loop, task)
            except RuntimeError:  # within another task, or another first step
                return self._start_later(work, exchange)
            try:
                awaited = carrier.run(carrier.step, work)
            except BaseException:  # it has ended the carrier's generator too
                self.close()
                raise
            finally:
                _leave_task(self._loop, task)
            if awaited is not _IDLE:
                self._carrier = None
                carrier.hand_over(awaited)
                # The task has a step to make before a thread may enter its context.
                self._lane.put_off()
                return task
            if len(carrier.context) != carrier.size or (carrier.before and not carrier.is_clean()):
                self.close()
            elif not self._will_forget:
                self._will_forget = True
                self._loop.call_soon(self._forget)
            return None

    def _start_later(self, work: Work, exchange: Exchange) -> asyncio.Task[None]:
        exchange.context = context = self.fresh()
        return asyncio.Task(work, loop=self._loop, context=context)

    def _forget(self) -> None:
        self._will_forget = False
        if self._carrier is not None:
            self._carrier.run(enter, None)

    def close(self) -> None:
        """End the carrier."""
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.task.cancel()
