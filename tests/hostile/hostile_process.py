"""A server in a process of its own, on a listening socket that the test opened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SECONDS = 20.0

_SOURCE = """
import resource, sys
{before}
from hostile_served import app
from waterspout.server import serve
serve(app, fds=({fd},), **{settings!r})
"""


class Process:
    """`hostile_served` behind a socket."""

    def __init__(self, folder: Path, *, before: str = "", **settings: Any) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(4096)
            self.address: tuple[str, int] = listener.getsockname()
            fd = listener.fileno()
            source = _SOURCE.format(before=before, fd=fd, settings=settings)
            self._log = folder / "server.log"
            with self._log.open("w") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", source],
                    pass_fds=(fd,),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
                )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def resident(self) -> int:
        """Return the bytes of memory it occupies."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def seconds_of_cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return its exit status."""
        return self.process.wait(SECONDS)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
