"""Work beside and after a request, in its context: `run_in_thread` and `spawn`.

Spawned work belongs to the process, not to the request that started it: it continues when
the response is sent and when the client has gone. It sees the request's `request`, `session` and
`g` as they are, under an application context of its own, whose teardown functions
(`App.teardown_appcontext`) run when the work ends; so a database session that it opens is its
own and is closed. Those of the request have run by then.

A stopping server waits for spawned work within its grace time, then cancels it; so does the end
of the ASGI lifespan. A work that never ends belongs in `App.lifespan`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from inspect import iscoroutine
from typing import Any, TypeVar, overload

from ..context.request_context import AppContext
from ..context.variables import app_var, request_var
from ..dispatch import pipeline
from ..dispatch.drivers import SYNC, Driver, LoopDriver
from ..dispatch.plan import is_async
from ..typing import Coro, Function, OwnApp, Values
from . import async_to_sync as bridge
from .coroutines import drive
from .request_thread import RequestThread, see_through, task_in
from .thread_pools import lanes_of

__all__ = [
    "call_in_context",
    "cancel_spawned",
    "finish_spawned",
    "run_in_thread",
    "spawn",
    "spawned",
]

T = TypeVar("T")

Handle = asyncio.Task[T] | Future[T]

_logger = logging.getLogger("waterspout")

_tasks: set[asyncio.Task[object]] = set()
_threads: set[threading.Thread] = set()
#: Seconds that the end of a process without a server of ours waits for spawned work.
_PROCESS_GRACE = 10.0


async def run_in_thread(func: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """Call the `def` function *func* in a worker thread and return its result.

    `request`, `session`, `g` and every other context variable are there as they are here, and
    what it sets in them is seen afterwards. Raises what *func* raises, and 503 if a thousand
    calls wait already. A cancellation does not stop the thread.
    """
    return await lanes_of(asyncio.get_running_loop()).work.run_or_abandon(func, *args, **kwargs)


@overload
def spawn(work: Coro[T], /) -> Handle[T]: ...


@overload
def spawn(work: Callable[..., Awaitable[T]], /, *args: object, **kwargs: object) -> Handle[T]: ...


@overload
def spawn(work: Callable[..., T], /, *args: object, **kwargs: object) -> Handle[T]: ...


def spawn(work: object, /, *args: object, **kwargs: object) -> object:
    """Start *work* and go on without waiting for it: a coroutine, or a function (with its
    arguments), which runs in a worker thread unless it is ``async def``.

        @app.post("/orders")
        async def order():
            ...
            spawn(send_confirmation, order.id)
            return {"id": order.id}, 202

    On the event loop this returns an `asyncio.Task`, from a `def` view (or any other thread) a
    `concurrent.futures.Future`: to wait for it, to cancel it, or to forget. An error is logged
    in any case. Without a server of ours or ASGI, under WSGI, the work has a thread of its own.
    """
    name = getattr(work, "__qualname__", None) or repr(work)
    running = _make(work, args, kwargs)
    context, ctx = _context_for_work()
    loop = bridge.loop_here()
    if loop is None:
        return _start_thread(running, name, context, ctx)
    live = _live(running, name, context, ctx)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return bridge.start_on(loop, live, context)
    return loop.create_task(live, context=context)


def _make(work: object, args: tuple[object, ...], kwargs: Values) -> object:
    """Return a coroutine of async work; of other work a function without arguments."""
    if iscoroutine(work):
        if args or kwargs:
            work.close()
            raise TypeError("spawn() takes arguments for a function, not for a coroutine")
        return work
    if not callable(work):
        raise TypeError(f"spawn() takes a coroutine or a function, not {type(work).__name__}")
    if is_async(work):
        return work(*args, **kwargs)
    return partial(work, *args, **kwargs)


# -- on an event loop ----------------------------------------------------------------


async def _live(
    running: Any,
    name: str,
    context: contextvars.Context,
    ctx: AppContext | None,
) -> object:
    """Run work to its end as a task in *context*, a function in a thread; log its error, end its
    application context, `def` functions in the same thread."""
    task = asyncio.current_task()
    assert task is not None
    task.set_name(f"spawned {name}")
    _tasks.add(task)
    task.add_done_callback(_note_end)
    error: BaseException | None = None
    driver = LoopDriver(RequestThread(lanes_of(task.get_loop()).work, context))
    try:
        return await (running if iscoroutine(running) else driver.thread.run(running))
    except BaseException as raised:
        error = raised
        _log(name, raised, ctx)
        raise
    finally:
        driver.begin()
        try:
            if ctx is not None:
                driver.thread.must_finish = True
                await see_through(task_in(context, _end(ctx, driver, error)))
        finally:
            driver.end()


def _note_end(task: asyncio.Task[object]) -> None:
    _tasks.discard(task)
    if not task.cancelled():
        task.exception()  # it is logged; nobody has to ask for it


def spawned(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[object]]:
    """Return the tasks of spawned work that run on *loop*."""
    return [task for task in list(_tasks) if task.get_loop() is loop]


async def finish_spawned(within: float) -> None:
    """Wait for the spawned work of this loop, *within* seconds; then cancel what still runs."""
    deadline = time.monotonic() + within
    loop = asyncio.get_running_loop()
    while tasks := spawned(loop):  # a work may spawn another
        left = deadline - time.monotonic()
        if left <= 0:
            await cancel_spawned()
            return
        await asyncio.wait(tasks, timeout=left)


async def cancel_spawned(within: float = 1.0) -> None:
    """Cancel the spawned work of this loop; wait *within* seconds for its `finally` blocks."""
    tasks = spawned(asyncio.get_running_loop())
    for task in tasks:
        _logger.warning("%s did not end in time and was cancelled.", task.get_name().capitalize())
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within)


async def call_in_context(
    app: OwnApp, func: Function, args: tuple[object, ...], kwargs: Values
) -> object:
    """Do what `App.call_in_context` promises."""
    context = contextvars.Context()
    ctx = app.app_context()
    context.run(app_var.set, ctx)
    driver = LoopDriver(RequestThread(lanes_of(asyncio.get_running_loop()).work, context))

    async def call() -> object:
        error: BaseException | None = None
        try:
            return await driver.call(app, func, *args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            driver.begin()
            try:
                driver.thread.must_finish = True
                await see_through(task_in(context, _end(ctx, driver, error)))
            finally:
                driver.end()

    return await task_in(context, call())  # which is cancelled with us, and waited for


# -- in a plain thread ---------------------------------------------------------------


def _start_thread(
    running: Any,
    name: str,
    context: contextvars.Context,
    ctx: AppContext | None,
) -> Future[object]:
    future: Future[object] = Future()

    def run() -> None:
        error: BaseException | None = None
        result: object = None
        try:
            result = bridge.run_async(running) if iscoroutine(running) else running()
        except BaseException as raised:
            error = raised
            _log(name, raised, ctx)
        finally:
            if ctx is not None:
                drive(_end(ctx, SYNC, error))
            _threads.discard(thread)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    thread = threading.Thread(
        target=context.run, args=(run,), name=f"waterspout-spawned-{name}", daemon=True
    )
    _threads.add(thread)
    thread.start()
    return future


@atexit.register
def _wait_for_threads() -> None:
    deadline = time.monotonic() + _PROCESS_GRACE
    for thread in list(_threads):
        thread.join(max(deadline - time.monotonic(), 0))


# -- its context ---------------------------------------------------------------------


def _context_for_work() -> tuple[contextvars.Context, AppContext | None]:
    """Copy the context variables of now, with contexts that do not end with the request."""
    context = contextvars.copy_context()
    outer = app_var.get(None)
    if outer is None:
        return context, None
    ctx = outer.continued()
    context.run(app_var.set, ctx)
    of_request = request_var.get(None)
    if of_request is outer:
        context.run(request_var.set, ctx)
    elif of_request is not None:
        inner = of_request.continued()
        inner.borrowed = ctx
        context.run(request_var.set, inner)
    return context, ctx


async def _end(ctx: AppContext, drv: Driver, error: BaseException | None) -> None:
    app = ctx.app
    try:
        if "do_teardown_appcontext" in app.waterspout_overridden:
            await drv.call(app, app.do_teardown_appcontext, error)
        else:
            await pipeline.teardown_appcontext(app, drv, error)
    except Exception:
        app.logger.exception("Error in a teardown function")


def _log(name: str, error: BaseException, ctx: AppContext | None) -> None:
    if not isinstance(error, Exception):
        return  # cancelled
    logger = _logger if ctx is None else ctx.app.logger
    logger.error("Spawned work %s failed", name, exc_info=error)
