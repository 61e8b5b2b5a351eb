"""Drivers: how the pipeline calls a program's functions, and on which thread.

The stages (`pipeline`) are written once, as coroutines. The driver decides how user code is
called, and so where synchronous code runs:

- `SYNC`: WSGI, the synchronous test client, and worker threads of the native server
  drive the coroutine with ``send(None)``. Nothing suspends: `async def` code is run
  to its end by the app's `ensure_sync`.
- a `LoopDriver`, one for each request: native server and ASGI on the event loop. `async def` code
  is awaited, `def` functions run in the request's thread (`request_thread`), and a stage that is
  all `def` goes there as a whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..concurrency.coroutines import drive
from ..concurrency.request_thread import RequestThread
from ..typing import Argument, Coro, Function, ReturnValue
from .plan import Hook, is_async

if TYPE_CHECKING:
    from blinker import NamedSignal

    from ..interfaces import Application

T = TypeVar("T")


class Driver(Protocol):
    """How user code is called by the stages."""

    on_loop: bool

    async def call(
        self, app: Application, func: Function, /, *args: Argument, **kw: Argument
    ) -> ReturnValue:
        """Call a function of the program, `def` or `async def`, and return its result."""

    async def call_hook(self, app: Application, hook: Hook, /, *args: object) -> object:
        """Call a function of the plan."""

    async def call_io(self, app: Application, func: Callable[..., T], /, *args: object) -> T:
        """Call a synchronous function that may wait for a file or a store."""

    async def call_stage(self, stage: Coro[T]) -> T:
        """Drive a stage whose functions are all `def`, and which was given the `SYNC` driver."""

    async def send(self, app: Application, signal: NamedSignal, /, **kw: object) -> None:
        """Send a signal for *app*."""

    async def take_thread(self) -> None:
        """Wait for the thread that later `def` functions run in, before any code has run. Raises
        `NoThread`."""

    def begin(self) -> None:
        """Note that code of the program runs for the request."""


class SyncDriver:
    """Calls everything at once, in the current thread."""

    on_loop = False

    async def call(
        self, app: Application, func: Function, /, *args: Argument, **kw: Argument
    ) -> ReturnValue:
        result = app.ensure_sync(func)(*args, **kw)
        if type(result) is CoroutineType:  # of a `def`, such as a lambda
            result = app.async_to_sync(settle)(result)
        return result

    async def call_hook(self, app: Application, hook: Hook, /, *args: object) -> object:
        func, asynchronous = hook
        result = app.ensure_sync(func)(*args) if asynchronous else func(*args)
        if type(result) is CoroutineType:
            result = app.async_to_sync(settle)(result)
        return result

    async def call_io(self, app: Application, func: Callable[..., T], /, *args: object) -> T:
        return func(*args)

    async def call_stage(self, stage: Coro[T]) -> T:
        return drive(stage)

    async def take_thread(self) -> None:
        """There is one."""

    def begin(self) -> None:
        """Nothing follows from it."""

    async def send(self, app: Application, signal: NamedSignal, /, **kw: object) -> None:
        signal.send(app, _async_wrapper=app.ensure_sync, **kw)


class LoopDriver:
    """Awaits coroutines on the running loop, and runs the `def` functions of one request in its
    *thread*."""

    on_loop = True

    def __init__(self, thread: RequestThread) -> None:
        self.thread = thread

    async def call(
        self, app: Application, func: Function, /, *args: Argument, **kw: Argument
    ) -> ReturnValue:
        if is_async(func):
            self.begin()
            return await func(*args, **kw)
        result = await self.thread.run(func, *args, **kw)
        return await result if isawaitable(result) else result

    async def call_hook(self, app: Application, hook: Hook, /, *args: object) -> object:
        func, asynchronous = hook
        if asynchronous:
            self.begin()
            return await func(*args)
        result = await self.thread.run(func, *args)
        return await result if isawaitable(result) else result

    async def call_io(self, app: Application, func: Callable[..., T], /, *args: object) -> T:
        return await self.thread.run(func, *args)

    async def call_stage(self, stage: Coro[T]) -> T:
        try:
            return await self.thread.run(drive, stage)
        finally:
            stage.close()  # it may not have begun

    async def take_thread(self) -> None:
        await self.thread.take()

    def begin(self) -> None:
        self.thread.must_not_queue = True

    async def send(self, app: Application, signal: NamedSignal, /, **kw: object) -> None:
        asynchronous = [is_async(receiver) for receiver in signal.receivers_for(app)]
        if any(asynchronous):
            if not all(asynchronous):
                await self.take_thread()
            self.begin()
        await signal.send_async(app, _sync_wrapper=self._as_async, **kw)

    def _as_async(self, func: Callable[..., T]) -> Callable[..., Coro[T]]:
        async def call(*args: Argument, **kwargs: Argument) -> T:
            return await self.thread.run(func, *args, **kwargs)

        return call

    def end(self) -> None:
        """Give the request's thread back; no further call may follow."""
        self.thread.end()


SYNC = SyncDriver()


async def settle(value: Awaitable[T]) -> T:
    return await value
