"""A served application, as the hostile tests see it."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from hostile_wire import Wire

from waterspout.server import Server

Address = tuple[str, int]


def address_of(server: Server) -> Address:
    return "127.0.0.1", int(server.urls[0].rstrip("/").rpartition(":")[2])


class Site:
    """A served application."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self.address = address_of(server)
        self._stack = stack

    def connect(self, **options: Any) -> Wire:
        """Open a connection that is closed with the test."""
        return self._stack.enter_context(Wire(self.address, **options))

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the server's loop and return its result."""
        done = threading.Event()
        result: list[Any] = []

        def run() -> None:
            result.append(function())
            done.set()

        self.server.loop.call_soon_threadsafe(run)
        assert done.wait(20)
        return result[0]


def open_files() -> int:
    """Return the number of descriptors of this process, after a collection."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
