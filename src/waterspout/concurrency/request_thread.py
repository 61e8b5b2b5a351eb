"""The one thread and the one context in which a request's `def` code runs.

Theory of operation. Much code belongs to the thread it began in (`threading.local`, connections of
sqlite3, scoped sessions), and a token of a `ContextVar` to the very `contextvars.Context` it was
made in. So all `def` code of a request, from its first hook to the last function that closes its
response, runs in one thread, which is taken from a pool at the first step and given back at the
end, and in the request's one context, the object that its task runs in.

Two threads cannot be inside one context at once, and they never are: a task leaves its context
while it waits. A step is handed to the thread when the loop's running step has ended
(`Lane.defer`), and the task is woken when the thread has left the context (`Lane.answer`). Between
the two nothing else may wake it. Cancelling a task cancels what it waits for; a step that has begun
refuses that (`Step.cancel`), and the task is cancelled when the step has ended. So a thread that
runs is always waited for, and what follows, such as teardown, never runs beside it. At the end of
a request (`RequestThread.must_finish`) a step that has not begun refuses, too: what gives back is
run, whoever cancels whom.

What runs beside a request's task for its sake, in the same context, are tasks made by `task_in`
that the first one waits for (`until_done`), so that one of them runs at a time.

Where another task of the same request may run at the same time (a handler that sends one piece
while it prepares the next), the steps run in a copy of the context, and what they set is taken over
(`RequestThread.shares_context`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from ..typing import Argument, Coro, Function
from .async_to_sync import adopt
from .coroutines import begin
from .thread_pools import Lane, LaneFull, for_a_task

__all__ = [
    "NoThread",
    "RequestThread",
    "Step",
    "run_beside",
    "see_through",
    "task_in",
    "until_done",
    "waits_for_thread",
]

T = TypeVar("T")

_logger = logging.getLogger("waterspout")


class NoThread(Exception):
    """A request cannot have a thread. None of the program's code has run, and the
    server answers 503 with ``Retry-After``."""


class Step(asyncio.Future[Any]):
    """One call in the thread of a request: a future of its result."""

    def __init__(
        self,
        thread: RequestThread,
        call: Callable[[Context], object],
        is_long: bool,
        enters: bool,
    ) -> None:
        super().__init__(loop=thread.lane.loop)
        self._thread = thread
        #: The call is made in the request's context, and not in a copy.
        self.enters = enters
        self._call: Callable[[Context], object] | None = call
        #: The thread counts as kept during the step, and not only after it.
        self._is_long = is_long
        #: Whoever takes the one item runs the step, or cancels it.
        self._chance = [True]
        #: Called on the loop when somebody cancels a step that has begun.
        self.on_cancel: Callable[[], object] | None = None

    def cancel(self, msg: object | None = None) -> bool:
        """Cancel a step that has not begun; False for one that has: who waits for it is
        cancelled when it has ended."""
        if self.done() or self._thread.must_finish:
            return False
        try:
            self._chance.pop()
        except IndexError:
            if self.on_cancel is not None:
                self.on_cancel()
            return False
        self._call = None
        self._note_end()
        return super().cancel(msg)

    def perform(self) -> None:
        """Make the call, unless it was cancelled; in the request's thread."""
        try:
            self._chance.pop()
        except IndexError:
            return
        call, self._call = self._call, None
        thread = self._thread
        answer = thread.lane.answer
        assert call is not None
        try:
            result = call(thread.context)
        except BaseException as error:
            del call
            answer(self._fail, for_a_task(error))
        else:
            del call
            answer(self._succeed, result)

    def _succeed(self, result: object) -> None:
        self._note_end()
        self.set_result(result)

    def _fail(self, error: Exception) -> None:
        self._note_end()
        self.set_exception(error)

    def _note_end(self) -> None:
        if not self._is_long:
            self._thread.lane.keep()
        if self.enters:
            self._thread.steps_inside -= 1


