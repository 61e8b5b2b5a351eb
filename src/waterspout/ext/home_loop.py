"""The event loop that a process' connections to a broker live on.

Connections belong to one loop, while they are used from everywhere: from the server's loop,
from worker threads, from WSGI servers and scripts that have no loop. So one loop is their home:
the server's where there is one, else a loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

__all__ = ["Home"]

T = TypeVar("T")
Work = Callable[[], Coroutine[object, object, T]]


class Home:
    """Runs coroutines on one loop, from any thread; *name* is the thread's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make a server's *loop* the home, unless there is one."""
        with self._lock:
            if self._known() is None:
                self._loop, self._pid = loop, os.getpid()

    def leave(self) -> None:
        """Forget the loop; end the thread, if it is ours."""
        with self._lock:
            loop, self._loop = self._known(), None
            thread, self._thread = self._thread, None
        if thread is not None and loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _known(self) -> asyncio.AbstractEventLoop | None:
        """Return the loop; none that was closed, or that stayed in the parent of a fork."""
        if self._loop is not None and (self._loop.is_closed() or self._pid != os.getpid()):
            self._loop = self._thread = None
        return self._loop

    @property
    def is_lived_in(self) -> bool:
        """Whether there is a loop already."""
        with self._lock:
            return self._known() is not None

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop; start one in a thread if there is none."""
        with self._lock:
            known = self._known()
            if known is not None:
                return known
            self._loop = loop = asyncio.new_event_loop()
            self._pid = os.getpid()
            self._thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
            self._thread.start()
            return loop

    def wait(self, work: Work[T], instead: str) -> T:
        """Run *work* and return its result, from code that may wait.

        Raises `RuntimeError` on the thread of a running event loop, with what to call *instead*.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run_coroutine_threadsafe(work(), self.loop()).result()
        raise RuntimeError(f"This would block the running event loop; use {instead!r}.")

    async def wait_async(self, work: Work[T]) -> T:
        """Run *work* and return its result, from any loop."""
        home = self.loop()
        if asyncio.get_running_loop() is home:
            return await work()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), home))


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
