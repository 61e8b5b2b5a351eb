"""Actions before an event loop stops.

asyncio runs no callback of a later turn after `stop`, and has no hook for it. So `stop` is replaced
on the object; programs, `asyncio.run` and Tornado's `IOLoop.stop` call it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

__all__ = ["at_stop", "forget_stop"]

#: Returns True if the loop should run for another turn, because bytes are on their way.
Action = Callable[[], object]

#: Most turns that a loop still runs.
_MAX_TURNS = 100
#: Turns after which each further one waits, for what threads have to do meanwhile: in seconds.
_QUICK_TURNS = 20
_WAIT = 0.002


class _Stop:
    """A loop's `stop`, and the actions before it."""

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
                    if self._turns <= _QUICK_TURNS:
                        self._loop.call_soon(self)
                    else:
                        self._loop.call_later(_WAIT, self)
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
