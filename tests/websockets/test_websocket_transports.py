"""WebSockets over TLS and on both event loops, with the access log, from another thread."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sockets_wire import TEXT, Wire, closing, frame, handshake
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from waterspout import App, WebSocket
from waterspout.server import serve_in_thread
from waterspout.server.listeners.tls import make_certificate


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    certificate, key = make_certificate()
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


def make_app() -> App:
    app = App("transports")

    @app.websocket("/")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.get("/page")
    async def page() -> str:
        return "page"

    return app


def test_over_tls(certificate: tuple[str, str], loop_name: str) -> None:
    """Wss, small and large, and a stop that closes it with 1001."""
    cert, key = certificate
    context = ssl.create_default_context(cafile=cert)
    with ExitStack() as stack:
        with serve_in_thread(make_app(), certfile=cert, keyfile=key, loop=loop_name) as server:
            port = int(server.urls[0].rpartition(":")[2])
            ws = stack.enter_context(connect(f"wss://localhost:{port}/", ssl=context))
            for message in ("hello", "x" * 500_000, b"\x00"):
                ws.send(message)
                assert ws.recv(10) == message
        with pytest.raises(ConnectionClosed, match="1001"):
            ws.recv(10)


def test_behind_a_request_on_the_same_connection(loop_name: str, tmp_path: Path) -> None:
    """A page, then the handshake with messages behind it, cut anywhere; both are in the
    access log."""
    log = tmp_path / "access.log"
    data = handshake() + frame(TEXT, b"one") + frame(TEXT, b"two")

    async def talk(port: int) -> None:
        for cut in range(1, len(data), 40):
            wire = Wire(*await asyncio.open_connection("127.0.0.1", port))
            wire.send(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await wire.head()).startswith(b"HTTP/1.1 200 ")
            assert await wire.reader.readexactly(4) == b"page"
            wire.send(data[:cut])
            await wire.writer.drain()
            wire.send(data[cut:])
            assert (await wire.head()).startswith(b"HTTP/1.1 101 ")
            assert await wire.frame() == (TEXT, b"one")
            assert await wire.frame() == (TEXT, b"two")
            wire.send(closing(1000))
            assert await wire.close_code() == 1000
            assert await wire.rest() == b""
            wire.writer.close()

    settings: dict[str, Any] = {"access_log": str(log), "access_format": "json"}
    with serve_in_thread(make_app(), loop=loop_name, **settings) as server:
        asyncio.run(talk(int(server.urls[0].rpartition(":")[2])))
    statuses = {json.loads(line)["status"] for line in log.read_text().splitlines()}
    assert statuses == {200, 101}


def test_an_upgrade_that_nobody_takes_keeps_the_connection(loop_name: str) -> None:
    """An HTTP view behind a handshake answers 400 as in Flask, and HTTP goes on."""
    with serve_in_thread(make_app(), loop=loop_name) as server:
        port = int(server.urls[0].rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        fields = {"Upgrade": "websocket", "Connection": "Upgrade"}
        for headers, status in ((fields, 400), ({}, 200), ({**fields, "Upgrade": "h2c"}, 200)):
            connection.request("GET", "/page", headers=headers)
            response = connection.getresponse()
            assert (response.status, len(response.read()) > 0) == (status, True)
        connection.close()
