"""Servers of the doors' tests: each a process of its own, ended by its handle."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
_SECONDS = 30.0  # for a server to come up or to end; reached only by a failing test

#: How each server is started: {name} of the application with its module, {port}, {fd} of a socket
#: that listens on it already.
COMMANDS = {
    "native": "-c 'from waterspout.server import serve; serve(\"{name}\", fds=({fd},))'",
    "gunicorn": "-m gunicorn -k gthread --threads 8 --bind fd://{fd} {name}",
    "uvicorn": "-m uvicorn --fd {fd} --lifespan on --log-level warning {name}",
    "hypercorn": "-m hypercorn --bind fd://{fd} {name}.asgi",
    "granian": "-m granian --interface asgi --host 127.0.0.1 --port {port} {name}",
}


class ServerProcess:
    """A server, its port, and what it wrote."""

    def __init__(self, kind: str, name: str, folder: Path, module: str = "doors_app") -> None:
        self.log = folder / f"{kind}-{name}.log"
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
            fd = listener.fileno()
            if "{fd}" in COMMANDS[kind]:
                listener.listen(512)  # whoever connects now is served when the server is up
                listener.set_inheritable(True)
            else:
                listener.close()
                fd = -1
            command = COMMANDS[kind].format(name=f"{module}:{name}", fd=fd, port=self.port)
            self._process = self._start(command, (fd,) if fd >= 0 else ())
        if fd < 0:
            self._wait_for_port()

    def _start(self, command: str, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
        paths = [str(HERE), *sys.path]
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONWARNINGS": "default::ResourceWarning",
        }
        with self.log.open("wb") as log:
            return subprocess.Popen(
                f"exec {sys.executable} {command}",
                shell=True,
                cwd=HERE,
                env=environ,
                pass_fds=fds,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, self.output
                assert time.monotonic() < deadline, self.output
                time.sleep(0.02)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> str:
        """End the server as an operator does; return what it wrote."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_SECONDS)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(_SECONDS)
        return self.output
