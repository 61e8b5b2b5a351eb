"""Coroutines run to their end from synchronous code, on an event loop of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from types import TracebackType
from typing import Any, TypeVar, cast

__all__ = ["PrivateLoop", "on_private_loop"]

T = TypeVar("T")


class _CallersContext:
    """Stands for a `contextvars.Context`: what it runs, runs in the caller's own.

    A context cannot be entered twice, and the caller is in its context while the loop runs. In a
    copy, what the coroutine sets would have to be carried back, and tokens would not fit.
    """

    def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call *function*."""
        return function(*args, **kwargs)


_CALLERS = cast(Context, _CallersContext())


class _Loop(asyncio.SelectorEventLoop):
    """The loop of a `PrivateLoop`."""


def on_private_loop() -> bool:
    """Tell whether the running event loop was made for one call of `async def` code by `def` code
    (an async view under WSGI): nobody else waits for that loop, so the code may block it, and what
    belongs to a loop, such as a connection, would not outlive the call."""
    return isinstance(asyncio.get_running_loop(), _Loop)


class PrivateLoop:
    """An event loop that runs coroutines in the context variables of whoever calls `run`; they
    are set for the caller too. A ``with`` block closes it.

    The loop is asyncio's, whatever the process has for its servers: it asks a context for nothing
    but `run`.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=_Loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* and return its result. Raises what it raises."""
        return self._runner.run(coroutine, context=_CALLERS)

    def __enter__(self) -> PrivateLoop:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runner.close()
