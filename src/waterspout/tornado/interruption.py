"""Make the exceptions of signal handlers leave a running loop, whatever they interrupt.

uvloop keeps to itself what is raised while one of its transports calls a protocol, and there most
signals fall under load: Ctrl-C, or a handler that says `sys.exit()`, would be lost.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

__all__ = ["interruptible"]

#: Signals whose handlers may end a program by raising.
_ENDING = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip


@contextmanager
def interruptible(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Raise here what a handler of a signal raises for the first time, Python's KeyboardInterrupt
    too, when *loop* has ended its turn; what one raises after that, at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised: list[BaseException] = []

    def call(handler: Callable[..., object], number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except BaseException as error:
            if raised:
                raise
            raised.append(error)
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(loop.stop)

    before = {number: signal.getsignal(number) for number in _ENDING}
    ours = {
        number: partial(call, handler) for number, handler in before.items() if callable(handler)
    }
    for number, handler in ours.items():
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in ours.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, before[number])
    if raised:
        raise raised[0]
