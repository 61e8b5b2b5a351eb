"""Servers in a thread, on a real port, for the hostile tests."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hostile_app import Seen, echo_app
from hostile_wire import Wire

from waterspout.server import Server, ServerSettings, serve_in_thread

Address = tuple[str, int]

#: The event loop of the servers here; both have been through all of it.
LOOP = os.environ.get("HOSTILE_LOOP", "auto")


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


Serve = Callable[..., Site]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an application until the test ends; settings as `ServerSettings` takes them."""
    with ExitStack() as stack:

        def start(app: Any, **changes: Any) -> Site:
            settings = (
                ServerSettings(port=0, loop=LOOP)
                .evolve(timeouts={"graceful": 2.0})
                .evolve(**changes)
            )
            server = stack.enter_context(serve_in_thread(app, settings))
            return Site(server, stack)

        yield start


@pytest.fixture(scope="session")
def echo_server() -> Iterator[tuple[Address, Seen]]:
    """One server for all the vectors: what one of them breaks, the next finds."""
    app, seen = echo_app()
    with serve_in_thread(app, ServerSettings(port=0, loop=LOOP)) as server:
        yield address_of(server), seen


@pytest.fixture
def echo(echo_server: tuple[Address, Seen]) -> tuple[Address, Seen]:
    """The address of a server that echoes, and what its views saw in this test."""
    echo_server[1].clear()
    return echo_server


def open_files() -> int:
    """Return the number of descriptors of this process, after a collection."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
