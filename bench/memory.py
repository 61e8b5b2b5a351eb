"""What an idle keep-alive connection costs: Python objects by tracemalloc, pages by RSS."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
from collections.abc import Iterator

from . import peers
from .report import Bar, Section, markdown
from .servers import Running, Server, running

CONNECTIONS = 2000
KIB = 1024

# NOTE: a browser's headers, as a server that keeps the last request keeps them too.
ASK = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Cookie: theme=dark; visitor=0123456789abcdef0123456789abcdef\r\n\r\n"
)


@contextlib.contextmanager
def idle(port: int, count: int) -> Iterator[None]:
    """Hold `count` connections open, each of which has had one answer."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            connection.sendall(ASK)
            answer = b""
            while not answer.endswith(b"Hello, World!"):
                piece = connection.recv(65536)
                if not piece:
                    raise RuntimeError(f"the connection was closed after {answer!r}")
                answer += piece
        yield


def per_connection(server: Server) -> tuple[float, float]:
    """Return bytes of Python objects and bytes of resident memory for each idle connection."""
    # NOTE: two starts, because tracemalloc's own books would be in the resident memory.
    with running(server) as plain, idle(plain.port, 50):
        before = plain.rss()
        with idle(plain.port, CONNECTIONS):
            resident = (plain.rss() - before) / CONNECTIONS
    watched = dataclasses.replace(server, env={**server.env, "PYTHONTRACEMALLOC": "1"})
    with running(watched) as traced, idle(traced.port, 50):
        _traced(traced)
        before = _traced(traced)
        with idle(traced.port, CONNECTIONS):
            objects = (_traced(traced) - before) / CONNECTIONS
    return objects, resident


def _traced(server: Running) -> int:
    answer = server.ask("/traced")
    if answer.status != 200:
        raise RuntimeError(f"{server.name}: /traced answered {answer.status}")
    return int(json.loads(answer.body)["traced"])


def idle_connections(rounds: int, seconds: float) -> Section:
    """Measure the memory of idle connections; one run each, as it hardly varies."""
    section = Section("Memory of an idle keep-alive connection")
    ours = peers.waterspout("views_app")
    rows = []
    for server in (ours, peers.uvicorn("Starlette", "starlette_app"), peers.BARE):
        try:
            objects, resident = per_connection(server)
        except (RuntimeError, OSError) as error:
            section.tables.append(f"{server.name} failed:\n\n```\n{error}\n```")
            objects = resident = float("nan")
        rows.append((server.name, f"{objects / KIB:.2f}", f"{resident / KIB:.2f}"))
        if server is ours:
            note = f"resident {resident / KIB:.2f} KiB"
            section.figure("Python objects", objects / KIB, Bar("<=", 8, " KiB"), note)
    head = ("server", "Python objects, KiB", "resident, KiB")
    title = f"each of {CONNECTIONS:,} connections, idle after one request"
    section.tables.insert(0, f"{title}\n\n{markdown(head, rows)}")
    return section
