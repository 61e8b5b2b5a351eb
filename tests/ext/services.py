"""The database servers and brokers that tests of the batteries talk to."""

from __future__ import annotations

import os
import socket

import pytest

#: Where each service is by default.
URLS = {
    "postgresql": "postgresql://postgres@127.0.0.1:5432/test",
    "mariadb": "mysql://root@127.0.0.1:3306/test",
    "redis": "redis://127.0.0.1:6379/9",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672/",
    "nats": "nats://127.0.0.1:4222",
}


def service_url(name: str) -> str:
    """Return the URL of a running service (``WATERSPOUT_TEST_REDIS=…`` overrides the default).

    Where nothing listens the test is skipped; with ``CI`` in the environment it fails.
    """
    url = os.environ.get(f"WATERSPOUT_TEST_{name.upper()}", URLS[name])
    authority = url.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2]
    host, _, port = authority.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        assert "CI" not in os.environ, f"no {name} at {host}:{port}"
        pytest.skip(f"no {name} at {host}:{port}")
    return url
