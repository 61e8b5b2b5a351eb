"""Drive a coroutine by hand: its first step at once, the rest when it is awaited."""

from __future__ import annotations

from collections.abc import Generator
from types import coroutine
from typing import Any, TypeVar

from ..typing import Coro

__all__ = ["begin", "drive", "go_on"]

T = TypeVar("T")


def drive(work: Coro[T]) -> T:
    """Run *work*, which waits for nothing, to its end, and return its result.

    So what both kinds of code do is written once, as coroutines over what waits for them: `def`
    code gives them something that waits in its thread.

    Raises `RuntimeError` if it suspends.
    """
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("A coroutine suspended in synchronous code; this is a bug.")


@coroutine
def begin() -> Generator[None, None, None]:
    """Suspend once. NOTE: a coroutine that has not begun is not run at all if its task is cancelled
    first; so it awaits this, and is begun by hand before there is a task."""
    yield


@coroutine
def go_on(
    work: Generator[Any, Any, None] | Coro[None],
    awaited: object,
    error: BaseException | None = None,
) -> Generator[Any, Any, None]:
    """Await the rest of *work*, whose first step has come to wait for *awaited*; *error* is
    thrown into it first."""
    value: object = None
    try:
        if error is not None:
            awaited = work.throw(error)
        while True:
            try:
                value = yield awaited
            except BaseException as thrown:
                awaited = work.throw(thrown)
            else:
                awaited = work.send(value)
    except StopIteration:
        return
