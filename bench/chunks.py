"""Request bodies in chunks of one byte: what a kilobyte of them costs.

A client that sends so is rude, and must not cost more than with others. Judged are kilobytes per
second of the server's own processor time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import time

from . import peers
from .pairs import Pairs, forth_and_back
from .report import Bar, Section, markdown
from .servers import LOAD_CORE, Running, running

KIB = 1024
BODY = 128 * KIB  # bytes, each a chunk
HEAD = b"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def kilobytes(server: Running, seconds: float) -> float:
    """Return kilobytes received per second of the server's processor time."""
    request = HEAD + b"1\r\nx\r\n" * BODY + b"0\r\n\r\n"
    before = server.cpu_seconds()
    until = time.perf_counter() + seconds
    count = 0
    with socket.create_connection(("127.0.0.1", server.port), 60) as sock:
        while time.perf_counter() < until:
            sock.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n\r\n%d" % BODY):
                piece = sock.recv(4096)
                if not piece:
                    raise RuntimeError(f"{server.name}: the connection ended after {answer!r}")
                answer += piece
            count += 1
    return count * BODY / KIB / max(server.cpu_seconds() - before, 0.01)


def tiny_chunks(rounds: int, seconds: float) -> Section:
    """Measure all in turn."""
    section = Section("Request bodies in chunks of one byte")
    servers = (
        peers.waterspout("views_app"),
        peers.waterspout("tornado_app", name="Waterspout drop-in", dropin=True),
        peers.uvicorn("Starlette", "starlette_app"),
        peers.TORNADO,
    )
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(running(server)) for server in servers]
            for turn in range(rounds):
                for server in forth_and_back(started, turn):
                    found[server.name].append(kilobytes(server, seconds))
    finally:
        os.sched_setaffinity(0, everywhere)
    rows = [
        (name, f"{statistics.median(values):,.0f}", f"{1e6 / statistics.median(values):,.0f}")
        for name, values in found.items()
    ]
    table = markdown(("server", "KiB per CPU-second", "CPU µs per KiB"), rows)
    section.tables.append(f"bodies of {BODY // KIB} KiB\n\n{table}")
    views, handlers, starlette, tornado = found.values()
    section.pairs("views, against Starlette", Pairs.of(views, starlette), Bar(">=", 1))
    section.pairs("handlers, against Tornado", Pairs.of(handlers, tornado), Bar(">=", 1))
    return section
