"""A browser's side: a client with cookies, over a socket to our server, and how it reads a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from waterspout import App
from waterspout.server import serve_in_thread

#: The four ways to write an endpoint.
WAYS = ("view", "async-view", "handler", "async-handler")


@contextmanager
def visiting(app: App) -> Iterator[httpx.Client]:
    """Serve *app* and give a client that keeps cookies."""
    with serve_in_thread(app) as server, another(server.urls[0]) as client:
        yield client


def another(url: Any) -> httpx.Client:
    """Return a client with no cookies yet: another visitor."""
    return httpx.Client(base_url=url, timeout=20)


def token_in(page: str, name: str = "csrf_token") -> str:
    """Return the value of the hidden input *name*."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]
