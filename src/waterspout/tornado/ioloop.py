"""`IOLoop` and `PeriodicCallback`: Tornado's names for the asyncio loop.

An `IOLoop` wraps one asyncio loop and has no state of its own except the file descriptors given to
`IOLoop.add_handler`. Server, coroutines and everything else of this wing use asyncio itself, so
that it makes no difference who made the loop, and whether an `IOLoop` of the installed Tornado
stands over it.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import time
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from inspect import isawaitable
from typing import Any, Literal, Protocol, TypeVar, overload

from .concurrent import AnyFuture, Future, LoopFuture, chain_future, is_future
from .gen import BadYieldError, convert_yielded
from .interruption import interruptible
from .log import app_log

__all__ = ["IOLoop", "PeriodicCallback", "TimeoutError"]

TimeoutError = asyncio.TimeoutError

_T = TypeVar("_T")


class Selectable(Protocol):
    """A file or socket."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def close(self) -> None:
        """Close it."""


class IOLoop:
    """One asyncio loop, `asyncio_loop`.

    `IOLoop.current()` is the one of this thread. ``IOLoop()`` makes a new asyncio loop (of
    uvloop where it is installed), and makes it the current one unless *make_current* is false;
    with *asyncio_loop* it stands over that one. Raises RuntimeError if one does already.
    """

    NONE = 0
    READ = 0x001
    WRITE = 0x004
    ERROR = 0x018

    #: One `IOLoop` for each asyncio loop that was asked for one.
    _waterspout_of_loop: dict[asyncio.AbstractEventLoop, IOLoop] = {}

    def __init__(
        self, make_current: bool = True, asyncio_loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        for closed in [loop for loop in self._waterspout_of_loop if loop.is_closed()]:
            del self._waterspout_of_loop[closed]
        self.asyncio_loop = asyncio_loop or _new_loop()
        if self._waterspout_of_loop.setdefault(self.asyncio_loop, self) is not self:
            raise RuntimeError("This asyncio loop has an IOLoop already: IOLoop.current()")
        self._handlers: dict[int, tuple[int | Selectable, Callable[..., None]]] = {}
        self._executor: Executor | None = None
        if make_current and asyncio_loop is None:
            asyncio.set_event_loop(self.asyncio_loop)

    # -- which one -----------------------------------------------------------------------------

    @overload
    @staticmethod
    def current() -> IOLoop: ...
    @overload
    @staticmethod
    def current(instance: Literal[True]) -> IOLoop: ...
    @overload
    @staticmethod
    def current(instance: bool) -> IOLoop | None: ...
    @staticmethod
    def current(instance: bool = True) -> IOLoop | None:
        """Return the loop that runs in this thread, or else the one that was made current here.

        Where there is none, one is made, or None returned if *instance* is false.
        """
        loop = _current_loop(make=instance)
        if loop is None:
            return None
        found = IOLoop._waterspout_of_loop.get(loop)
        if found is None and instance:
            found = IOLoop(asyncio_loop=loop)
        return found

    @staticmethod
    def instance() -> IOLoop:
        """Return `current`; an old name."""
        return IOLoop.current()

    def make_current(self) -> None:
        """Make this the loop that `current` returns in this thread. Deprecated: run it."""
        _deprecated("make_current is deprecated; start the event loop first")
        asyncio.set_event_loop(self.asyncio_loop)

    def install(self) -> None:
        """Do what `make_current` does; an old name."""
        asyncio.set_event_loop(self.asyncio_loop)

    @staticmethod
    def clear_current() -> None:
        """Let this thread have no current loop. Deprecated."""
        _deprecated("clear_current is deprecated")
        asyncio.set_event_loop(None)

    @staticmethod
    def clear_instance() -> None:
        """Do what `clear_current` does; an old name."""
        asyncio.set_event_loop(None)

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Run until `stop` is called, or SIGINT raises KeyboardInterrupt here."""
        with interruptible(self.asyncio_loop):
            self.asyncio_loop.run_forever()

    def stop(self) -> None:
        """Make `start` return; if it has not been called yet, as soon as it is.

        Call it on the loop's thread, from another one by `add_callback`.
        """
        self.asyncio_loop.stop()

    def close(self, all_fds: bool = False) -> None:
        """Close the stopped loop; with *all_fds*, what `add_handler` knows of as well."""
        for fd, (file, _) in list(self._handlers.items()):
            self.remove_handler(fd)
            if all_fds:
                self.close_fd(file)
        self._waterspout_of_loop.pop(self.asyncio_loop, None)
        self.asyncio_loop.close()

    def run_sync(self, func: Callable[[], Any], timeout: float | None = None) -> Any:
        """Run the loop until *func*, and the coroutine it may return, is done; return the
        result or raise its exception.

        Raises `TimeoutError` after *timeout* seconds (the coroutine is cancelled), RuntimeError
        if the loop was stopped before.
        """
        outcome: AnyFuture = Future(loop=self.asyncio_loop)
        timed_out = False

        def run() -> None:
            nonlocal outcome
            try:
                result = func()
                if result is not None:
                    result = convert_yielded(result)
            except Exception as error:
                outcome.set_exception(error)
            else:
                if is_future(result):
                    outcome = result
                else:
                    outcome.set_result(result)
            self.add_future(outcome, lambda _: self.stop())

        def give_up() -> None:
            nonlocal timed_out
            timed_out = True
            if not outcome.cancel():
                self.stop()

        self.add_callback(run)
        timer = None if timeout is None else self.call_later(timeout, give_up)
        self.start()
        if timer is not None:
            self.remove_timeout(timer)
        if outcome.cancelled() or not outcome.done():
            if timed_out:
                raise TimeoutError(f"Operation timed out after {timeout} seconds")
            raise RuntimeError("Event loop stopped before Future completed.")
        return outcome.result()

    # -- callbacks -----------------------------------------------------------------------------

    def add_callback(
        self, callback: Callable[..., object], *args: object, **kwargs: object
    ) -> None:
        """Call *callback* in the next turn of the loop. May be called from any thread."""
        call = partial(self._run_callback, partial(callback, *args, **kwargs))
        with suppress(RuntimeError):  # closed: nobody is there for it any more
            if _running_loop() is self.asyncio_loop:
                self.asyncio_loop.call_soon(call)
            else:
                self.asyncio_loop.call_soon_threadsafe(call)

    def add_callback_from_signal(
        self, callback: Callable[..., object], *args: object, **kwargs: object
    ) -> None:
        """Do what `add_callback` does, from a signal handler."""
        call = partial(self._run_callback, partial(callback, *args, **kwargs))
        with suppress(RuntimeError):
            self.asyncio_loop.call_soon_threadsafe(call)

    def spawn_callback(
        self, callback: Callable[..., object], *args: object, **kwargs: object
    ) -> None:
        """Do what `add_callback` does; says that nobody waits for the callback."""
        self.add_callback(callback, *args, **kwargs)

    def add_future(self, future: AnyFuture, callback: Callable[[Any], object]) -> None:
        """Call *callback* with the future on this loop when it is done."""
        if isinstance(future, Future):
            future.add_done_callback(lambda done: self._run_callback(partial(callback, done)))
        else:
            future.add_done_callback(lambda done: self.add_callback(callback, done))

    def _run_callback(self, callback: Callable[[], object]) -> None:
        try:
            result = callback()
            if result is None:
                return
            try:
                future = convert_yielded(result)
            except BadYieldError:
                return  # any other value, which is ignored
            self.add_future(future, lambda done: done.result())  # an exception of it is logged
        except asyncio.CancelledError:
            pass
        except Exception:
            self.handle_callback_exception(callback)

    def handle_callback_exception(self, callback: Callable[[], object] | None) -> None:
        """Log the exception that is being handled; for programs to override."""
        app_log.error("Exception in callback %r", callback, exc_info=True)

    # -- time ----------------------------------------------------------------------------------

    def time(self) -> float:
        """Return what deadlines are measured by: seconds as of `time.time`."""
        return time.time()

    def add_timeout(
        self,
        deadline: float | timedelta,
        callback: Callable[..., object],
        *args: object,
        **kwargs: object,
    ) -> object:
        """Call *callback* at *deadline*: a `time`, or a timedelta from now. Returns a handle for
        `remove_timeout`.

        Raises `TypeError` for any other deadline.
        """
        if isinstance(deadline, timedelta):
            return self.call_later(deadline.total_seconds(), callback, *args, **kwargs)
        if not isinstance(deadline, (int, float)):
            raise TypeError(f"Unsupported deadline {deadline!r}")
        return self.call_at(deadline, callback, *args, **kwargs)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, **kwargs: object
    ) -> object:
        """Call *callback* at the time *when*."""
        return self.call_later(when - self.time(), callback, *args, **kwargs)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, **kwargs: object
    ) -> object:
        """Call *callback* after *delay* seconds."""
        call = partial(self._run_callback, partial(callback, *args, **kwargs))
        return self.asyncio_loop.call_later(max(delay, 0), call)

    def remove_timeout(self, timeout: Any) -> None:
        """Take back an `add_timeout`; one that has run already does no harm."""
        timeout.cancel()

    # -- threads -------------------------------------------------------------------------------

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., _T], *args: object
    ) -> asyncio.Future[_T]:
        """Run *func* in a thread (of the default executor if *executor* is None) and return a
        future to await."""
        if executor is None:
            if self._executor is None:
                # As many as Tornado has: threads that wait rather than compute.
                self._executor = ThreadPoolExecutor(5 * (os.cpu_count() or 1))
            executor = self._executor
        future: asyncio.Future[_T] = Future(loop=self.asyncio_loop)
        self.add_future(executor.submit(func, *args), partial(_chain, future))
        return future

    def set_default_executor(self, executor: Executor) -> None:
        """Use *executor* in `run_in_executor` where none is named."""
        self._executor = executor

    # -- file descriptors ----------------------------------------------------------------------

    def add_handler(
        self, fd: int | Selectable, handler: Callable[[Any, int], None], events: int
    ) -> None:
        """Call ``handler(fd, event)`` when *fd* is ready for one of *events* (`READ`, `WRITE`).

        Raises ValueError if *fd* has a handler.
        """
        number, file = self.split_fd(fd)
        if number in self._handlers:
            raise ValueError(f"fd {number} added twice")
        self._handlers[number] = (file, handler)
        self._waterspout_listen(number, events)

    def update_handler(self, fd: int | Selectable, events: int) -> None:
        """Change what the handler of *fd* waits for."""
        self._waterspout_listen(self.split_fd(fd)[0], events)

    def remove_handler(self, fd: int | Selectable) -> None:
        """Take the handler of *fd* off; none does no harm."""
        number, _ = self.split_fd(fd)
        if self._handlers.pop(number, None) is not None:
            self.asyncio_loop.remove_reader(number)
            self.asyncio_loop.remove_writer(number)

    def _waterspout_listen(self, number: int, events: int) -> None:
        loop = self.asyncio_loop
        if events & (self.READ | self.ERROR):
            loop.add_reader(number, self._waterspout_ready, number, self.READ)
        else:
            loop.remove_reader(number)
        if events & self.WRITE:
            loop.add_writer(number, self._waterspout_ready, number, self.WRITE)
        else:
            loop.remove_writer(number)

    def _waterspout_ready(self, number: int, event: int) -> None:
        file, handler = self._handlers[number]
        handler(file, event)

    def split_fd(self, fd: int | Selectable) -> tuple[int, int | Selectable]:
        """Return the number of a descriptor, and the descriptor as it was given."""
        return (fd, fd) if isinstance(fd, int) else (fd.fileno(), fd)

    def close_fd(self, fd: int | Selectable) -> None:
        """Close a descriptor; one that is closed does no harm."""
        with suppress(OSError):
            if isinstance(fd, int):
                os.close(fd)
            else:
                fd.close()


class PeriodicCallback:
    """Calls *callback* every *callback_time* milliseconds (or a timedelta) from `start` on.

    A coroutine is waited for: where it takes longer than the interval, runs are left out.
    *jitter* is the share of the interval by which each one is made longer or shorter at random,
    so that processes do not do the same work at the same time.
    """

    def __init__(
        self,
        callback: Callable[[], Awaitable[object] | object],
        callback_time: timedelta | float,
        jitter: float = 0,
    ) -> None:
        if isinstance(callback_time, timedelta):
            callback_time = callback_time / timedelta(milliseconds=1)
        if callback_time <= 0:
            raise ValueError("Periodic callback must have a positive callback_time")
        self.callback = callback
        self.callback_time = callback_time
        self.jitter = jitter
        self._running = False
        self._timeout: object = None

    def start(self) -> None:
        """Begin on the current loop; the first call comes after one interval."""
        self.io_loop = IOLoop.current()
        self._running = True
        self._next_timeout = self.io_loop.time()
        self._schedule_next()

    def stop(self) -> None:
        """End."""
        self._running = False
        if self._timeout is not None:
            self.io_loop.remove_timeout(self._timeout)
            self._timeout = None

    def is_running(self) -> bool:
        """Tell whether it was started and not stopped."""
        return self._running

    async def _run(self) -> None:
        if not self._running:
            return
        try:
            result = self.callback()
            if isawaitable(result):
                await result
        except Exception:
            app_log.error("Exception in callback %r", self.callback, exc_info=True)
        finally:
            self._schedule_next()

    def _schedule_next(self) -> None:
        if not self._running:
            return
        loop = self.io_loop
        self._update_next(loop.time())
        self._timeout = loop.add_timeout(self._next_timeout, self._run)

    def _update_next(self, current_time: float) -> None:
        interval = self.callback_time / 1000
        if self.jitter:
            interval *= 1 + self.jitter * (random.random() - 0.5)
        # NOTE: at least one interval on, even if the clock was set back, and past what is
        # missed already.
        late = max(current_time - self._next_timeout, 0)
        self._next_timeout += (math.floor(late / interval) + 1) * interval


def _chain(future: LoopFuture, done: AnyFuture) -> None:
    chain_future(done, future)


def _deprecated(text: str) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _current_loop(make: bool) -> asyncio.AbstractEventLoop | None:
    """Return the running loop, or the one set for this thread; or with *make* a new one."""
    loop = _running_loop() or _set_loop()
    if loop is None and make:
        loop = _new_loop()
        asyncio.set_event_loop(loop)
    return loop


def _set_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop set for this thread, None if none is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        policy = asyncio.get_event_loop_policy()
        # NOTE: private, and the only way to look without making one: before Python 3.14 the
        # policy makes a plain loop for the main thread as soon as it is asked.
        if getattr(getattr(policy, "_local", None), "_loop", policy) is None:
            return None
        try:
            return policy.get_event_loop()
        except RuntimeError:
            return None


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make a loop: of uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
