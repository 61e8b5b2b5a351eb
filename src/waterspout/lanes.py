"""Lanes: the threads that synchronous code runs in, beside an event loop.

`def` views have an elastic, bounded pool; file reads, session stores and form
parsing have a small lane of their own and never queue behind views. A lane starts
with a few threads, because Python threads cost each other time while none of them
waits; it grows only while jobs lie untouched, that is, when its threads are
blocked, and shrinks again when they idle.

PERF: jobs and answers change hands in batches, with one wake-up for many (`job_queue`; a
deque that the loop drains): measured 1.6 times `run_in_executor`.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, TypeVar

from werkzeug.exceptions import ServiceUnavailable

from . import bridge
from .job_queue import Empty, JobQueue

T = TypeVar("T")

_GROW_AFTER = 0.005  # seconds that a job may lie untouched before a thread is added
_SATURATED = 0.8  # share of a processor: so much, and the threads wait for each other
_RETRY_AFTER = 1  # seconds, for who was refused
_MAX_SOCKETS = 500  # `def` WebSocket functions at once; each has a thread


class LaneFull(ServiceUnavailable):
    """Raised by `Lane.submit` when the queue is at its limit: 503 with ``Retry-After``."""

    def __init__(self, reason: str) -> None:
        super().__init__(retry_after=_RETRY_AFTER)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Sizes of a lane."""

    #: Threads kept while idle.
    threads: int = 4
    #: Threads at the most.
    max_threads: int = 40
    #: Jobs that may wait; one more is refused with 503 and Retry-After.
    queue_length: int = 1000
    #: Seconds after which an idle thread above *threads* ends.
    idle: float = 30.0


