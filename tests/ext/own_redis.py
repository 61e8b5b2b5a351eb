"""A Redis of a test's own, which it may stop, start again and pause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from processes import program, wait_until


class OwnRedis:
    """A server on *port*, with its data in *folder*, from where it is read after a crash."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self._command = [
            *(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"),
            *("--dir", str(folder), "--save", "", "--appendonly", "yes"),
            *("--appendfsync", "always", "--logfile", os.devnull),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and return when it answers."""
        self._process = subprocess.Popen(self._command)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=5) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """End the server at once, as ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hold(self) -> None:
        """Let the server take connections, and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a `hold`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *command: str) -> object:
        """Send a command."""
        with redis.Redis(port=self.port) as client:
            return client.execute_command(*command)


@contextmanager
def own_redis(folder: Path, port: int) -> Iterator[OwnRedis]:
    """Run a Redis in *folder* on *port* for a block."""
    server = OwnRedis(folder, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()
