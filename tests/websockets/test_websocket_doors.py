"""WebSockets behind the other doors, and in the test clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from hypercorn.asyncio import serve as serve_hypercorn
from hypercorn.config import Config
from sockets_wire import run
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from waterspout import App, WebSocket, WebSocketClosed, abort, g, request, session
from waterspout.testing import WebSocketRefused


def make_app() -> App:
    app = App("doors")
    app.secret_key = "k"
    ended = app.extensions["ended"] = []

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        ended.append(request.path)

    @app.get("/login")
    def login() -> str:
        session["user"] = "joe"
        return "in"

    @app.websocket("/echo/<name>", subprotocols=["v1"])
    async def echo(ws: WebSocket, name: str) -> None:
        g.name = name
        user = session.get("user", "nobody")
        await ws.accept(headers={"X-User": user + request.headers.get("X-More", "")})
        async for message in ws:
            await ws.send(message if isinstance(message, bytes) else f"{g.name} {message}")

    @app.websocket("/def")
    def blocking(ws: Any) -> None:
        ws.send_json(ws.receive_json())
        ws.close(4000, "bye")

    @app.websocket("/refused")
    async def refused(ws: WebSocket) -> None:
        abort(403)

    @app.websocket("/small", max_message_size=4)
    async def small(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/boom")
    async def boom(ws: WebSocket) -> None:
        await ws.receive()
        raise ZeroDivisionError

    @app.websocket("/code")
    async def code(ws: WebSocket) -> None:
        try:
            await ws.receive()
        except WebSocketClosed as error:
            codes.append((error.code, error.reason))

    codes = app.extensions["codes"] = []
    return app


# -- ASGI ------------------------------------------------------------------------------------------


@asynccontextmanager
async def under_uvicorn(app: App, sock: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve([sock]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await task


@asynccontextmanager
async def under_hypercorn(app: App, sock: socket.socket) -> AsyncIterator[None]:
    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.errorlog = None
    stop = asyncio.Event()
    task = asyncio.create_task(
        serve_hypercorn(app, config, shutdown_trigger=stop.wait, mode="asgi")  # type: ignore[arg-type]  # its own words for ASGI
    )
    yield
    stop.set()
    await task


@pytest.mark.parametrize("server", [under_uvicorn, under_hypercorn])
def test_an_asgi_server(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The same app, function and answers behind another server."""
    app = make_app()

    async def main() -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{sock.getsockname()[1]}"
        async with server(app, sock):
            async with connect(f"{url}/echo/a", subprotocols=["v0", "v1"]) as ws:
                assert ws.subprotocol == "v1"
                assert ws.response is not None
                assert ws.response.headers["X-User"] == "nobody"
                for message, answer in (("x", "a x"), (b"\x00", b"\x00"), ("y" * 9000,) * 2):
                    await ws.send(message)
                    assert (await ws.recv())[-9000:] == answer  # type: ignore[index]  # str, bytes
            async with connect(f"{url}/def") as ws:
                await ws.send('{"a": 1}')
                assert await ws.recv() == '{"a":1}'
                with pytest.raises(ConnectionClosed):
                    await ws.recv()
                assert (ws.close_code, ws.close_reason) == (4000, "bye")
            async with connect(f"{url}/small") as ws:
                await ws.send("12345")
                with pytest.raises(ConnectionClosed):
                    await ws.recv()
                assert ws.close_code == 1009
            async with connect(f"{url}/boom") as ws:
                await ws.send("go")
                with pytest.raises(ConnectionClosed):
                    await ws.recv()
                assert ws.close_code == 1011
            for path, status in (("/refused", 403), ("/nowhere", 404), ("/login", 400)):
                with pytest.raises(InvalidStatus) as caught:
                    await connect(f"{url}{path}")
                assert caught.value.response.status_code == status
        sock.close()

    run(main())
    assert app.extensions["ended"].count("/echo/a") == 1
    assert [record.exc_info is not None for record in caplog.records if record.name == "doors"] == [
        True
    ]


