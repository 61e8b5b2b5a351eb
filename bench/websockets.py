"""WebSocket echo of 64-byte text messages: our two ways, Tornado, and ``websockets``.

The client is a few raw sockets that send windows of frames masked beforehand and wait for the
echo of a window, so it costs little; it runs on a core of its own. Judged are messages per second
of the server's own processor time: a window of one message leaves every server idle in between.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .pairs import Pairs, forth_and_back
from .report import Bar, Section, markdown
from .servers import LOAD_CORE, Running, Server, running
from .throughput import WARM_UP

SIZE = 64
CONNECTIONS = 20
WINDOWS = (1, 16)
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PROGRAM = "bench.programs.echo_sockets"
NAMES = {
    "function": "Waterspout, @app.websocket",
    "handler": "Waterspout, WebSocketHandler",
    "tornado": "Tornado / uvloop",
    "websockets": "websockets / uvloop",
}


@dataclass(frozen=True)
class Load:
    """How much a client sends."""

    connections: int
    window: int
    duration: float


def frame(size: int) -> bytes:
    """Return a masked text frame of *size* bytes, at most 125."""
    mask = b"\x01\x02\x03\x04"
    payload = bytes(97 ^ mask[n % 4] for n in range(size))
    return bytes((0x81, 0x80 | size)) + mask + payload


def connect(port: int) -> socket.socket:
    """Return an open WebSocket."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(HANDSHAKE)
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(4096)
    if not head.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"no WebSocket: {head[:80]!r}")
    return sock


def echo(port: int, load: Load) -> tuple[int, float]:
    """Return how many messages came back, and in how many seconds."""
    out = frame(SIZE) * load.window
    expected = (SIZE + 2) * load.window
    missing: dict[socket.socket, int] = {}
    selector = selectors.EpollSelector()
    for _ in range(load.connections):
        sock = connect(port)
        selector.register(sock, selectors.EVENT_READ)
        sock.sendall(out)
        missing[sock] = expected
    windows = 0
    begun = time.perf_counter()
    until = begun + load.duration
    while (now := time.perf_counter()) < until:
        for key, _ in selector.select(1):
            sock = key.fileobj  # type: ignore[assignment]  # a socket, always
            missing[sock] -= len(sock.recv(65536))
            if missing[sock] == 0:
                windows += 1
                sock.sendall(out)
                missing[sock] = expected
    for sock in missing:
        sock.close()
    return windows * load.window, now - begun


def measure(server: Running, load: Load) -> tuple[float, float]:
    """Return messages per second, and per second of the server's processor time."""
    before = server.cpu_seconds()
    count, seconds = echo(server.port, load)
    return count / seconds, count / max(server.cpu_seconds() - before, 0.01)


def sockets(rounds: int, seconds: float) -> Section:
    """Measure the four servers in turn, with small and large windows."""
    section = Section("WebSocket echo of 64-byte messages")
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with contextlib.ExitStack() as stack:
            servers = {name: stack.enter_context(running(_server(name))) for name in NAMES}
            for window in WINDOWS:
                _window(section, servers, Load(CONNECTIONS, window, seconds), rounds)
    finally:
        os.sched_setaffinity(0, everywhere)
    return section


def _server(name: str) -> Server:
    return Server(name, (sys.executable, "-m", PROGRAM, name, "{port}"))


def _window(section: Section, servers: Mapping[str, Running], load: Load, rounds: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in NAMES}
    per_cpu: dict[str, list[float]] = {name: [] for name in NAMES}
    for turn in range(rounds):
        for name in forth_and_back(list(NAMES), turn):
            if turn == 0:
                measure(servers[name], replace(load, duration=WARM_UP))
            rate, by_cpu = measure(servers[name], load)
            rates[name].append(rate)
            per_cpu[name].append(by_cpu)
            time.sleep(0.1)  # let the closed connections be cleared away
    median = statistics.median
    rows = [
        (NAMES[name], f"{median(rates[name]):,.0f}", f"{median(per_cpu[name]):,.0f}")
        for name in NAMES
    ]
    title = f"{load.connections} connections, windows of {load.window}"
    table = markdown(("server", "messages/s", "messages per CPU-second"), rows)
    section.tables.append(f"{title}\n\n{table}")
    for name in ("function", "handler"):
        websockets = Pairs.of(per_cpu[name], per_cpu["websockets"])
        section.pairs(
            f"{name}, windows of {load.window}, against Tornado, per CPU-second",
            Pairs.of(per_cpu[name], per_cpu["tornado"]),
            Bar(">=", 4),
            f"against websockets {websockets.median():.2f}",
        )
