"""WebSockets of flask-sock and Flask-SocketIO on our server, asked by their real clients."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import socketio
import websocket
from dropin_process import PROGRAMS
from test_serving import serving

WAYS = ["app.run, uvloop", "app.run, asyncio", "gunicorn"]


def arguments_for(way: str, program: str, port: int) -> list[str]:
    """Return the interpreter's arguments that start *program* in some *way*."""
    if way == "gunicorn":
        run = (
            "import waterspout.dropin, sys; waterspout.dropin.install();"
            " from gunicorn.app.wsgiapp import run; run()"
        )
        worker = ["-k", "waterspout.server.Worker", "-b", f"127.0.0.1:{port}"]
        return ["-c", run, *worker, "--chdir", str(PROGRAMS), f"{program}:app"]
    return ["-m", "waterspout.dropin", str(PROGRAMS / f"{program}.py"), str(port)]


def body(connection: http.client.HTTPConnection, path: str, **headers: str) -> str:
    connection.request("GET", path, headers=headers)
    return connection.getresponse().read().decode()


@pytest.mark.parametrize("way", WAYS)
def test_flask_sock(
    tmp_path: Path, reserve: Callable[[], int], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Messages of any size both ways; the function ends when its client closes, or has gone; a
    function that returns ends the connection."""
    monkeypatch.setenv("WATERSPOUT_LOOP", "asyncio" if "asyncio" in way else "auto")
    port = reserve()
    with serving(tmp_path, port, *arguments_for(way, "sock_program", port)) as connection:
        site = f"ws://127.0.0.1:{port}"
        first = websocket.create_connection(f"{site}/echo/ann?greeting=Hello", timeout=10)
        assert first.recv() == "Hello, ann None"
        second = websocket.create_connection(f"{site}/echo/bob?greeting=Hi", timeout=10)
        assert second.recv() == "Hi, bob None"
        for message in ("x", "ü" * 1000, "y" * 3_000_000):
            first.send(message)
            assert first.recv() == message
        second.send_binary(bytes(range(256)))
        assert second.recv() == bytes(range(256))
        first.close()
        assert json.loads(body(connection, "/ended/1")) == ["ann"]
        second.shutdown()  # without a word
        assert json.loads(body(connection, "/ended/2")) == ["ann", "bob"]
        third = websocket.create_connection(f"{site}/bye", timeout=10)
        assert third.recv() == "bye"
        opcode, _ = third.recv_data()
        assert opcode == websocket.ABNF.OPCODE_CLOSE
        third.shutdown()
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert "400 Bad Request" in body(connection, "/plain", **upgrade)  # no such WebSocket
        assert body(connection, "/plain") == "None False"


def test_flask_sock_over_tls(tmp_path: Path, reserve: Callable[[], int]) -> None:
    """The program speaks plainly: TLS is the server's."""
    port = reserve()
    arguments = [*arguments_for("app.run", "sock_program", port), "adhoc"]
    with serving(tmp_path, port, *arguments):
        client = websocket.create_connection(
            f"wss://127.0.0.1:{port}/echo/ann?greeting=Hello",
            timeout=10,
            sslopt={"cert_reqs": ssl.CERT_NONE},
        )
        assert client.recv() == "Hello, ann None"
        client.send("x" * 200_000)
        assert client.recv() == "x" * 200_000
        client.close()


def test_stop_with_an_open_websocket(
    tmp_path: Path, reserve: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function hears of the end, and the process does not wait for a client that stays."""
    monkeypatch.setenv("WATERSPOUT_TIMEOUTS_GRACEFUL", "3600")
    port = reserve()
    with serving(tmp_path, port, *arguments_for("app.run", "sock_program", port)):
        client = websocket.create_connection(
            f"ws://127.0.0.1:{port}/echo/ann?greeting=Hello", timeout=10
        )
        assert client.recv() == "Hello, ann None"
    client.shutdown()  # `serving` has ended the process, and would not wait an hour


def test_socketio(tmp_path: Path, reserve: Callable[[], int]) -> None:
    """Events, rooms and answers, over a WebSocket from the start, over polling, and over polling
    with the upgrade."""
    port = reserve()
    arguments = arguments_for("app.run", "socketio_program", port)
    with serving(tmp_path, port, *arguments) as connection:
        assert body(connection, "/") == "index"
        clients = []
        for number, transports in enumerate(
            [["websocket"], ["polling"], ["polling", "websocket"]], start=1
        ):
            client = socketio.SimpleClient()
            client.connect(
                f"http://127.0.0.1:{port}", transports=transports, headers={"X-Name": str(number)}
            )
            assert client.receive(10) == ["greeting", {"path": "/socket.io/", "agent": str(number)}]
            assert client.call("shout", "hey", timeout=10) == 3
            assert client.receive(10) == ["heard", "HEY"]
            clients.append(client)
        assert [client.transport for client in clients] == ["websocket", "polling", "websocket"]
        assert clients[0].receive(10) == ["heard", "HEY"]  # of the room
        for client in clients:
            client.disconnect()
