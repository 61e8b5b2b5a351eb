"""Servers in a thread, on a real port, for the hostile tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hostile_app import Seen, echo_app
from hostile_site import Address, Site, address_of

from waterspout.server import ServerSettings, serve_in_thread

#: The event loop of the servers here; both have been through all of it.
LOOP = os.environ.get("HOSTILE_LOOP", "auto")

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
