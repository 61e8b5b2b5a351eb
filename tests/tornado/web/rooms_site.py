"""A Tornado application for the tests of the rooms of ``tornado.web``, and its clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from waterspout.server import serve_in_thread
from waterspout.tornado.core_adapter import app_of
from waterspout.tornado.web import Application


def client_of(*rules: Any, **settings: Any) -> Any:
    """Return a test client, which keeps no cookies, of an application with these rules and
    settings."""
    return app_of(Application(list(rules), **settings)).test_client(use_cookies=False)


@contextmanager
def served(*rules: Any, **settings: Any) -> Iterator[httpx.Client]:
    """Serve an application on a socket; yield an HTTP client for it."""
    app = app_of(Application(list(rules), **settings))
    with serve_in_thread(app) as server, httpx.Client(base_url=server.urls[0]) as client:
        yield client
