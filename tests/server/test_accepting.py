"""Connections beyond the limit wait in the kernel; a full descriptor table is no disaster."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from served_app import app
from server_process import Start

from waterspout import App
from waterspout.server import ServerSettings, serve_in_thread

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def connect(clients: ExitStack, port: int) -> socket.socket:
    return clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=15))


def ask(sock: socket.socket) -> bytes:
    sock.sendall(ASK)
    return sock.recv(4096)


def test_connections_above_the_limit_wait_for_room(
    clients: ExitStack, loop_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All that are open are being answered: the next waits, and one line in the log says so."""
    held = App("held")
    answer = asyncio.Event()

    @held.get("/")
    async def view() -> str:
        await answer.wait()
        return "held"

    with serve_in_thread(held, limits={"max_connections": 5}, loop=loop_name) as server:
        port = int(server.urls[0].rpartition(":")[2])
        inside = [connect(clients, port) for _ in range(5)]
        for sock in inside:
            sock.sendall(ASK)
        while len(server.connections) < 5:
            time.sleep(0.01)
        waiting = connect(clients, port)
        waiting.sendall(ASK)
        while not reported(caplog):
            time.sleep(0.01)
        assert len(server.connections) == 5
        inside[0].close()
        while len(server.connections) < 5:  # it has left, and the one that waited has come
            time.sleep(0.01)
        server.loop.call_soon_threadsafe(answer.set)
        assert b"200 OK" in waiting.recv(4096)
        for sock in inside[1:]:
            assert b"200 OK" in sock.recv(4096)
    assert len(reported(caplog)) == 1


def reported(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.message for r in caplog.records if "limit of connections is met" in r.message]


def test_idle_connections_are_given_up_for_new_ones(clients: ExitStack, loop_name: str) -> None:
    """Who opens connections and does not use them keeps nobody out."""
    with serve_in_thread(app, limits={"max_connections": 5}, loop=loop_name) as server:
        port = int(server.urls[0].rpartition(":")[2])
        silent = [connect(clients, port) for _ in range(2)]
        used = [connect(clients, port) for _ in range(3)]
        for sock in used:
            assert b"200 OK" in ask(sock)
        for _ in range(10):  # more than there is room for, one after the other
            assert b"200 OK" in ask(connect(clients, port))
        for sock in [*silent, *used]:
            assert sock.recv(1) == b""


def test_a_full_descriptor_table_pauses_accepting(
    clients: ExitStack, loop_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No spinning, one line in the log, and it recovers by itself."""
    settings = ServerSettings(port=0, loop=loop_name)
    with caplog.at_level(logging.WARNING), serve_in_thread(app, settings) as server:
        port = int(server.urls[0].rpartition(":")[2])
        first = connect(clients, port)
        assert b"200 OK" in ask(first)
        waiting = socket.socket()
        clients.enter_context(waiting)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (_used_descriptors(), before[1]))
        try:
            waiting.settimeout(15)
            waiting.connect(("127.0.0.1", port))
            waiting.sendall(ASK)
            waiting.settimeout(1.2)
            used = time.process_time()
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            assert time.process_time() - used < 0.6  # a spinning loop would use all of it
            assert b"200 OK" in ask(first)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        waiting.settimeout(15)
        assert b"200 OK" in waiting.recv(4096)
    lines = [record for record in caplog.records if "Accepting pauses" in record.message]
    assert len(lines) == 1


def _used_descriptors() -> int:
    """Return the lowest free descriptor: with this limit nothing more can be opened."""
    with socket.socket() as probe:
        return probe.fileno()


def test_a_flood_beyond_the_descriptor_limit_is_served_in_turn(
    start: Start, clients: ExitStack
) -> None:
    """400 clients, 256 descriptors; every one gets its answer once others leave."""
    program = start(
        source="import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "from waterspout.server import serve\nserve('served_app:app', port=0)\n"
    )
    port = program.port()
    flood = [connect(clients, port) for _ in range(400)]
    for sock in flood:
        sock.sendall(ASK)
    for sock in flood:
        assert b"200 OK" in sock.recv(4096)
        sock.close()
    assert "Traceback" not in program.output


def test_the_soft_descriptor_limit_is_raised(start: Start) -> None:
    """10 000 connections do not fit into the usual 1024 descriptors."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("the hard limit is too low here")
    program = start(
        source="import resource\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (1024, {hard}))\n"
        "from waterspout import App\nfrom waterspout.server import serve\napp = App(__name__)\n"
        "@app.on_startup\n"
        "def show(): print('note:', resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True)\n"
        "serve(app, port=0)\n"
    )
    program.port()
    assert int(program.notes()[0]) >= 4096
