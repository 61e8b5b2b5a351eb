"""A RabbitMQ of a test's own, which it may kill and start again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import program, wait_until

_SECONDS = 150.0  # the longest that a start may take; reached only by a failing test
#: Where Debian has the server itself; the one on the path asks for another user.
_HOME = "/usr/lib/rabbitmq/bin"


class OwnRabbitMQ:
    """A node with its data in *folder*, from where it is read after a crash."""

    def __init__(self, folder: Path) -> None:
        ports = _free_ports(3)
        self._port = ports[0]
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        found = shutil.which("rabbitmq-server", path=_HOME)
        self._command = [found or program("rabbitmq-server")]
        (folder / "plugins").write_text("[].")
        self._environ = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"test{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(ports[1]),
            "ERL_EPMD_PORT": str(ports[2]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }
        self._mapper = [program("epmd"), "-port", str(ports[2]), "-address", "127.0.0.1"]
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start it; it takes connections when this returns."""
        for command in (self._mapper, self._command):  # else the node leaves an epmd behind
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        wait_until(self._answers, _SECONDS)

    def _answers(self) -> bool:
        assert self._processes[-1].poll() is None, "rabbitmq-server ended"
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False

    def stop(self) -> None:
        """Kill it, if it runs."""
        for process in self._processes:  # a shell and its children each
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes = []


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def own_rabbitmq(folder: Path) -> Iterator[OwnRabbitMQ]:
    """Run a RabbitMQ for the block; skip the test where it is not installed."""
    broker = OwnRabbitMQ(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
