"""Servers in processes of their own: the commands that users type."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e_clients import SECONDS

#: How each server is started for the application *app* of the module ``program``.
COMMANDS = {
    "waterspout": "-m waterspout run program:{app} -p {port} -w {workers}",
    "waterspout dropin": "-m waterspout run --dropin program:{app} -p {port} -w {workers}",
    "gunicorn": (
        "-W default -m gunicorn -k waterspout.server.Worker -w {workers} -b 127.0.0.1:{port}"
        " --no-control-socket program:{app}"
    ),
    "uvicorn": "-m uvicorn --port {port} --lifespan on program:{app}",
    "granian": "-m granian --interface asgi --host 127.0.0.1 --port {port} program:{app}",
    "uvicorn dropin": "-m waterspout.dropin -m uvicorn --port {port} program:{app}",
    "granian dropin": ("-m granian --interface asgi --host 127.0.0.1 --port {port} dropped:{app}"),
    "program dropin": "-m waterspout.dropin program.py --port={port}",
}

#: For servers that start interpreters of their own, which the drop-in does not reach.
DROPPED = "from waterspout.dropin import install\ninstall()\nfrom program import app\n"


@contextmanager
def on_process(
    kind: str, folder: Path, source: str, app: str = "app", workers: int = 1
) -> Iterator[int]:
    """Serve the program *source* as a user does; give the port."""
    (folder / "program.py").write_text(source)
    (folder / "dropped.py").write_text(DROPPED)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    command = COMMANDS[kind].format(app=app, port=port, workers=workers)
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command.split()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(port, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
