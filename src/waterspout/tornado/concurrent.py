"""Tornado's ``concurrent``: the future that coroutines share, and small tools for futures.

`Future` is asyncio's own. Where a function takes a future it takes one of
`concurrent.futures` as well, unless it says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from functools import partial, wraps
from types import TracebackType
from typing import Any, TypeAlias

from .log import app_log

__all__ = [
    "FUTURES",
    "DummyExecutor",
    "Future",
    "ReturnValueIgnoredError",
    "call_when_done",
    "chain_future",
    "dummy_executor",
    "future_add_done_callback",
    "future_set_exc_info",
    "future_set_exception_unless_cancelled",
    "future_set_result_unless_cancelled",
    "is_future",
    "run_on_executor",
]

Future = asyncio.Future

#: What counts as a future.
FUTURES = (futures.Future, Future)

#: A future of the event loop, with a result that only the program knows; or of a thread, too.
LoopFuture: TypeAlias = "asyncio.Future[Any]"
AnyFuture: TypeAlias = "LoopFuture | futures.Future[Any]"
ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class ReturnValueIgnoredError(Exception):
    """A callback returned a value that nobody looks at. Kept for programs that name it."""


def is_future(x: object) -> bool:
    """Tell whether *x* is a future of asyncio or of `concurrent.futures`."""
    return isinstance(x, FUTURES)


class DummyExecutor(futures.Executor):
    """Runs what it is given at once, in the caller's thread."""

    def submit(  # type: ignore[override]  # returns a future of asyncio, as Tornado's does
        self, fn: Callable[..., object], *args: object, **kwargs: object
    ) -> LoopFuture:
        """Call *fn* and return a future that is done."""
        future: asyncio.Future[object] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        """Do nothing: nothing is left running."""


dummy_executor = DummyExecutor()


def run_on_executor(*args: Any, **kwargs: Any) -> Any:
    """Make a method run in a thread of ``self.executor`` and return a future to await.

    ``@run_on_executor(executor="_pool")`` takes the executor from another attribute.

    Raises `ValueError` for a method and keywords together.
    """
    if args and kwargs:
        raise ValueError("run_on_executor takes a method, or the keyword 'executor', not both")
    if args:
        return _on_executor("executor", *args)
    return partial(_on_executor, kwargs.get("executor", "executor"))


def _on_executor(attribute: str, method: Callable[..., object]) -> Callable[..., LoopFuture]:
    @wraps(method)
    def submit(self: object, *args: object, **kwargs: object) -> LoopFuture:
        running = getattr(self, attribute).submit(method, self, *args, **kwargs)
        future: asyncio.Future[object] = Future()
        chain_future(running, future)
        return future

    return submit


def chain_future(a: AnyFuture, b: AnyFuture) -> None:
    """Give *b* the outcome of *a* when that is done, unless *b* is done by then."""
    pass_on = partial(_pass_on, b)
    if isinstance(b, Future):
        call_when_done(b.get_loop(), a, pass_on)
    else:
        future_add_done_callback(a, pass_on)


def _pass_on(b: AnyFuture, a: AnyFuture) -> None:
    if b.done():
        return
    if a.cancelled():
        b.cancel()
    elif (error := a.exception()) is not None:
        future_set_exception_unless_cancelled(b, error)
    else:
        b.set_result(a.result())


def future_set_result_unless_cancelled(future: AnyFuture, value: object) -> None:
    """Set the result; do nothing if the future was cancelled."""
    if not future.cancelled():
        future.set_result(value)


def future_set_exception_unless_cancelled(future: AnyFuture, exc: BaseException) -> None:
    """Set the exception; log it if the future was cancelled, so that it is not lost."""
    if not future.cancelled():
        future.set_exception(exc)
    else:
        app_log.error("Exception after Future was cancelled", exc_info=exc)


def future_set_exc_info(future: AnyFuture, exc_info: ExcInfo) -> None:
    """Set the exception of ``sys.exc_info()``. Raises ValueError if there is none."""
    if exc_info[1] is None:
        raise ValueError("future_set_exc_info called with no exception")
    future_set_exception_unless_cancelled(future, exc_info[1])


def future_add_done_callback(future: AnyFuture, callback: Callable[[Any], None]) -> None:
    """Call *callback* with the future: now if it is done, else as soon as it is; if it is one of
    a thread, in that thread."""
    if future.done():
        callback(future)
    else:
        future.add_done_callback(callback)


def call_when_done(
    loop: asyncio.AbstractEventLoop, future: AnyFuture, callback: Callable[[Any], None]
) -> None:
    """Do what `future_add_done_callback` does, but always in the thread of *loop*."""
    if isinstance(future, futures.Future) and not future.done():
        callback = partial(_report, loop, callback)
    future_add_done_callback(future, callback)


def _report(
    loop: asyncio.AbstractEventLoop, callback: Callable[[object], None], future: AnyFuture
) -> None:
    with suppress(RuntimeError):  # the loop is closed, and with it whoever waited
        loop.call_soon_threadsafe(callback, future)
