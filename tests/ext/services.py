"""The database servers and brokers that tests of the batteries talk to."""

from __future__ import annotations

import os
import socket

import pytest

_USUAL = {
    "postgresql": "postgresql://postgres@127.0.0.1:5432/test",
    "mariadb": "mysql://root@127.0.0.1:3306/test",
    "redis": "redis://127.0.0.1:6379/9",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672/",
    "nats": "nats://127.0.0.1:4222",
}
#: Where each service is; ``WATERSPOUT_TEST_REDIS=…`` and the like name other places.
URLS = {
    name: os.environ.get(f"WATERSPOUT_TEST_{name.upper()}", url) for name, url in _USUAL.items()
}


def _place(url: str) -> tuple[str, int]:
    authority = url.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2]
    host, _, port = authority.rpartition(":")
    return host, int(port)


def listens(url: str) -> bool:
    """Tell whether somebody takes connections where *url* says."""
    try:
        socket.create_connection(_place(url), timeout=5).close()
    except OSError:
        return False
    return True


def service_url(name: str) -> str:
    """Return the URL of a running service.

    Where nothing listens the test is skipped; with ``CI`` in the environment it fails.
    """
    url = URLS[name]
    if not listens(url):
        host, port = _place(url)
        assert "CI" not in os.environ, f"no {name} at {host}:{port}; .ci/services.py starts it"
        pytest.skip(f"no {name} at {host}:{port}")
    return url
