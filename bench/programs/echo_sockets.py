"""WebSocket servers that echo, one for each way of writing: ``echo_sockets.py NAME PORT``.

All on uvloop, without compression. They end on SIGTERM.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop


async def serve(app: Any, port: int) -> None:
    """Serve an application on our server."""
    from waterspout.server import Server, ServerSettings

    await Server(app, ServerSettings(port=port)).serve()


async def function(port: int) -> None:
    """Echo in an ``@app.websocket`` function."""
    from waterspout import App, WebSocket

    app = App("echo", static_folder=None)

    @app.websocket("/", compression=False)
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    await serve(app, port)


async def handler(port: int) -> None:
    """Echo in our WebSocketHandler."""
    from waterspout.tornado.core_adapter import app_of
    from waterspout.tornado.web import Application
    from waterspout.tornado.websocket import WebSocketHandler

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    await serve(app_of(Application([("/", Echo)])), port)


async def tornado(port: int) -> None:
    """Echo in Tornado's WebSocketHandler."""
    from tornado.websocket import WebSocketHandler

    from tornado.web import Application

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    Application([("/", Echo)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


async def websockets(port: int) -> None:
    """Echo on the server of the ``websockets`` package."""
    from websockets.asyncio.server import serve as serve_sockets

    async def echo(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    async with serve_sockets(echo, "127.0.0.1", port, compression=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    WAYS = {way.__name__: way for way in (function, handler, tornado, websockets)}
    uvloop.run(WAYS[sys.argv[1]](int(sys.argv[2])))
