"""C6, U02: what proxies say about the client is believed only where they are trusted."""

from __future__ import annotations

import http.client
import json

import pytest

from waterspout import App, request
from waterspout.server import ServerSettings, serve_in_thread


def make_app() -> App:
    app = App("forwarded", static_folder=None)

    @app.get("/")
    async def index() -> dict[str, object]:
        return {
            "client": request.remote_addr,
            "scheme": request.scheme,
            "host": request.host,
            "seen": request.headers.get("X-Forwarded-For"),
        }

    return app


def ask(trusted: tuple[str, ...], headers: dict[str, str]) -> dict[str, object]:
    settings = ServerSettings(port=0, trusted_proxies=trusted)
    with serve_in_thread(make_app(), settings) as server:
        port = int(server.urls[0].rpartition(":")[2].rstrip("/"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers={"Host": "inside", **headers})
        answer = connection.getresponse()
        found: dict[str, object] = json.loads(answer.read())
        connection.close()
    return found


SENT = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
}


def test_a_trusted_proxy_is_believed() -> None:
    found = ask(("127.0.0.1",), SENT)
    assert found["client"] == "198.51.100.7"  # what stands before it, the client wrote
    assert found["scheme"] == "https"
    assert found["host"] == "shop.example"


def test_a_chain_of_trusted_proxies_is_followed() -> None:
    found = ask(("127.0.0.1", "198.51.100.0/24"), SENT)
    assert found["client"] == "203.0.113.9"


def test_a_stranger_is_neither_believed_nor_shown() -> None:
    found = ask(("10.0.0.0/8",), SENT)
    assert found == {"client": "127.0.0.1", "scheme": "http", "host": "inside", "seen": None}


def test_without_proxies_the_fields_are_the_programs_business() -> None:
    found = ask((), SENT)
    assert found["client"] == "127.0.0.1"
    assert found["seen"] == SENT["X-Forwarded-For"]


@pytest.mark.parametrize("host", ["a/b", "a b", "user@a", "<script>"])
def test_a_forwarded_host_that_is_none_is_not_taken(host: str) -> None:
    found = ask(("127.0.0.1",), {"X-Forwarded-Host": host})
    assert found["host"] == "inside"