def test_the_wsgi_door_says_that_it_has_none() -> None:
    """426 for a handshake behind WSGI, and for an ordinary request."""
    client = make_app().test_client()
    fields = {"Upgrade": "websocket", "Connection": "Upgrade"}
    for headers in ({}, fields):
        response = client.get("/echo/a", headers=headers)
        assert response.status_code == 426
        assert response.headers["Upgrade"] == "websocket"
        assert "WebSocket" in response.text


# -- test clients ----------------------------------------------------------------------------------


def test_the_synchronous_client() -> None:
    """Cookies, headers, subprotocols, JSON, close codes, refusals; no loop in this thread."""
    app = make_app()
    client = app.test_client()
    client.get("/login")
    more = {"X-More": "!"}
    with client.websocket("/echo/a", subprotocols=["v0", "v1"], headers=more) as ws:
        assert (ws.subprotocol, ws.headers["X-User"]) == ("v1", "joe!")
        ws.send("x")
        ws.send(b"y")
        assert (ws.receive(), ws.receive()) == ("a x", b"y")
        ws.patience = 0.01
        with pytest.raises(TimeoutError):
            ws.receive()
    assert app.extensions["ended"] == ["/login", "/echo/a"]
    with client.websocket("/def") as ws:
        ws.send_json([1])
        assert ws.receive_json() == [1]
        with pytest.raises(WebSocketClosed, match="4000 bye"):
            ws.receive()
        with pytest.raises(WebSocketClosed):
            ws.send("late")
        assert (ws.close_code, ws.close_reason) == (4000, "bye")
    with client.websocket("/code") as ws:
        ws.close(4001, "off")
    assert app.extensions["codes"] == [(4001, "off")]


def test_the_session_is_saved_with_the_handshake() -> None:
    """What hooks and function changed before accepting; the cookie is in the 101."""
    app = App("session")
    app.secret_key = "k"

    @app.websocket("/")
    async def visit(ws: WebSocket) -> None:
        session["visits"] = session.get("visits", 0) + 1
        await ws.send_json(session["visits"])

    app.get("/")(lambda: f"{session.get('visits')}")
    client = app.test_client()
    for visits in (1, 2):
        with client.websocket("/") as ws:
            assert ws.headers["Set-Cookie"].startswith("session=")
            assert ws.receive_json() == visits
    assert client.get("/").text == "2"


def test_the_asynchronous_client() -> None:
    """The same, awaited, on the test's own loop."""
    app = make_app()

    async def main() -> None:
        async with app.test_client() as client:
            await client.get("/login")
            async with client.websocket("/echo/a", subprotocols=["v1"]) as ws:
                assert (ws.subprotocol, ws.headers["X-User"]) == ("v1", "joe")
                await ws.send("x")
                assert await ws.receive() == "a x"
            async with client.websocket("/def") as ws:
                await ws.send_json([1])
                assert await ws.receive_json() == [1]
                with pytest.raises(WebSocketClosed, match="4000 bye"):
                    await ws.receive()
            with pytest.raises(WebSocketRefused) as caught:
                await client.websocket("/refused").connect()
            assert caught.value.response.status_code == 403

    run(main())


@pytest.mark.parametrize(
    ("path", "status"), [("/refused", 403), ("/nowhere", 404), ("/login", 400)]
)
def test_a_refusal_has_the_answer(path: str, status: int) -> None:
    """The HTTP answer to a refused handshake is that of the app."""
    client = make_app().test_client()
    with pytest.raises(WebSocketRefused) as caught, client.websocket(path):
        pass
    assert caught.value.response.status_code == status
    assert b"<title>" in caught.value.response.data


def test_errors_reach_the_test() -> None:
    """With TESTING the function's error is raised where the test waits, and at the end."""
    app = make_app()
    app.testing = True
    client = app.test_client()
    with pytest.raises(ZeroDivisionError), client.websocket("/boom") as ws:
        ws.send("go")
        ws.receive()
    with pytest.raises(ZeroDivisionError), client.websocket("/boom") as ws:
        ws.send("go")


def test_the_origin_check_in_the_client() -> None:
    """The client is no browser; a test may play one."""
    client = make_app().test_client()
    with client.websocket("/echo/a", headers={"Origin": "http://localhost"}):
        pass
    evil = {"Origin": "http://evil.example"}
    with pytest.raises(WebSocketRefused), client.websocket("/echo/a", headers=evil):
        pass
