"""The application's start and stop: hooks and lifespan contexts, once per process.

Theory of operation.  Everything runs in ONE task of its own, which sleeps between start and
stop: a context manager is left by the task that entered it, as task groups and cancel scopes
require, and context variables set at the start are there at the stop.  The order:

    start   lifespan contexts are entered, then startup hooks run, both as registered
    stop    shutdown hooks run in reverse, then the contexts are left in reverse

`def` hooks run in a worker thread, `async def` hooks on the loop.  `current_app` works in all of
them; the teardown functions of the application context run at the end of each phase.

Applications mounted in the application start after it, one by one, and stop before it.

A failing start undoes what was entered and is a `StartupError`.  A failing stop hook is logged,
and the others still run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import copy_context
from inspect import isasyncgen, isawaitable, isgenerator
from typing import Any

from ..concurrency.request_thread import RequestThread
from ..concurrency.thread_pools import Lanes
from ..context.variables import app_var
from ..dispatch.drivers import LoopDriver
from ..dispatch.pipeline import teardown_appcontext
from ..dispatch.plan import is_async
from ..typing import Argument, Function, OwnApp
from .mounts import family

_logger = logging.getLogger("waterspout.server")


class StartupError(RuntimeError):
    """A startup hook or lifespan context failed; the cause is the original exception."""


class Lifespan:
    """Runs one application's hooks on the current loop.

    Applications without hooks (anything that lacks the attributes) start and stop at once.
    """

    def __init__(self, app: OwnApp, lanes: Lanes) -> None:
        self._app = app
        self._lanes = lanes
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._current = "startup"

    @property
    def has_hooks(self) -> bool:
        """Whether there is anything to run at the start or the stop."""
        names = (
            "waterspout_lifespan_funcs",
            "waterspout_startup_funcs",
            "waterspout_shutdown_funcs",
        )
        return any(getattr(app, name, ()) for app in family(self._app) for name in names)

    async def startup(self) -> None:
        """Run the start hooks.  Raises `StartupError`."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(started), name="waterspout-lifespan")
        try:
            await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops while a hook runs
            self._task.cancel()
            await asyncio.wait({self._task})
            raise
        if not started.done():
            started.cancel()
            failure = self._task.exception()
            self._task = None
            raise StartupError(
                f"The application did not start: {self._current} failed."
            ) from failure

    async def shutdown(self, within: float | None = None) -> None:
        """Run the stop hooks; after `within` seconds what still runs is cancelled and named."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stop.set()
        _, late = await asyncio.wait({task}, timeout=within)
        if late:
            _logger.error("%s did not end in time and was cancelled.", self._current)
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
        elif not task.cancelled() and (failure := task.exception()) is not None:
            _logger.error("%s failed.", self._current, exc_info=failure)

    async def _live(self, started: asyncio.Future[None]) -> None:
        apps = family(self._app)
        async with AsyncExitStack() as contexts:
            for app in apps:
                await self._begin(app, contexts)
            if not started.done():
                started.set_result(None)
            await self._stop.wait()
            for app in reversed(apps):
                await self._end(app)
            self._current = "The end of a lifespan context"

    async def _begin(self, app: object, contexts: AsyncExitStack) -> None:
        makers = tuple(getattr(app, "waterspout_lifespan_funcs", ()))
        starting = tuple(getattr(app, "waterspout_startup_funcs", ()))
        async with self._app_context(app, makers or starting):
            for make in makers:
                self._current = f"lifespan {_name(make)}"
                await contexts.enter_async_context(self._context(make(app)))
            for hook in starting:
                self._current = f"startup hook {_name(hook)}"
                await self._call(hook)

    async def _end(self, app: object) -> None:
        stopping = tuple(getattr(app, "waterspout_shutdown_funcs", ()))
        async with self._app_context(app, stopping):
            for hook in reversed(stopping):
                self._current = f"Shutdown hook {_name(hook)}"
                try:
                    await self._call(hook)
                except Exception:
                    _logger.exception("%s failed.", self._current)

    async def _call(self, hook: Function) -> None:
        if is_async(hook):
            await hook()
            return
        result = await self._lanes.files.run(hook)
        if isawaitable(result):
            await result

    @asynccontextmanager
    async def _app_context(self, app: OwnApp, hooks: tuple[object, ...]) -> AsyncIterator[None]:
        """Make `current_app` work for the *hooks* of one phase, and run the teardown functions at
        its end. Without hooks nothing runs: a program written for Flask expects none."""
        if not hooks or not hasattr(app, "app_context"):
            yield
            return
        # NOTE: not pushed and popped: `pop` runs teardown functions in this thread, the loop's.
        token = app_var.set(app.app_context())
        error: BaseException | None = None
        try:
            yield
        except BaseException as ex:
            error = ex
            raise
        finally:
            driver = LoopDriver(RequestThread(self._lanes.files, copy_context()))
            try:
                await teardown_appcontext(app, driver, error)
            finally:
                driver.end()
                app_var.reset(token)

    @asynccontextmanager
    async def _context(self, made: Any) -> AsyncIterator[None]:
        """Enter what a lifespan function returned: a context manager or a generator, of either
        kind; the synchronous ones in a worker thread."""
        if isasyncgen(made):
            made = asynccontextmanager(lambda: made)()
        elif isgenerator(made):
            made = contextmanager(lambda: made)()
        if hasattr(made, "__aenter__"):
            async with made:
                yield
        elif hasattr(made, "__enter__"):
            async with AsyncExitStack() as stack:
                await self._lanes.files.run(made.__enter__)
                stack.push_async_exit(self._leaver(made))
                yield
        else:
            raise TypeError(
                f"A lifespan function returned {made!r}; expected a context manager or a"
                " generator with one 'yield'."
            )

    def _leaver(self, made: Any) -> Function:
        async def leave(
            *exc: Argument,
        ) -> bool | None:
            result: bool | None = await self._lanes.files.run(made.__exit__, *exc)
            return result

        return leave


def _name(hook: object) -> str:
    name = getattr(hook, "__qualname__", None) or repr(hook)
    return f"{getattr(hook, '__module__', '?')}.{name}"
