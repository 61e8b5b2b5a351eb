"""Run a command beside the database servers and brokers that tests of the batteries talk to.

    python .ci/services.py COMMAND …

Those that listen at their usual places are used; the others are started, each on a free port and
in a folder of its own, told to the command by WATERSPOUT_TEST_…, and ended after it. The exit
status is the command's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "ext")]

from brokers import own_broker  # noqa: E402
from own_rabbitmq import own_rabbitmq  # noqa: E402
from own_redis import own_redis  # noqa: E402
from own_servers import own_server  # noqa: E402
from services import URLS, listens  # noqa: E402

STARTS: dict[str, Callable[[Path, int], AbstractContextManager[Any]]] = {
    "postgresql": lambda folder, port: own_server("postgresql", port),
    "mariadb": lambda folder, port: own_server("mariadb", port),
    "redis": own_redis,
    "rabbitmq": lambda folder, port: own_rabbitmq(folder),
    "nats": lambda folder, port: own_broker("nats", folder),
}


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def main(command: list[str]) -> int:
    """Start what is missing, run *command*, and return its exit status."""
    missing = [name for name in STARTS if not listens(URLS[name])]
    environ = dict(os.environ)
    with ExitStack() as stack:

        def start(name: str) -> tuple[AbstractContextManager[Any], str]:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ws-ci-")))
            service = STARTS[name](folder, free_port())
            return service, service.__enter__().url

        with ThreadPoolExecutor(len(STARTS)) as pool:
            started = dict(zip(missing, pool.map(start, missing), strict=True))
        for name, (service, url) in started.items():
            stack.push(service)
            environ[f"WATERSPOUT_TEST_{name.upper()}"] = url
            sys.stderr.write(f"{name} was started at {url}\n")
        return subprocess.run(command, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
