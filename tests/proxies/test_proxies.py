"""Behind nginx and haproxy: addresses, bodies, streams, WebSockets, and reloads under load."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from server_load import Load
from server_process import Program
from websockets.sync.client import connect

from processes import wait_until

Back = Callable[..., Program]
HTTP = ["nginx", "haproxy"]
#: Where requests come from: another address than the proxy's, which is trusted.
CLIENT = "127.0.0.2"


@pytest.fixture(params=["TCP", "UNIX"])
def upstream(request: pytest.FixtureRequest, back: Back, tmp_path: Path) -> str:
    """The address of our server, which trusts this machine and its UNIX socket."""
    trusted = {"WATERSPOUT_TRUSTED_PROXIES": "127.0.0.1,unix"}
    if request.param == "TCP":
        return f"127.0.0.1:{back('--port', '0', **trusted).port()}"
    path = tmp_path / "app.sock"
    back("--uds", str(path), **trusted).wait_for_line("Listening on unix:")
    return f"unix:{path}"


def ask(port: int, target: str, method: str = "GET", **options: Any) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, 20, source_address=(CLIENT, 0))
    try:
        connection.request(method, target, **options)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("name", HTTP)
def test_the_client_is_known(front: Any, upstream: str, name: str) -> None:
    """Address and scheme are the proxy's word; what the client wrote of itself is not."""
    proxy = front(name, upstream)
    headers = {"Host": "shop.example", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
    status, body = ask(proxy.port, "/who", headers=headers)
    assert (status, json.loads(body)) == (200, [CLIENT, "http", "shop.example"])


@pytest.mark.parametrize("name", HTTP)
def test_bodies_pass(front: Any, upstream: str, name: str) -> None:
    proxy = front(name, upstream)
    body = b"x" * 900_000
    assert ask(proxy.port, "/upload", "POST", body=body) == (200, b"900000")
    pieces = (body[at : at + 10_000] for at in range(0, len(body), 10_000))
    assert ask(proxy.port, "/upload", "POST", body=pieces, encode_chunked=True) == (200, b"900000")


@pytest.mark.parametrize("name", HTTP)
def test_a_body_above_the_limit_is_answered_413(front: Any, upstream: str, name: str) -> None:
    """Also by way of a proxy that sends on while it is refused; each time."""
    proxy = front(name, upstream)
    for _ in range(10):
        assert ask(proxy.port, "/upload", "POST", body=b"x" * 3_000_000)[0] == 413


@pytest.mark.parametrize("name", HTTP)
def test_events_come_at_once(front: Any, upstream: str, name: str) -> None:
    proxy = front(name, upstream)
    with socket.create_connection(("127.0.0.1", proxy.port), 20) as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while b"data: first" not in data:
            piece = sock.recv(4096)
            assert piece
            data += piece


@pytest.mark.parametrize("name", HTTP)
def test_websockets_pass(front: Any, upstream: str, name: str) -> None:
    proxy = front(name, upstream)
    with connect(f"ws://127.0.0.1:{proxy.port}/echo") as client:
        for message in ("text", b"\x00bytes", "x" * 200_000):
            client.send(message)
            assert client.recv(timeout=20) == message


@pytest.mark.parametrize("name", HTTP)
def test_reloads_under_load_show_no_502(front: Any, back: Back, name: str) -> None:
    """Kept connections between proxy and server, while workers are replaced."""
    server = back("--port", "0", "--workers", "2", "--no-access-log")
    proxy = front(name, f"127.0.0.1:{server.port()}")

    async def reload() -> Load:
        async with Load(proxy.port, ("/pid",), kept=6, fresh=6) as load:
            await load.until_answered(200)
            for _ in range(2):
                old = set(load.bodies)
                server.signal(signal.SIGHUP)
                while len(set(load.bodies) - old) < 2:
                    await load.until_answered(50)
            await load.until_answered(200)
        return load

    load = asyncio.run(reload())
    assert load.lost == []
    assert load.refused == 0


@pytest.mark.parametrize("name", HTTP)
def test_a_stop_and_a_start_lose_no_answer(
    front: Any, back: Back, reserve: Callable[[], int], name: str
) -> None:
    """A server that stops ends its kept connections; the proxy says so until the next one is
    there, and then answers again."""
    port = reserve()
    first = back("--port", str(port))
    first.wait_for_line("Listening")
    proxy = front(name, f"127.0.0.1:{port}")
    assert ask(proxy.port, "/")[0] == 200
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    assert ask(proxy.port, "/")[0] == {"nginx": 502, "haproxy": 503}[name]
    back("--port", str(port)).wait_for_line("Listening")
    wait_until(lambda: ask(proxy.port, "/")[0] == 200)


def test_the_proxy_protocol_of_haproxy(front: Any, back: Back) -> None:
    server = back("--port", "0", WATERSPOUT_PROXY_PROTOCOL="127.0.0.1")
    proxy = front("haproxy-tcp", f"127.0.0.1:{server.port()}")
    with socket.create_connection(("127.0.0.1", proxy.port), 20, (CLIENT, 0)) as sock:
        sock.sendall(b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2]) == [CLIENT, "http", "a"]
    server.wait_for_line(f"{CLIENT} - - [")
    with connect(f"ws://127.0.0.1:{proxy.port}/echo") as client:
        client.send("through")
        assert client.recv(timeout=20) == "through"