class Lane:
    """A queue of jobs and the threads that work on it, for one event loop."""

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, settings: LaneSettings | None = None
    ) -> None:
        self.name = name
        self.loop = loop
        self.settings = settings or LaneSettings()
        self.threads = 0
        self.busy = 0
        self._jobs = JobQueue()
        self._will_rouse = False
        self._done: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._draining = False
        self._taken = 0
        self._growing = False
        #: At the last look: jobs taken, processor seconds of the process, seconds.
        self._seen = (0, 0.0, 0.0)
        self._closed = False
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """The number of jobs that no thread has taken yet."""
        return len(self._jobs)

    def submit(self, job: Callable[..., Any], *args: Any) -> None:
        """Queue ``job(*args)``, on the loop's thread. The job must not raise.

        Raises `LaneFull` when the queue is at its limit.
        """
        jobs = self._jobs
        waiting = len(jobs)
        limit = self.settings.queue_length
        # What lies in the queue for a thread that is free does not wait.
        if waiting >= limit and waiting >= limit + self.settings.max_threads - self.busy:
            raise LaneFull(
                f"the lane {self.name!r} has {waiting} jobs waiting, its queue length is"
                f" {limit}; raise the lane's queue_length or max_threads"
            )
        jobs.put((job, args))
        if self.threads < self.settings.threads and waiting + self.busy >= self.threads:
            self._start_thread()
        else:
            if not self._will_rouse:
                self._will_rouse = True
                self.loop.call_soon(self._rouse)
            if not self._growing and self.threads < self.settings.max_threads:
                self._grow_later()

    def answer(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call ``callback(*args)`` soon on the loop; for the lane's threads."""
        self._done.append((callback, args))
        if not self._draining:
            self._draining = True
            try:
                self.loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                self._draining = False  # the loop has closed: nobody waits for the answer

    async def run(self, func: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call *func* in the lane under the current context and return its result; what it
        sets in context variables is seen afterwards.

        A thread cannot be cancelled. If we are, a call that has not begun is left out, and one
        that runs is waited for: what follows, such as teardown, must not run beside it.
        """
        return await self._run(self.submit, True, func, args, kwargs)

    async def run_or_abandon(self, func: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Do as `run`, but when cancelled leave the thread to itself."""
        return await self._run(self.submit, False, func, args, kwargs)

    async def _run(
        self,
        submit: Callable[[Callable[[], object]], object],
        wait: bool,
        func: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> T:
        future: asyncio.Future[T] = self.loop.create_future()
        context = contextvars.copy_context()
        unwanted = False

        def job() -> None:
            if unwanted:
                self.answer(future.cancel)
                return
            try:
                result = context.run(func, *args, **kwargs)
            except BaseException as error:
                self.answer(_fail, future, _for_a_task(error))
            else:
                self.answer(_succeed, future, result)

        submit(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            unwanted = True
            while wait and not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({future})
            raise
        finally:
            bridge.adopt(context)

    def close(self) -> None:
        """End the threads once the queued jobs are done."""
        self._closed = True
        self._jobs.close()

    def _drain(self) -> None:
        self._draining = False
        done = self._done
        while done:
            callback, args = done.popleft()
            try:
                callback(*args)
            except Exception as error:  # the other answers are delivered all the same
                message = f"Error in {callback!r}, for the lane {self.name!r}"
                self.loop.call_exception_handler({"message": message, "exception": error})

    def _rouse(self) -> None:
        self._will_rouse = False
        self._jobs.rouse()

    def _grow_later(self) -> None:
        self._growing = True
        self._seen = (self._taken, time.process_time(), time.monotonic())
        self.loop.call_later(_GROW_AFTER, self._grow)

    def _grow(self) -> None:
        self._growing = False
        waiting = len(self._jobs)
        if self._closed or not waiting:
            return
        if self._is_blocked():
            room = self.settings.max_threads - self.threads
            for _ in range(min(waiting, room, max(self.threads, 1))):
                self._start_thread()
        if self.threads < self.settings.max_threads:
            self._grow_later()

    def _is_blocked(self) -> bool:
        """Whether the threads wait for something else than each other, since the last look."""
        taken, used, since = self._seen
        if taken == self._taken:
            return True
        busy = time.process_time() - used >= _SATURATED * (time.monotonic() - since)
        return self.busy >= self.threads and not busy

    def _start_thread(self) -> None:
        with self._lock:
            self.threads += 1
        threading.Thread(target=self._work, name=f"waterspout-{self.name}", daemon=True).start()

    def _work(self) -> None:
        bridge.serve_thread(self.loop)
        take = self._jobs.take
        settings = self.settings
        while True:
            try:
                job = take(settings.idle if self.threads > settings.threads else None)
            except Empty:
                with self._lock:
                    if self.threads > settings.threads:
                        self.threads -= 1
                        return
                continue
            if job is None:
                with self._lock:
                    self.threads -= 1
                return
            self._taken += 1
            self.busy += 1
            function, args = job
            try:
                function(*args)
            finally:
                self.busy -= 1
            del job, function, args


class KeptThread:
    """One thread of a lane for several calls, from the first to the last of *calls* or to `end`.

    Whoever holds something scarce between two calls does not wait for a thread again, behind
    others whose threads wait for that very thing.
    """

    def __init__(self, lane: Lane, calls: int) -> None:
        self._lane = lane
        self._calls = calls
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._begun = False

    async def run(self, func: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Do as `Lane.run`, in the thread that is kept."""
        return await self._lane._run(self._submit, True, func, args, kwargs)

    def end(self) -> None:
        """Give the thread back; calls that were not made are not waited for."""
        self._jobs.put(None)

    def _submit(self, job: Callable[[], object]) -> None:
        if not self._begun:
            self._lane.submit(self._work)
            self._begun = True
        self._jobs.put(job)

    def _work(self) -> None:
        for _ in range(self._calls):
            job = self._jobs.get()
            if job is None:
                return
            job()


def _for_a_task(error: BaseException) -> Exception:
    """Return what a task may raise: `StopIteration` it cannot, `SystemExit` ends the loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    told = RuntimeError(f"{type(error).__name__} was raised in a thread")
    told.__cause__ = error
    return told


def _succeed(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


class Lanes:
    """The lanes of one event loop; their threads start with the first jobs.

    *views* runs `def` views and the hooks before them, and on a route that is all `def` the
    rest of the way too. On other routes *answers* runs what comes after the view, and saves
    sessions. *files* reads files and opens sessions. *ends* runs what ends requests: it must not
    wait for those who want what a request gives back at its end. *work* runs what may take long:
    `def` generators that are streamed, and what a program hands to `run_in_thread` and `spawn`.
    *sockets* runs `def` WebSocket functions, which keep their thread until they end.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        views: LaneSettings | None = None,
        files: LaneSettings | None = None,
    ) -> None:
        self.views = Lane("views", loop, views)
        self.answers = Lane("answers", loop, replace(self.views.settings, threads=1))
        self.files = Lane("files", loop, files or LaneSettings(threads=2, max_threads=8))
        self.ends = Lane("ends", loop, self.files.settings)
        self.work = Lane("work", loop, LaneSettings(threads=1))
        self.sockets = Lane("sockets", loop, LaneSettings(1, _MAX_SOCKETS, queue_length=0))
        self._loop = loop
        self._users = 0
        _of_loops[loop] = self

    def hold(self) -> None:
        """Keep the lanes open until `release`, for one more application on the loop."""
        self._users += 1

    def release(self) -> None:
        """Undo one `hold`; after the last the lanes are closed."""
        self._users -= 1
        if self._users <= 0:
            self.close()

    def close(self) -> None:
        """End all threads once the queued jobs are done."""
        beside = (self.files, self.ends, self.work, self.sockets)
        for lane in (self.views, self.answers, *beside):
            lane.close()
        if _of_loops.get(self._loop) is self:
            _of_loops.pop(self._loop, None)


_of_loops: dict[asyncio.AbstractEventLoop, Lanes] = {}


def lanes_of(loop: asyncio.AbstractEventLoop) -> Lanes:
    """Return the lanes of an event loop: its server's, or, on a loop that another server
    runs, lanes made on first use."""
    found = _of_loops.get(loop)
    if found is None:
        # Private loops come and go in many threads at once (WSGI): each is cleared away by one.
        for other in list(_of_loops):
            if other.is_closed() and (left := _of_loops.pop(other, None)) is not None:
                left.close()
        found = Lanes(loop)
    return found
