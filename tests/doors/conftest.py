"""The doors: every server once a session, the clients, all behind one fixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import doors_app
import pytest
from doors_client import AsyncClientDoor, ClientDoor, Door, SocketDoor
from doors_servers import COMMANDS, ServerProcess

#: What no server may write, whatever it is asked for.
BAD_LINES = (
    "ASGI callable returned without",
    "Exception in ASGI application",
    "Exception in callback",
    "ResourceWarning: unclosed",
    "was never awaited",
    "was never retrieved",
)

DOORS = (*COMMANDS, "client", "async-client")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], int]]:
    """Start a server when it is first asked for; return its port."""
    folder: Path = tmp_path_factory.mktemp("doors")
    started: dict[tuple[str, str], ServerProcess] = {}

    def port(kind: str, name: str) -> int:
        server = started.get((kind, name))
        if server is None:
            server = started[kind, name] = ServerProcess(kind, name, folder)
        return server.port

    yield port
    outputs = {key: server.stop() for key, server in started.items()}
    bad = [
        f"{key}: {line}"
        for key, output in outputs.items()
        for line in output.splitlines()
        if any(words in line for words in BAD_LINES) and "gunicorn/arbiter.py" not in line
    ]
    assert bad == []


@pytest.fixture(params=DOORS)
def door_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_door(door_name: str, servers: Callable[[str, str], int]) -> Callable[[str], Door]:
    """Return this door of the application of that name."""

    def open_door(name: str) -> Door:
        if door_name == "client":
            return ClientDoor(getattr(doors_app, name))
        if door_name == "async-client":
            return AsyncClientDoor(getattr(doors_app, name))
        return SocketDoor(door_name, servers(door_name, name))

    return open_door


@pytest.fixture
def door(open_door: Callable[[str], Door]) -> Door:
    return open_door("app")
