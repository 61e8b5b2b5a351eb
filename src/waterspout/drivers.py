"""How the pipeline calls a program's functions: its drivers.

The stages (`pipeline`) are written once, as coroutines. The driver decides how user code is
called, and so where synchronous code runs:

- `SYNC`: WSGI, the synchronous test client, and worker threads of the native server
  drive the coroutine with ``send(None)``. Nothing suspends: `async def` code is run
  to its end by the app's `ensure_sync`.
- a `LoopDriver`: native server and ASGI on the event loop. `async def` code is awaited,
  each `def` function hops to a worker thread.

A request that goes to and fro may keep something scarce until its teardown, such as a database
connection. So hops of a later stage must not queue behind those of an earlier one, whose threads
may all be waiting for it: hooks and view, what makes the response, and what ends the request have
threads of their own (`lanes.Lanes`); hooks and view that are all `def` are one hop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .endpoint import Hook, is_async
from .lanes import Lane, Lanes

if TYPE_CHECKING:
    from blinker import NamedSignal

    from .app import App

T = TypeVar("T")


class Driver(Protocol):
    """How user code is called by the stages."""

    on_loop: bool

    @property
    def finishing(self) -> Driver:
        """The driver of error handlers and what comes after them."""

    @property
    def ending(self) -> Driver:
        """The driver of teardown functions."""

    async def call(self, app: App, func: Callable[..., Any], /, *args: Any, **kw: Any) -> Any:
        """Call a function of the program, `def` or `async def`, and return its result."""

    async def call_hook(self, app: App, hook: Hook, /, *args: Any) -> Any:
        """Call a function of the plan."""

    async def call_io(self, app: App, func: Callable[..., T], /, *args: Any) -> T:
        """Call a synchronous function that may wait for a file or a store."""

    async def send(self, app: App, signal: NamedSignal, /, **kw: Any) -> None:
        """Send a signal for *app*."""


class SyncDriver:
    """Calls everything at once, in the current thread."""

    on_loop = False

    def __init__(self) -> None:
        self.finishing = self.ending = self

    async def call(self, app: App, func: Callable[..., Any], /, *args: Any, **kw: Any) -> Any:
        result = app.ensure_sync(func)(*args, **kw)
        if type(result) is CoroutineType:  # of a `def`, such as a lambda
            result = app.async_to_sync(settle)(result)
        return result

    async def call_hook(self, app: App, hook: Hook, /, *args: Any) -> Any:
        func, asynchronous = hook
        result = app.ensure_sync(func)(*args) if asynchronous else func(*args)
        if type(result) is CoroutineType:
            result = app.async_to_sync(settle)(result)
        return result

    async def call_io(self, app: App, func: Callable[..., T], /, *args: Any) -> T:
        return func(*args)

    async def send(self, app: App, signal: NamedSignal, /, **kw: Any) -> None:
        signal.send(app, _async_wrapper=app.ensure_sync, **kw)


class LoopDriver:
    """Awaits coroutines on the running loop and sends `def` functions to *lanes*."""

    on_loop = True

    def __init__(self, lanes: Lanes, lane: Lane | None = None) -> None:
        self.lanes = lanes
        self.lane = lanes.views if lane is None else lane
        self.finishing = self if lane else LoopDriver(lanes, lanes.answers)
        self.ending = self if lane else LoopDriver(lanes, lanes.files)

    async def call(self, app: App, func: Callable[..., Any], /, *args: Any, **kw: Any) -> Any:
        if is_async(func):
            return await func(*args, **kw)
        result = await self.lane.run(func, *args, **kw)
        return await result if isawaitable(result) else result

    async def call_hook(self, app: App, hook: Hook, /, *args: Any) -> Any:
        func, asynchronous = hook
        if asynchronous:
            return await func(*args)
        result = await self.lane.run(func, *args)
        return await result if isawaitable(result) else result

    async def call_io(self, app: App, func: Callable[..., T], /, *args: Any) -> T:
        return await self.lanes.files.run(func, *args)

    async def send(self, app: App, signal: NamedSignal, /, **kw: Any) -> None:
        await signal.send_async(app, _sync_wrapper=_as_async, **kw)


SYNC = SyncDriver()


async def settle(value: Awaitable[T]) -> T:
    return await value


def _as_async(func: Callable[..., T]) -> Callable[..., Coroutine[Any, Any, T]]:
    async def call(*args: Any, **kwargs: Any) -> T:
        return func(*args, **kwargs)

    return call


def drive(stage: Coroutine[Any, Any, T]) -> T:
    """Run a stage that was given the `SYNC` driver to its end."""
    try:
        stage.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    stage.close()
    raise RuntimeError("A pipeline stage suspended in synchronous code; this is a bug.")
