"""WebSocket echo of 64-byte text messages: our two ways, Tornado, and ``websockets``.

    python -m bench.websockets [--duration 3] [--rounds 3] [--connections 20] [--window 16]

The client is a few raw sockets that send windows of frames masked beforehand and wait for the
echo of a window, so it costs little; it runs on a core of its own. Besides messages a second the
table shows messages per second of the server's own processor time, which is what counts on a
machine that is shared.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import statistics
import sys
import time
from dataclasses import dataclass

from .servers import LOAD_CORE, Running, Server, running

SIZE = 64
#: At least so many times Tornado's messages per second of processor time.
BAR = 4.0
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PROGRAM = "bench.programs.echo_sockets"
NAMES = ("function", "handler", "tornado", "websockets")


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
    echo(server.port, Load(load.connections, load.window, 0.5))
    before = server.cpu_seconds()
    count, seconds = echo(server.port, load)
    return count / seconds, count / max(server.cpu_seconds() - before, 0.01)


def main() -> int:
    """Measure and print a table; the exit status is 1 below the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--window", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    below = 0
    for window in options.window:
        load = Load(options.connections, window, options.duration)
        rates: dict[str, list[float]] = {name: [] for name in NAMES}
        costs: dict[str, list[float]] = {name: [] for name in NAMES}
        for _ in range(options.rounds):
            for name in NAMES:
                argv = (sys.executable, "-m", PROGRAM, name, "{port}")
                with running(Server(name, argv)) as server:
                    rate, per_cpu = measure(server, load)
                rates[name].append(rate)
                costs[name].append(per_cpu)
        peer = statistics.median(costs["tornado"])
        print(f"\n{options.connections} connections, windows of {window}")
        for name in NAMES:
            per_cpu = statistics.median(costs[name])
            rate = statistics.median(rates[name])
            print(f"{name:<12} {rate:>9,.0f}/s {per_cpu:>9,.0f}/cpu-s {per_cpu / peer:5.1f} x")
            below += name in ("function", "handler") and per_cpu < BAR * peer
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
