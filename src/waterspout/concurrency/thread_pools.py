"""The thread pools of an event loop (class `Lane`): their sizes, limits and statistics.

*views* runs the `def` code of requests; *files* the server's own file operations; *work* what a
program hands to `run_in_thread` and `spawn`. A pool starts with a few threads, because Python
threads cost each other time while none of them waits; it grows only while jobs lie untouched, that
is, when its threads are blocked, and shrinks again when they idle.

Theory of operation. A request keeps the thread of its first `def` step to its end
(`request_thread`). So that no request waits for a thread while it holds what another waits for,
there is one rule: **a request waits for a thread only before any of the program's code has run for
it.** Then it holds nothing. Later steps run in the thread it has, and a request that has run
`async def` code without needing a thread gets one at once when it does (`submit_after_step`), above
the limit if need be. A thread whose request waits in async code, streams its response, or serves a
WebSocket is *kept*: it does not count against the views, but against a limit of its own.

PERF: jobs and results are passed in batches, with one wake-up for many (`work_queue`; a deque that
the loop drains): 1.6 times the rate of `run_in_executor`.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from werkzeug.exceptions import ServiceUnavailable

from ..typing import Argument, Function, Values
from . import async_to_sync as bridge
from .work_queue import Empty, JobQueue

T = TypeVar("T")

_GROW_AFTER = 0.005  # seconds that a job may lie untouched before a thread is added
_SATURATED = 0.8  # share of a processor: so much, and the threads wait for each other
_RETRY_AFTER = 1  # seconds, for who was refused


class LaneFull(ServiceUnavailable):
    """No further request may wait for a thread, or keep one: 503 with ``Retry-After``."""

    def __init__(self, reason: str) -> None:
        super().__init__(retry_after=_RETRY_AFTER)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Sizes of a pool."""

    #: Threads kept while idle.
    threads: int = 4
    #: Most threads, besides those kept.
    max_threads: int = 40
    #: Jobs that may wait; one more is refused with 503 and Retry-After.
    queue_length: int = 1000
    #: Seconds after which an idle thread above *threads* ends.
    idle: float = 30.0
    #: Threads that requests may keep beside those at work: streams, sockets, waiting requests.
    max_kept: int = 1000


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
        #: Threads that belong to a request and do not work on a view. Changed on the loop only.
        self.kept = 0
        #: Threads promised to requests whose first `def` step is yet to come; likewise.
        self.reserved = 0
        self._jobs = JobQueue()
        self._deferred: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._next_calls: asyncio.Handle
        self._will_rouse = self._will_start = False
        self._done: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
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

    def stats(self) -> PoolStats:
        """Return the pool's numbers of threads and jobs, and its limits."""
        limits = self.settings
        return PoolStats(
            threads=self.threads,
            at_work=max(self.busy - self.kept, 0),
            kept=self.kept,
            waiting=len(self._jobs),
            max_threads=limits.max_threads,
            max_waiting=limits.queue_length,
            max_kept=limits.max_kept,
        )

    def submit(self, job: Callable[..., object], *args: object) -> None:
        """Queue ``job(*args)``, on the loop's thread. The job must not raise.

        Raises `LaneFull` when the queue is at its limit.
        """
        jobs = self._jobs
        settings = self.settings
        # PERF: what `check_queue` and `put` do, without the calls, and no look at what is under
        # way already: 4 % of a small request.
        if len(jobs.plain) + len(jobs.urgent) >= settings.queue_length:
            self.check_queue()
        jobs.plain.append((job, args))
        has_threads = self.threads - self.kept >= settings.threads
        if not (has_threads and self._will_rouse and self._growing):
            self._see_to_jobs()

    def submit_after_step(self, job: Callable[..., object], urgent: bool) -> None:
        """Queue *job* when the running step of the loop has ended; an urgent one goes before the
        others, and gets a thread above the limit if those there are blocked."""
        self.defer(self._put_late, job, urgent)

    def _put_late(self, job: Callable[..., object], urgent: bool) -> None:
        if urgent:
            self._jobs.put_urgent((job, ()))
        else:
            self._jobs.put((job, ()))
        self._see_to_jobs()

    def defer(self, call: Callable[..., object], *args: object) -> None:
        """Call ``call(*args)`` on the loop when the running step has ended: a task has left its
        context by then, and a thread can enter it."""
        if not self._deferred:
            self._next_calls = self.loop.call_soon(self._call_deferred)
        self._deferred.append((call, args))

    def put_off(self) -> None:
        """Make the deferred calls after what is due on the loop now."""
        if self._deferred:
            self._next_calls.cancel()
            self._next_calls = self.loop.call_soon(self._call_deferred)

    def _call_deferred(self) -> None:
        deferred, self._deferred = self._deferred, deque()
        self._call_all(deferred)

    def check_queue(self) -> None:
        """Raise `LaneFull` when so many jobs wait that one more would be too many."""
        waiting = len(self._jobs)
        settings = self.settings
        limit = settings.queue_length
        if waiting < limit:
            return
        # What lies in the queue for a thread that is free does not wait.
        if waiting >= limit + settings.max_threads - (self.busy - self.kept):
            raise LaneFull(
                f"{waiting} jobs wait for a thread of the pool {self.name!r}, whose queue holds"
                f" {limit}; raise the settings threads.queue or threads.views_max"
            )

    def check_kept(self, own: int = 0) -> None:
        """Raise `LaneFull` when requests keep so many threads that one more would be too many;
        *own* of them are the asking request's."""
        kept = self.kept - own
        if kept >= self.settings.max_kept:
            raise LaneFull(
                f"{kept} threads of the pool {self.name!r} are kept by streams, WebSockets and"
                " waiting requests; raise the setting threads.kept"
            )

    def reserve(self) -> bool:
        """Reserve a thread for a request that needs one later; False if it must queue for it."""
        at_work = self.busy - self.kept
        if len(self._jobs) or at_work + self.reserved >= self.settings.max_threads:
            return False
        self.reserved += 1
        return True

    def _see_to_jobs(self) -> None:
        """Have a job that was just queued taken: by a new thread, or by one that is woken."""
        settings = self.settings
        threads = self.threads - self.kept
        at_work = self.busy - self.kept
        if threads < settings.threads and len(self._jobs) + at_work > threads:
            if self.kept:
                self._start_later()
            else:
                self._start_thread()
        else:
            self._rouse_soon()
            if not self._growing and (threads < settings.max_threads or self._jobs.urgent):
                self._grow_later()

    def _start_later(self) -> None:
        """Start the threads that are missing in the loop's next turn but one: those that are kept
        may have come back by then.

        PERF: a request that waits in `async def` code for nothing brings its thread back in the
        next turn. With 64 of them at once, a quarter of the requests started a thread, which then
        was one too many.
        """
        self._rouse_soon()
        if not self._will_start:
            self._will_start = True
            self.loop.call_soon(self.loop.call_soon, self._start_missing)

    def _start_missing(self) -> None:
        self._will_start = False
        enough = self.settings.threads
        for _ in range(enough):
            threads = self.threads - self.kept
            if threads >= enough or len(self._jobs) + self.busy - self.kept <= threads:
                break
            self._start_thread()
        if len(self._jobs) and not self._growing:
            self._grow_later()  # they may all be blocked

    def keep(self) -> None:
        """Count a thread that was at work on a view as kept: a job that waits may have another."""
        self.kept += 1
        if len(self._jobs):
            self._see_to_jobs()

    def take_back(self, lock: threading.Lock) -> None:
        """Take the thread back that waits for *lock*, and was a request's: it is free for any job,
        without being woken for that."""
        self.kept -= 1
        self.busy -= 1
        self._jobs.lay_down(lock)
        if len(self._jobs):
            self._rouse_soon()

    def wait_for(self, lock: threading.Lock) -> bool:
        """Wait for *lock* in a thread that is a request's; False if the thread was taken back and
        there was nothing to do for so long that it may end."""
        while not lock.acquire(timeout=self.settings.idle):
            if self._jobs.forget(lock):
                return False
        return True

    def return_from(self) -> None:
        """Count a thread as busy that was taken back; its job ends now."""
        self._jobs.get_up()
        self.busy += 1

    def answer(self, callback: Function, *args: Argument) -> None:
        """Call ``callback(*args)`` soon on the loop; called by the pool's threads."""
        self._done.append((callback, args))
        if not self._draining:
            self._draining = True
            try:
                # NOTE: not in a copy of what the thread is in, which is one of many requests'.
                self.loop.call_soon_threadsafe(self._drain, context=contextvars.Context())
            except RuntimeError:
                self._draining = False  # the loop has closed: nobody waits for the response

    async def run(self, func: Callable[..., T], /, *args: Argument, **kwargs: Argument) -> T:
        """Call *func* in the pool under the current context and return its result; what it
        sets in context variables is seen afterwards.

        A thread cannot be cancelled. If we are, a call that has not begun is left out, and one
        that runs is waited for: what follows, such as teardown, must not run beside it.
        """
        return await self._run(True, func, args, kwargs)

    async def run_or_abandon(self, func: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        """Do as `run`, but when cancelled leave the thread to itself."""
        return await self._run(False, func, args, kwargs)

    async def _run(
        self, wait: bool, func: Callable[..., T], args: tuple[object, ...], kwargs: Values
    ) -> T:
        future: asyncio.Future[T] = self.loop.create_future()
        context = contextvars.copy_context()
        before = context.copy()
        unwanted = False

        def job() -> None:
            if unwanted:
                self.answer(future.cancel)
                return
            try:
                result = context.run(func, *args, **kwargs)
            except BaseException as error:
                self.answer(_fail, future, for_a_task(error))
            else:
                self.answer(_succeed, future, result)

        self.submit(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            unwanted = True
            while wait and not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({future})
            raise
        finally:
            bridge.adopt(context, before)

    def close(self) -> None:
        """End the threads once the queued jobs are done."""
        self._closed = True
        self._jobs.close()

    def _drain(self) -> None:
        self._draining = False
        self._call_all(self._done)

    def _call_all(self, calls: deque[tuple[Callable[..., object], tuple[object, ...]]]) -> None:
        """Call ``call(*args)`` for each item, and for those that are added meanwhile; an error is
        the loop's to report, and does not touch the calls of other requests that follow."""
        while calls:
            try:
                while calls:
                    call, args = calls.popleft()
                    call(*args)
            except Exception as error:
                message = f"Error in {call!r}, for the lane {self.name!r}"
                self.loop.call_exception_handler({"message": message, "exception": error})

    def _rouse_soon(self) -> None:
        if not self._will_rouse:
            self._will_rouse = True
            self.loop.call_soon(self._rouse)

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
        room = self.settings.max_threads - (self.threads - self.kept)
        if self._is_blocked():
            urgent = len(self._jobs.urgent)
            for _ in range(max(min(waiting, room, max(self.threads, 1)), urgent)):
                self._start_thread()
        if room > 0 or self._jobs.urgent:
            self._grow_later()

    def _is_blocked(self) -> bool:
        """Whether the threads have been blocked, not only waiting for each other, since the last
        call."""
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
                # Also while few are free: those that are kept now come back.
                job = take(settings.idle)
            except Empty:
                if self._leave(settings.threads):
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
            if self.threads - self.kept > settings.max_threads and self._leave(
                settings.max_threads
            ):
                self._jobs.rouse()  # it may have been woken for a job that it does not take
                return

    def _leave(self, enough: int) -> bool:
        """Count the current thread out if there are more than *enough*."""
        with self._lock:
            if self.threads - self.kept <= enough:
                return False
            self.threads -= 1
            return True


def for_a_task(error: BaseException) -> Exception:
    """Return an error that a task may raise: `StopIteration` is impossible, `SystemExit` would end
    the loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    told = RuntimeError(f"{type(error).__name__} was raised in a thread")
    told.__cause__ = error
    return told


def _succeed(future: asyncio.Future[object], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[object], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


class CallersLane(Lane):
    """A pool of one thread, which is not started here: the one that calls `work_here`.

    For programs that want all their code in the thread that has started the server.
    """

    def _start_thread(self) -> None:
        """Nothing to start."""

    def work_here(self) -> None:
        """Work on the jobs in the current thread until the pool is closed."""
        self.threads = 1
        self._work()


class PoolStats(NamedTuple):
    """Numbers of threads and jobs of a pool, and its limits."""

    threads: int
    """Threads of the pool."""
    at_work: int
    """Threads that run the program's code."""
    kept: int
    """Threads that a stream, a WebSocket or a waiting request keeps."""
    waiting: int
    """Jobs that no thread has taken yet."""
    max_threads: int
    """Most threads, besides those kept."""
    max_waiting: int
    """Most jobs that may wait; further ones are refused with 503."""
    max_kept: int
    """Most threads that may be kept; further requests for one get 503."""


class Lanes:
    """The pools of one event loop; their threads start with the first jobs."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        views: LaneSettings | None = None,
        files: LaneSettings | None = None,
        work: LaneSettings | None = None,
        *,
        callers_thread: bool = False,
    ) -> None:
        kind = CallersLane if callers_thread else Lane
        self.views = kind("views", loop, views)
        self.files = Lane("files", loop, files or LaneSettings(threads=2, max_threads=8))
        self.work = Lane("work", loop, work or LaneSettings(threads=1))
        self._loop = loop
        self._users = 0
        _close_those_of_closed_loops()
        _of_loops[loop] = self

    def stats(self) -> dict[str, PoolStats]:
        """Return the numbers of each pool, by its name."""
        return {lane.name: lane.stats() for lane in (self.views, self.files, self.work)}

    def hold(self) -> None:
        """Keep the pools open until `release`, for one more application on the loop."""
        self._users += 1

    def release(self) -> None:
        """Undo one `hold`; after the last the pools are closed."""
        self._users -= 1
        if self._users <= 0:
            self.close()

    def close(self) -> None:
        """End all threads once the queued jobs are done."""
        for lane in (self.views, self.files, self.work):
            lane.close()
        if _of_loops.get(self._loop) is self:
            _of_loops.pop(self._loop, None)


_of_loops: dict[asyncio.AbstractEventLoop, Lanes] = {}


def _close_those_of_closed_loops() -> None:
    """End the threads of loops that were closed without their servers, and forget the loops."""
    # Private loops come and go in many threads at once (WSGI): each is cleared away by one.
    for other in list(_of_loops):
        if other.is_closed() and (left := _of_loops.pop(other, None)) is not None:
            left.close()


def thread_stats() -> dict[str, PoolStats]:
    """Return the numbers of the thread pools of the server that runs here: ``views`` for the
    `def` code of requests, ``files`` for the server's own file operations, ``work`` for
    `run_in_thread` and `spawn`.

    Raises `RuntimeError` where no server of ours and no ASGI server runs.
    """
    loop = bridge.loop_here()
    found = None if loop is None else _of_loops.get(loop)
    if found is None:
        raise RuntimeError("No server of Waterspout's, and no ASGI server, runs in this thread.")
    return found.stats()


def lanes_of(loop: asyncio.AbstractEventLoop) -> Lanes:
    """Return the thread pools of an event loop: its server's, or, on a loop that another server
    runs, pools made on first use."""
    found = _of_loops.get(loop)
    if found is None:
        found = Lanes(loop)
    return found
