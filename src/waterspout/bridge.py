"""Async code called from synchronous code.

In a worker thread of our server or of the ASGI door, the coroutine runs on that
server's own loop, so that clients and tasks made there are shared with `async def`
views. In a plain thread (WSGI, scripts, tests) it runs on a private loop that is
closed afterwards. Context variables are the caller's, and what the coroutine sets
is seen by the caller.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_thread = threading.local()


def serve_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Let coroutines called from the current thread run on *loop*."""
    _thread.loop = loop


def adopt(context: contextvars.Context) -> None:
    """Take over what was set in *context*, a copy of the current one."""
    for var, value in context.items():
        try:
            if var.get() is value:
                continue
        except LookupError:
            pass
        var.set(value)


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
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
    context = contextvars.copy_context()
    loop: asyncio.AbstractEventLoop | None = getattr(_thread, "loop", None)
    if loop is None or loop.is_closed():
        with asyncio.Runner() as runner:
            result = runner.run(coroutine, context=context)
    else:
        result = _on_loop(loop, coroutine, context)
    adopt(context)
    return result


def _on_loop(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], context: contextvars.Context
) -> T:
    future: Future[T] = Future()

    def finish(task: asyncio.Task[T]) -> None:
        if task.cancelled():
            future.cancel()
        elif (error := task.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())

    def start() -> None:
        loop.create_task(coroutine, context=context).add_done_callback(finish)

    loop.call_soon_threadsafe(start)
    return future.result()


def async_to_sync(func: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
    """Return a synchronous function that runs the coroutine function *func*."""

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        return run_async(func(*args, **kwargs))

    return wrapper
