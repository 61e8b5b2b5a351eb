"""Coroutines that never suspend, run to their end by `def` code.

What a battery does for both kinds of code is written once, as coroutines over what it asks; `def`
code gives them something that waits in its thread instead of suspending.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["drive"]

T = TypeVar("T")


def drive(work: Coroutine[Any, object, T]) -> T:
    """Run *work* to its end and return its result.

    Raises `RuntimeError` if it suspends.
    """
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("A coroutine suspended in synchronous code; this is a bug.")
