"""How the pipeline calls a program's functions: its drivers.

The stages (`pipeline`) are written once, as coroutines. The driver decides how user code is
called, and so where synchronous code runs:

- `SYNC`: WSGI, the synchronous test client, and worker threads of the native server
  drive the coroutine with ``send(None)``. Nothing suspends: `async def` code is run
  to its end by the app's `ensure_sync`.
- a `LoopDriver`: native server and ASGI on the event loop. `async def` code is awaited,
  each `def` function hops to a worker thread.

A request that goes to and fro may keep something scarce until its teardown, such as a database
connection, and must not wait for a thread behind requests whose threads all wait for that very
thing. So its hooks and view have one thread from the first `def` function to the last
(`LoopDriver.staying`; all at once where they are all `def`), and what makes the response and what
ends the request have threads of their own (`lanes.Lanes`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from copy import copy
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .endpoint import Hook, is_async
from .lanes import KeptThread, Lane, Lanes

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
    finishing: LoopDriver
    ending: LoopDriver

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.lane: Lane | KeptThread = lanes.views
        self.io = lanes.files
        self.finishing = self._beside(lanes.answers, lanes.answers)
        self.ending = self.finishing.ending = self._beside(lanes.ends, lanes.ends)
        self.finishing.finishing = self.finishing
        self.ending.finishing = self.ending.ending = self.ending

    def _beside(self, lane: Lane | KeptThread, io: Lane) -> LoopDriver:
        driver = copy(self)
        driver.lane = lane
        driver.io = io
        return driver

    @contextmanager
    def staying(self, calls: int) -> Iterator[LoopDriver]:
        """Give a driver that makes the next *calls* calls of `def` functions in one thread."""
        thread = KeptThread(self.lanes.views, calls)
        try:
            yield self._beside(thread, self.io)
        finally:
            thread.end()

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
        return await self.io.run(func, *args)

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
