"""Messages to a room of 1,000 WebSockets in two workers over Redis: ours, and Flask-SocketIO's.

The client reads raw frames and counts a mark that ends each message; it runs on a core of its own,
the two workers share the other. A message counts when all sockets have it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator

from .pairs import Pairs, forth_and_back
from .report import Section, markdown
from .servers import LOAD_CORE, Running, Server, running

SOCKETS = 1000
WORKERS = 2
SIZE = 64
REDIS = os.environ.get("BENCH_REDIS", "redis://127.0.0.1:6379/9")
NAMES = {
    "waterspout": "Waterspout, ext.rooms",
    "socketio": "Flask-SocketIO / gevent, message_queue",
}
PATHS = {"waterspout": "/room", "socketio": "/socket.io/?EIO=4&transport=websocket"}
#: Messages in one burst: about a second of each.
BURST = {"waterspout": 200, "socketio": 20}
LIMIT = 60.0
#: Socket.IO's "connect to the default namespace", as a masked text frame.
_JOIN = b"\x81\x82\x00\x00\x00\x0040"


def connect(name: str, port: int) -> socket.socket:
    """Return a WebSocket that has joined the room."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    sock.sendall(
        f"GET {PATHS[name]} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += sock.recv(4096)
    if not heard.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"no WebSocket: {heard[:80]!r}")
    if name == "socketio":
        sock.sendall(_JOIN)
    heard = heard.partition(b"\r\n\r\n")[2]
    while b"~" not in heard:
        heard += sock.recv(4096)
    return sock


class Room:
    """The two workers of one kind, and all sockets."""

    def __init__(self, name: str, workers: list[Running], sockets: list[socket.socket]) -> None:
        self.name = name
        self._workers = workers
        self._selector = selectors.EpollSelector()
        for sock in sockets:
            self._selector.register(sock, selectors.EVENT_READ)

    def measure(self, count: int) -> tuple[float, float]:
        """Send *count* messages; return messages per second, and per second of the workers'
        processor time."""
        before = sum(worker.cpu_seconds() for worker in self._workers)
        sender = threading.Thread(
            target=self._workers[0].ask, args=(f"/burst/{count}/{SIZE}",), daemon=True
        )
        missing = count * SOCKETS
        begun = time.perf_counter()
        sender.start()
        while missing > 0:
            for key, _ in self._selector.select(1):
                sock: socket.socket = key.fileobj  # type: ignore[assignment]  # always one
                missing -= sock.recv(1 << 18).count(b"~")
            if time.perf_counter() - begun > LIMIT:
                raise RuntimeError(f"{self.name}: {missing} of {count * SOCKETS} did not arrive")
        seconds = time.perf_counter() - begun
        sender.join()
        cpu = sum(worker.cpu_seconds() for worker in self._workers) - before
        return count / seconds, count / max(cpu, 0.01)


@contextlib.contextmanager
def room(name: str) -> Iterator[Room]:
    """Start two workers and connect the sockets, half of them to each."""
    channel = f"bench_rooms_{uuid.uuid4().hex[:8]}"
    argv = (sys.executable, "-m", "bench.programs.room_sockets", name, "{port}", channel, REDIS)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(running(Server(name, argv))) for _ in range(WORKERS)]
        sockets = []
        for number in range(SOCKETS):
            sock = connect(name, workers[number % WORKERS].port)
            stack.callback(sock.close)
            sockets.append(sock)
        yield Room(name, workers, sockets)


def room_messages(rounds: int, seconds: float) -> Section:
    """Measure both in turn."""
    section = Section(f"A room message to {SOCKETS:,} WebSockets in {WORKERS} workers")
    rates: dict[str, list[float]] = {name: [] for name in NAMES}
    per_cpu: dict[str, list[float]] = {name: [] for name in NAMES}
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with contextlib.ExitStack() as stack:
            rooms = {name: stack.enter_context(room(name)) for name in NAMES}
            for one in rooms.values():
                one.measure(2)
            for turn in range(rounds):
                for name in forth_and_back(list(NAMES), turn):
                    count = max(int(BURST[name] * seconds), 1)
                    rate, by_cpu = rooms[name].measure(count)
                    rates[name].append(rate)
                    per_cpu[name].append(by_cpu)
    finally:
        os.sched_setaffinity(0, everywhere)
    median = statistics.median
    rows = [
        (
            NAMES[name],
            f"{median(rates[name]):,.1f}",
            f"{median(rates[name]) * SOCKETS:,.0f}",
            f"{median(per_cpu[name]):,.1f}",
        )
        for name in NAMES
    ]
    head = ("server", "messages/s", "frames/s", "messages per CPU-second")
    section.tables.append(f"{SIZE} bytes, the workers on one core\n\n{markdown(head, rows)}")
    by_rate = Pairs.of(rates["waterspout"], rates["socketio"])
    section.pairs(
        "A room message to 1,000 sockets, against Flask-SocketIO, per CPU-second",
        Pairs.of(per_cpu["waterspout"], per_cpu["socketio"]),
        None,
        f"by rate {by_rate.median():.2f}",
    )
    return section
