"""Coroutines run to their end from synchronous code, on an event loop of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import TypeVar, TypeVarTuple, cast

from ..typing import Argument, Coro

__all__ = ["PrivateLoop", "on_private_loop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _AsItIs:
    """Stands for the context of a callback: it runs in the one that is current."""

    def run(self, function: Callable[..., T], *args: Argument, **kwargs: Argument) -> T:
        """Call *function*."""
        return function(*args, **kwargs)


_AS_IT_IS = cast(Context, _AsItIs())


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose tasks with the context `callers` run in the context of its caller.

    A context cannot be entered twice, and the caller is in its context while the loop runs. In a
    copy, what the coroutine sets would have to be carried back, and tokens would not fit.
    """

    def __init__(self) -> None:
        super().__init__()
        #: Never entered; a task wants a true context, the handles of its steps do not.
        self.callers = Context()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call *callback* in the next turn (`asyncio.loop.call_soon`)."""
        if context is self.callers:
            context = _AS_IT_IS
        return super().call_soon(callback, *args, context=context)


def on_private_loop() -> bool:
    """Tell whether the running event loop was made for one call of `async def` code by `def` code
    (an async view under WSGI): nobody else waits for that loop, so the code may block it, and what
    belongs to a loop, such as a connection, would not outlive the call."""
    return isinstance(asyncio.get_running_loop(), _Loop)


class PrivateLoop:
    """An event loop that runs coroutines in the context variables of the caller of `run`; they
    are set for the caller too. A ``with`` block closes it.

    The loop is asyncio's, whatever the process has for its servers: how it runs a callback can be
    changed.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=_Loop)

    def run(self, coroutine: Coro[T]) -> T:
        """Run *coroutine* and return its result. Raises what it raises."""
        loop = cast(_Loop, self._runner.get_loop())
        return self._runner.run(coroutine, context=loop.callers)

    def __enter__(self) -> PrivateLoop:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runner.close()
