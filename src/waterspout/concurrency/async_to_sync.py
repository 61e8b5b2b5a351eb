"""Run `async def` code from `def` code.

In a worker thread of our server or of the ASGI gateway, the coroutine runs on that
server's own loop, so that clients and tasks made there are shared with `async def`
views. In a plain thread (WSGI, scripts, tests) it runs on a private loop that is
closed afterwards. Context variables are the caller's, and what the coroutine sets
is seen by the caller. NOTE: in a worker thread the coroutine runs in a copy of the
context, which the thread is in: a token of a `ContextVar` belongs to one of the two.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial, wraps
from typing import TypeVar

from ..typing import Coro
from .private_loop import PrivateLoop

T = TypeVar("T")

_MISSING: object = object()
_thread = threading.local()


def serve_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Let coroutines called from the current thread run on *loop*."""
    _thread.loop = loop


def loop_here() -> asyncio.AbstractEventLoop | None:
    """Return the loop that coroutines started here run on: the running one, or in a worker
    thread the server's; None in a plain thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        loop: asyncio.AbstractEventLoop | None = getattr(_thread, "loop", None)
        return None if loop is None or loop.is_closed() else loop


def adopt(context: contextvars.Context, before: contextvars.Context) -> None:
    """Take over what was set in *context*, a copy of the current one, since it was as *before*."""
    # Not what was set here meanwhile: the current context may have been entered by others.
    for var, value in context.items():
        if before.get(var, _MISSING) is not value:
            var.set(value)


def run_async(coroutine: Coro[T]) -> T:
    """Run *coroutine* to its end from synchronous code and return its result.

    Raises `RuntimeError` on a thread whose event loop is running: the loop would wait
    for itself.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise RuntimeError(
            "You cannot call async code synchronously from the thread of a running event"
            " loop: it would wait for itself. Use 'await' instead."
        )
    loop = loop_here()
    if loop is None:
        with PrivateLoop() as private:
            return private.run(coroutine)
    context = contextvars.copy_context()
    before = context.copy()
    result = start_on(loop, coroutine, context).result()
    adopt(context, before)
    return result


def start_on(
    loop: asyncio.AbstractEventLoop, coroutine: Coro[T], context: contextvars.Context
) -> Future[T]:
    """Run *coroutine* in *context* as a task of *loop*, from another thread."""
    future: Future[T] = Future()

    def finish(task: asyncio.Task[T]) -> None:
        if task.cancelled():
            future.cancel()
        elif future.cancelled():
            return
        elif (error := task.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())

    def start() -> None:
        task = loop.create_task(coroutine, context=context)
        task.add_done_callback(finish)
        future.add_done_callback(partial(_cancel_too, loop, task))

    loop.call_soon_threadsafe(start)
    return future


def _cancel_too(
    loop: asyncio.AbstractEventLoop, task: asyncio.Task[object], future: Future[object]
) -> None:
    if future.cancelled() and not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)


def async_to_sync(func: Callable[..., Coro[T]]) -> Callable[..., T]:
    """Return a synchronous function that runs the coroutine function *func*."""

    @wraps(func)
    def wrapper(*args: object, **kwargs: object) -> T:
        return run_async(func(*args, **kwargs))

    return wrapper
