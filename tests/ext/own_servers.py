"""PostgreSQL and MariaDB servers of one test, which it may stop and start."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processes import program, wait_until

_SECONDS = 60.0  # the longest a server may take; reached only by a failing test


class OwnServer:
    """A database server on a port and in a folder of its own."""

    def __init__(self, url: str, port: int, command: list[str], user: str | None) -> None:
        self.url = url
        self.port = port
        self._command = command
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it takes connections when this returns."""
        self._process = subprocess.Popen(
            self._command,
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        wait_until(self._listens)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT if self._user else signal.SIGKILL)
            process.wait(_SECONDS)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self._command[0]} ended"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.settimeout(5)
                if self.url.startswith("mysql"):
                    return bool(connection.recv(1))  # its greeting
                return _postgresql_is_ready(connection)
        except OSError:
            return False


def _postgresql_is_ready(connection: socket.socket) -> bool:
    fields = b"user\0postgres\0database\0postgres\0\0"
    message = (196608).to_bytes(4, "big") + fields
    connection.sendall((len(message) + 4).to_bytes(4, "big") + message)
    return connection.recv(1) == b"R"  # it authenticates; an error, "starting up", is an E


@contextmanager
def own_server(kind: str, port: int) -> Iterator[OwnServer]:
    """Run a *kind* of database server on *port*; skip the test where it is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="ws-db-"))
    try:
        made = (_postgresql if kind == "postgresql" else _mariadb)(folder, port)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)


def _postgresql(folder: Path, port: int) -> OwnServer:
    initdb, postgres = program("initdb"), program("postgres")
    user: str | None = None
    if os.geteuid() == 0:  # it refuses to run as root
        user = "postgres"
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    command = [initdb, "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
    _run(command, user=user)
    command = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
    command += ["-k", str(folder), "-F"]
    return OwnServer(f"postgresql://postgres@127.0.0.1:{port}/postgres", port, command, user)


def _mariadb(folder: Path, port: int) -> OwnServer:
    install, mariadbd = program("mariadb-install-db"), program("mariadbd")
    data = folder / "data"
    options = ["--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}"]
    _run([install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"])
    command = [mariadbd, *options, f"--port={port}", "--bind-address=127.0.0.1"]
    command += [f"--socket={folder}/socket", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"]
    return OwnServer(f"mysql://root@127.0.0.1:{port}/mysql", port, command, None)


def _run(command: list[str], **options: Any) -> None:
    done = subprocess.run(
        command, capture_output=True, timeout=_SECONDS, check=False, cwd="/", **options
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
