"""Tornado's ``gen``: coroutines made of generators, and tools for coroutines of any kind.

Theory of operation. A function under `coroutine` runs at once until its generator yields what is
not done yet; from there on a `Runner` resumes it, each time what it waits for is done, with the
result or the exception. What may be yielded is what `convert_yielded` makes a future of:
futures, awaitables, lists and dicts of those, None. A generator sees the context variables as
they were when it was called, all the way (`contextvars`).

Nothing here needs an `IOLoop`: the loop is asyncio's current one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from contextvars import copy_context
from datetime import timedelta
from functools import singledispatch, wraps
from inspect import isawaitable
from types import TracebackType
from typing import Any, TypeAlias

from .concurrent import (
    AnyFuture,
    Future,
    LoopFuture,
    ReturnValueIgnoredError,
    call_when_done,
    chain_future,
    future_set_exception_unless_cancelled,
    future_set_result_unless_cancelled,
    is_future,
)
from .log import app_log

__all__ = [
    "BadYieldError",
    "KeyReuseError",
    "LeakedCallbackError",
    "Multi",
    "Return",
    "ReturnValueIgnoredError",
    "Runner",
    "TimeoutError",
    "UnknownKeyError",
    "WaitIterator",
    "convert_yielded",
    "coroutine",
    "is_coroutine_function",
    "maybe_future",
    "moment",
    "multi",
    "multi_future",
    "sleep",
    "with_timeout",
]

TimeoutError = asyncio.TimeoutError

#: What ``isinstance`` takes.
Exceptions = type[Exception] | tuple[type[Exception], ...]


class KeyReuseError(Exception):
    """Of interfaces that Tornado no longer has; kept for programs that name it."""


class UnknownKeyError(Exception):
    """As `KeyReuseError`."""


class LeakedCallbackError(Exception):
    """As `KeyReuseError`."""


class BadYieldError(Exception):
    """A coroutine yielded what cannot be waited for."""


class Return(Exception):
    """Raised in a generator, returns *value* from the coroutine: ``raise gen.Return(x)``."""

    def __init__(self, value: object = None) -> None:
        super().__init__(value)
        self.value = value


#: What a coroutine of the program yields, or what comes of it: a future, an awaitable, a list or
#: dict of them, or what a program has registered a conversion for.
Yielded: TypeAlias = Any


class _Done:
    """A done value without a result; not a future, which would belong to one loop."""

    def result(self) -> None:
        """Return None."""

    def done(self) -> bool:
        """Return True."""
        return True


#: Yielded, lets everything else that is ready run first.
moment: Yielded = _Done()

_nothing: object = _Done()


# -- generators --------------------------------------------------------------------------------


def coroutine(func: Callable[..., object]) -> Callable[..., LoopFuture]:
    """Make a generator function a coroutine: a call returns a future.

    An exception in it is raised where the future is awaited, and nowhere else.
    """

    @wraps(func)
    def wrapper(*args: object, **kwargs: object) -> LoopFuture:
        future: asyncio.Future[object] = Future()
        run = copy_context().run
        try:
            result = run(func, *args, **kwargs)
            if not isinstance(result, Generator):
                future_set_result_unless_cancelled(future, result)
                return future
            yielded = run(next, result)
        except (Return, StopIteration) as end:
            future_set_result_unless_cancelled(future, end.value)
        except asyncio.CancelledError:
            future.cancel()
        except Exception as error:
            future_set_exception_unless_cancelled(future, error)
        else:
            runner = Runner(run, result, future, yielded)
            # Who waits for the future keeps the runner alive, and nobody else does.
            future.add_done_callback(lambda _: runner)
        return future

    wrapper.__tornado_coroutine__ = True  # type: ignore[attr-defined]  # read by is_coroutine_function
    return wrapper


def is_coroutine_function(func: object) -> bool:
    """Tell whether *func* was made by `coroutine`."""
    return getattr(func, "__tornado_coroutine__", False)


class Runner:
    """Drives one generator from what it yields to its end. Internal.

    *ctx_run* is the ``run`` of its context, *result_future* gets the outcome.
    """

    def __init__(
        self,
        ctx_run: Callable[..., object],
        gen: Generator[object, object, object],
        result_future: LoopFuture,
        first_yielded: object,
    ) -> None:
        self.ctx_run = ctx_run
        self.gen = gen
        self.result_future: LoopFuture | None = result_future
        self._loop = result_future.get_loop()
        self.future: Yielded = _nothing
        self.running = False
        self.finished = False
        if ctx_run(self.handle_yield, first_yielded):
            ctx_run(self.run)

    def run(self) -> None:
        """Resume the generator, as long as what it yields is done."""
        if self.running or self.finished or not self.future.done():
            return
        self.running = True
        try:
            while self.handle_yield(self._advance()):
                pass
        except (StopIteration, Return) as end:
            future_set_result_unless_cancelled(self._finish(), end.value)
        except asyncio.CancelledError:
            self._finish().cancel()
        except Exception as error:
            future_set_exception_unless_cancelled(self._finish(), error)
        finally:
            self.running = False

    def _advance(self) -> Yielded:
        """Tell the generator the outcome of what it waited for; return what it yields next."""
        future, self.future = self.future, _nothing
        failure: BaseException | None = None
        try:
            value = future.result()
        except (Exception, asyncio.CancelledError) as error:
            failure = error
        try:
            # NOTE: not thrown from the handler above, where it would get itself as its context.
            return self.gen.send(value) if failure is None else self.gen.throw(failure)
        finally:
            # NOTE: the exception's traceback has this frame; with the exception in it, the two
            # would wait for the garbage collector.
            del future, failure

    def _finish(self) -> LoopFuture:
        """Note the end; return the future of the result, and drop the reference to it."""
        self.finished = True
        self.future = _nothing
        future, self.result_future = self.result_future, None
        assert future is not None
        return future

    def handle_yield(self, yielded: object) -> bool:
        """Wait for what the generator yielded; return True if that is done."""
        try:
            self.future = convert_yielded(yielded)
        except BadYieldError as error:
            self.future = Future()
            self.future.set_exception(error)
        if self.future is moment:
            self._loop.call_soon(self.ctx_run, self.run)
            return False
        if not self.future.done():
            call_when_done(self._loop, self.future, self._resume)
            return False
        return True

    def _resume(self, _: AnyFuture) -> None:
        self.ctx_run(self.run)

    def handle_exception(
        self, typ: type[BaseException], value: BaseException, tb: TracebackType | None
    ) -> bool:
        """Throw an exception into the waiting generator; return False if it does not wait."""
        if self.running or self.finished:
            return False
        self.future = Future()
        self.future.set_exception(value)
        self.ctx_run(self.run)
        return True


# -- what may be yielded -----------------------------------------------------------------------


def _convert(yielded: object) -> Yielded:
    """Return a future for what a coroutine yielded: a future, an awaitable, a list or dict of
    what may be yielded, None.

    Raises `BadYieldError`. ``convert_yielded.register(type, function)`` adds more.
    """
    if yielded is None or yielded is moment:
        return moment
    if yielded is _nothing or is_future(yielded):
        return yielded
    if isinstance(yielded, (list, dict)):
        return multi(yielded)
    if isawaitable(yielded):
        return _task(yielded)
    raise BadYieldError(f"yielded unknown object {yielded!r}")


convert_yielded = singledispatch(_convert)

#: asyncio holds its tasks weakly, and nobody else may hold these.
_tasks: set[LoopFuture] = set()


def _task(awaitable: Yielded) -> LoopFuture:
    task: asyncio.Future[object] = asyncio.ensure_future(awaitable)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


def maybe_future(x: object) -> Yielded:
    """Return *x* if it is a future, else a future that has it as its result."""
    if is_future(x):
        return x
    future: asyncio.Future[object] = Future()
    future.set_result(x)
    return future


# -- several at a time -------------------------------------------------------------------------


def multi(
    children: Iterable[object] | Mapping[object, object], quiet_exceptions: Exceptions = ()
) -> LoopFuture:
    """Wait for all *children* at once; the result is a list in their order, or a dict with
    their keys.

    The first exception is the outcome, once all are done; the others are logged, unless they
    are *quiet_exceptions* or cancellations.
    """
    keys = list(children) if isinstance(children, Mapping) else None
    values = children.values() if isinstance(children, Mapping) else children
    futures = [convert_yielded(child) for child in values]
    future: LoopFuture = Future()
    unfinished = set(futures)

    def collect() -> None:
        results = []
        failure: BaseException | None = None
        for child in futures:
            try:
                results.append(child.result())
            except (Exception, asyncio.CancelledError) as error:
                if failure is None:
                    failure = error
                elif not isinstance(error, (asyncio.CancelledError, quiet_exceptions)):
                    app_log.error("Multiple exceptions in yield list", exc_info=True)
        if failure is not None:
            future_set_exception_unless_cancelled(future, failure)
        else:
            result = results if keys is None else dict(zip(keys, results, strict=True))
            future_set_result_unless_cancelled(future, result)

    def finished(child: AnyFuture) -> None:
        unfinished.discard(child)
        if not unfinished:
            collect()

    pending = [child for child in unfinished if not child.done()]
    unfinished.intersection_update(pending)
    if not pending:
        collect()
    for child in pending:
        call_when_done(future.get_loop(), child, finished)
    return future


Multi = multi_future = multi


class WaitIterator:
    """Gives the results of several futures as they come.

    ``async for result in WaitIterator(a, b)``; `current_index` (a number, or the name where
    they were passed by keyword) and `current_future` say whose it is. An exception of one is
    raised in its turn.
    """

    def __init__(self, *args: AnyFuture, **kwargs: AnyFuture) -> None:
        if args and kwargs:
            raise ValueError("You must provide args or kwargs, not both")
        named: Iterable[tuple[int | str, AnyFuture]] = kwargs.items() or enumerate(args)
        self._unfinished: dict[AnyFuture, deque[int | str]] = {}
        self._finished: deque[AnyFuture] = deque()
        self._next: LoopFuture | None = None
        self.current_index: int | str | None = None
        self.current_future: AnyFuture | None = None
        for index, future in named:
            self._unfinished.setdefault(future, deque()).append(index)
        for future in kwargs.values() or args:
            call_when_done(asyncio.get_event_loop(), future, self._on_done)

    def done(self) -> bool:
        """Tell whether all results were given."""
        if self._finished or self._unfinished:
            return False
        self.current_index = self.current_future = None
        return True

    def next(self) -> LoopFuture:
        """Return a future for the next result."""
        future: asyncio.Future[object] = Future()
        self._next = future
        if self._finished:
            self._give(self._finished.popleft())
        return future

    def _on_done(self, future: AnyFuture) -> None:
        if self._next is not None and not self._next.done():
            self._give(future)
        else:
            self._finished.append(future)

    def _give(self, future: AnyFuture) -> None:
        assert self._next is not None
        self.current_future = future
        indices = self._unfinished[future]
        self.current_index = indices.popleft()
        if not indices:
            del self._unfinished[future]
        chain_future(future, self._next)
        self._next = None

    def __aiter__(self) -> AsyncIterator[Yielded]:
        return self

    def __anext__(self) -> LoopFuture:
        if self.done():
            raise StopAsyncIteration
        return self.next()


# -- time --------------------------------------------------------------------------------------


def sleep(duration: float) -> asyncio.Future[None]:
    """Return a future that is done after *duration* seconds."""
    future: asyncio.Future[None] = Future()
    future.get_loop().call_later(max(duration, 0), future_set_result_unless_cancelled, future, None)
    return future


def with_timeout(
    timeout: float | timedelta,
    future: Yielded,
    quiet_exceptions: Exceptions = (),
    *,
    message: str | Callable[[], str] | None = None,
) -> LoopFuture:
    """Return a future with the outcome of *future* (anything that may be yielded), or with
    `TimeoutError` at *timeout*: a timedelta from now, or a time as of `time.time`.

    *message* is the error's text. What was waited for is not cancelled; an exception of it
    after that is logged, unless it is one of *quiet_exceptions*.
    """
    converted = convert_yielded(future)
    result: asyncio.Future[object] = Future()
    if converted is moment:
        converted = maybe_future(None)
    chain_future(converted, result)

    def late(done: AnyFuture) -> None:
        try:
            done.result()
        except asyncio.CancelledError:
            pass
        except Exception as error:
            if not isinstance(error, quiet_exceptions):
                app_log.error("Exception in Future %r after timeout", done, exc_info=True)

    def expire() -> None:
        if not result.done():
            text = message() if callable(message) else message
            result.set_exception(TimeoutError("Timeout" if text is None else text))
        call_when_done(result.get_loop(), converted, late)

    if isinstance(timeout, timedelta):
        delay = timeout.total_seconds()
    else:
        delay = timeout - time.time()
    timer = result.get_loop().call_later(max(delay, 0), expire)
    call_when_done(result.get_loop(), converted, lambda _: timer.cancel())
    return result