class RequestThread:
    """The thread of one request, of the pool *lane*; its steps run in *context*.

    All methods but `work` are called on the loop's thread.
    """

    # Defaults of the class: most requests never change them, and many never need the thread.
    #: Whether another task of the request may run in the context at any time.
    shares_context = False
    #: Whether the request is at its end: no step is skipped, not even one that has not begun.
    must_finish = False
    #: The result of the last step, if the request was cancelled meanwhile.
    unclaimed: object = None
    #: Whether code of the program has run: the request may hold a resource, and must not queue.
    must_not_queue = False
    #: Calls that the thread makes in the context, or will make: no other thread may enter it.
    steps_inside = 0
    _begun = False
    _taken = False
    _reserved = False
    _is_over = False
    _steps: deque[Step | None]
    #: The thread waits for the lock, which is released with an item in the list if there are
    #: steps, and without one if the thread was given back.
    _lock: Lock
    _signals: list[None]

    def __init__(self, lane: Lane, context: Context) -> None:
        self.lane = lane
        self.context = context

    @classmethod
    def of_here(cls, lane: Lane, context: Context) -> RequestThread:
        """Return the current thread, which is working on a job of *lane*, as a request's; it has
        to call `work`, and the loop `keep`."""
        thread = cls(lane, context)
        thread._set_up()
        return thread

    def _set_up(self) -> None:
        self._taken = True
        self._steps = deque()
        self._signals = []
        self._lock = Lock()
        self._lock.acquire()

    def keep(self) -> None:
        """Count a thread of `of_here` as kept (`thread_pools`)."""
        self.lane.keep()

    async def take(self) -> None:
        """Wait for a thread before any of the program's code runs. Raises `NoThread`."""
        if self._taken or self._reserved:
            return
        if self.lane.reserve():
            self._reserved = True
        else:
            await self.run(_nothing)

    async def run(self, func: Callable[..., T], /, *args: Argument, **kwargs: Argument) -> T:
        """Call *func* in the thread and return its result; what it sets in context variables is
        seen afterwards.

        Raises what *func* raises; `NoThread` if there is no thread to be had. If we are cancelled,
        a call that has not begun is skipped, and one that runs is waited for.
        """
        step = self.start(func, *args, **kwargs)
        try:
            result: T = await step
        except asyncio.CancelledError:
            if step.cancelled() or step.cancel():
                raise
            if (error := step.exception()) is not None:
                _logger.error("Error in a request that was cancelled", exc_info=error)
            elif (made := step.result()) is not None:
                self.unclaimed = made
            raise
        return result

    def start(self, func: Function, /, *args: Argument, **kwargs: Argument) -> Step:
        """Do as `run`, and return the `Step` to wait for."""
        return self._start(partial(func, *args, **kwargs), False)

    def start_long(self, func: Callable[..., object], /, *args: object, **kwargs: object) -> Step:
        """Do as `start`, for a call that may take as long as a client stays: the thread counts
        as kept. Raises `LaneFull` if too many are."""
        self.lane.check_kept(own=int(self._taken))
        return self._start(partial(func, *args, **kwargs), True)

    def _start(self, func: Callable[[], object], is_long: bool) -> Step:
        copied = self.context.copy() if self.shares_context else None

        def call(context: Context) -> object:
            return (copied or context).run(func)

        step = Step(self, call, is_long, copied is None)
        if copied is not None:
            before = copied.copy()
            step.add_done_callback(lambda _: self.context.run(adopt, copied, before))
        lane = self.lane
        if self._taken:
            if not is_long:
                lane.kept -= 1
            self.steps_inside += step.enters
            lane.defer(self._put, step)
            return step
        urgent = self._reserved or self.must_not_queue
        if not urgent:
            try:
                lane.check_queue()
                lane.check_kept()
            except LaneFull as full:
                raise NoThread(str(full)) from None
        if self._reserved:
            self._reserved = False
            lane.reserved -= 1
        if is_long:
            lane.kept += 1
        self._set_up()
        self.steps_inside += step.enters
        self._steps.append(step)
        lane.submit_after_step(self.work, urgent)
        return step

    def work(self) -> None:
        """Run in the thread: make the calls of the request, one after the other, until `end`."""
        self._begun = True
        steps = self._steps
        lane = self.lane
        while True:
            while steps:
                step = steps.popleft()
                if step is None:
                    return
                step.perform()
                del step
            if not lane.wait_for(self._lock) or not self._signals:
                break
            self._signals.pop()
        lane.return_from()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Let another task of the request use the thread, at the same time as the first one; it
        keeps the thread until it leaves the block."""
        self.shares_context = True
        try:
            yield
        finally:
            self.shares_context = False
            if self._is_over:
                self.end()

    def end(self) -> None:
        """Give the thread back. Does nothing if there is none."""
        self._is_over = True
        if self.shares_context:
            return
        if self._taken:
            self._taken = False
            if self._begun and not self._signals:
                # PERF: a thread that has nothing to do is not woken. With an async hook before a
                # `def` view 57 µs a request in place of 73, and 2 switches in place of 4.5.
                self.lane.take_back(self._lock)
            else:
                self.lane.kept -= 1
                self._put(None)
        elif self._reserved:
            self._reserved = False
            self.lane.reserved -= 1

    def _put(self, step: Step | None) -> None:
        # The item comes first: the thread takes the signal first, and then the items.
        self._steps.append(step)
        if not self._signals:
            self._signals.append(None)
            self._lock.release()


class _Ending(asyncio.Future[None]):
    """A future that is done when a task is. A cancellation of its waiter is passed on to the task,
    or put off until the task has ended."""

    def __init__(self, task: asyncio.Future[T], pass_on: Callable[[], object] | None) -> None:
        super().__init__(loop=task.get_loop())
        self._pass_on = pass_on
        task.add_done_callback(lambda _: self.set_result(None))

    def cancel(self, msg: object | None = None) -> bool:
        """Return whether the cancellation was passed on."""
        if self._pass_on is None or self.done():
            return False
        self._pass_on()
        return True


async def until_done(task: asyncio.Future[T]) -> None:
    """Wait for the end of *task*, whatever it is: if the running task is cancelled meanwhile, the
    cancellation is raised when *task* has ended. *task* may run in the same context, or in a thread
    that does."""
    if not task.done():
        await _Ending(task, None)


async def see_through(task: asyncio.Future[T]) -> T:
    """Do as `until_done`, and return what *task* does."""
    await until_done(task)
    return task.result()


def task_in(context: Context, work: Coro[T]) -> asyncio.Task[T]:
    """Run *work* as a task in *context*, on the running loop, from its next turn on. It begins in
    any case: an earlier cancellation takes effect at the first point where *work* waits.

    NOTE: not by the loop's task factory. One that begins at once (`asyncio.eager_task_factory`)
    would enter the context that the caller is in.
    """
    begun = _surely(work)
    begun.send(None)
    return asyncio.Task(begun, loop=asyncio.get_running_loop(), context=context)


async def _surely(work: Coro[T]) -> T:
    """Run *work*. Begun by hand up to here, as into a coroutine that has not begun a cancelled task
    throws at once, and nothing of it is run."""
    try:
        await begin()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        task.cancel()
    return await work


def waits_for_thread(task: asyncio.Task[object]) -> bool:
    """Tell whether *task* waits for a running step, directly or by `see_through`."""
    return isinstance(getattr(task, "_fut_waiter", None), (Step, _Ending))


async def run_beside(work: Coro[T], context: Context) -> T:
    """Run *work* as a task of its own in *context*, and wait for its end. A cancellation of the
    running task cancels *work*, which begins in any case, so that its clean-up runs."""
    task = task_in(context, work)
    await _Ending(task, task.cancel)
    return task.result()


def _nothing() -> None:
    pass
