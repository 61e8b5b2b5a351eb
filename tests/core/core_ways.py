"""The ways a test asks an application: `def` or `async def` functions, test client or server."""

from __future__ import annotations

import asyncio
import functools
import http.client
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers

from waterspout import App
from waterspout.server import serve_in_thread

SECONDS = 20.0  # the longest an answer may take; reached only by a failing test

Ask = Callable[..., "Answer"]


@dataclass
class Answer:
    """What came back, whoever was asked."""

    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Way:
    """One combination: how the program's functions are written, and who serves them."""

    def __init__(self, asynchronous: bool, on_server: bool) -> None:
        self.asynchronous = asynchronous
        self.on_server = on_server
        self._stack = ExitStack()

    def fn(self, function: Callable[..., Any]) -> Any:
        """Return *function* as it is, or as an `async def` function that really waits."""
        if not self.asynchronous:
            return function

        @functools.wraps(function)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args, **kwargs)

        return waiting

    def serve(self, app: App, **settings: Any) -> Ask:
        """Return what asks *app*: ``ask(path, method="GET", headers={}, body=None)``."""
        if not self.on_server:
            return functools.partial(_ask_client, app.test_client(use_cookies=False))
        server = self._stack.enter_context(serve_in_thread(app, **settings))
        address = server.urls[0].removeprefix("http://").rstrip("/")
        return functools.partial(ask_socket, address)

    def end(self) -> None:
        """Stop what was started."""
        self._stack.close()


def _ask_client(
    client: Any,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    with client.open(path, method=method, headers=headers, data=body) as said:
        return Answer(said.status_code, said.headers, said.data)


def ask_socket(
    address: str,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Ask the server at *address* on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        said = connection.getresponse()
        return Answer(said.status, Headers(said.getheaders()), said.read())
    finally:
        connection.close()
