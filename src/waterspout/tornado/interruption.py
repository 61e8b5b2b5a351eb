"""Ctrl-C while a loop runs: KeyboardInterrupt comes out of the loop, whatever it interrupts."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interruptible"]


@contextmanager
def interruptible(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let the first SIGINT raise KeyboardInterrupt between two callbacks of *loop*, the second one
    at once, unless the program handles the signal.

    NOTE: uvloop keeps to itself what is raised while a protocol of its own takes bytes, where
    Python's handler raises most often under load.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    interrupt: asyncio.Handle | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupt
        if interrupt is not None:
            signal.default_int_handler(number, frame)
        interrupt = loop.call_soon_threadsafe(_raise_interrupt)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
        if interrupt is not None:  # the loop was stopped before its turn
            raise KeyboardInterrupt
    finally:
        if interrupt is not None:
            interrupt.cancel()
        if signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _raise_interrupt() -> None:
    raise KeyboardInterrupt
