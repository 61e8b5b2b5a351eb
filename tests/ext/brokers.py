"""Brokers of a test's own, which it may stop and start again on the same port."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import program, wait_until


class OwnBroker:
    """A redis-server or nats-server that keeps its data in *folder*."""

    def __init__(self, kind: str, folder: Path) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self._port = found.getsockname()[1]
        self.url = f"{kind}://127.0.0.1:{self._port}"
        port = str(self._port)
        if kind == "redis":
            self._command = [
                program("redis-server"), "--port", port, "--dir", str(folder), "--save", "",
                "--appendonly", "yes", "--appendfsync", "always",
            ]  # fmt: skip
        else:
            self._command = [
                program("nats-server"), "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", port,
            ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._listens)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def own_broker(kind: str, folder: Path) -> Iterator[OwnBroker]:
    """Run a broker for the block."""
    broker = OwnBroker(kind, folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
