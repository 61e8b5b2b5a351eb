"""Servers in a thread of the test's own process, so that a test sees both ends."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import uvicorn
from e2e_clients import SECONDS

from waterspout import App
from waterspout.server import serve_in_thread

Serve = Callable[..., AbstractContextManager[int]]


@contextmanager
def on_native(app: App, **settings: Any) -> Iterator[int]:
    """Serve on our own server; give the port."""
    with serve_in_thread(app, **settings) as server:
        yield int(server.urls[0].rstrip("/").rpartition(":")[2])


@contextmanager
def on_uvicorn(app: App) -> Iterator[int]:
    """Serve under uvicorn; give the port."""
    config = uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=10)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()
