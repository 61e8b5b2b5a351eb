"""What is done when an event loop is told to stop.

asyncio runs no callback of a later turn then, and has no hook for it. So `stop` is replaced on the
object: it is what programs, `asyncio.run` and Tornado's `IOLoop.stop` call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

__all__ = ["at_stop", "forget_stop"]

#: Returns True if the loop is to go on for a turn, because something is on its way.
Action = Callable[[], object]

#: Turns that a loop goes on for at the most; who needs more waits for its client.
_MAX_TURNS = 100


class _Stop:
    """A loop's `stop`, and what is done before it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.actions: list[Action] = []
        self._loop = loop
        self._stop = loop.stop
        self._turns = 0

    def __call__(self) -> None:
        with suppress(RuntimeError):  # no loop runs in this thread
            if asyncio.get_running_loop() is self._loop:
                waits = [action() is True for action in tuple(self.actions)]
                if any(waits) and self._turns < _MAX_TURNS:
                    self._turns += 1
                    self._loop.call_soon(self)
                    return
        self._turns = 0
        self._stop()


def at_stop(loop: asyncio.AbstractEventLoop, action: Action) -> None:
    """Call *action* each time *loop* is told to stop from its own thread, before it does."""
    if not isinstance(loop.stop, _Stop):
        try:
            loop.stop = _Stop(loop)  # type: ignore[method-assign]
        except AttributeError:  # a loop whose methods cannot be replaced
            return
    assert isinstance(loop.stop, _Stop), "it is now"
    loop.stop.actions.append(action)


def forget_stop(loop: asyncio.AbstractEventLoop, action: Action) -> None:
    """Undo one `at_stop`."""
    if isinstance(loop.stop, _Stop) and action in loop.stop.actions:
        loop.stop.actions.remove(action)
