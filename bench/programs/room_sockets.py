"""A room of WebSockets in one of several processes over Redis: our rooms, and Flask-SocketIO's.

    python -m bench.programs.room_sockets waterspout|socketio PORT CHANNEL REDIS_URL

``GET /burst/{count}/{size}`` sends that many messages to the room, in each process' sockets.
"""

from __future__ import annotations

import sys
from typing import Any


def waterspout(port: int, channel: str, url: str) -> None:
    """Serve our rooms."""
    from waterspout import App, WebSocket
    from waterspout.ext.rooms import Rooms

    app = App("rooms")
    # The client answers no pings.
    app.config.update(ROOMS_URL=url, ROOMS_CHANNEL=channel, WEBSOCKET_PING_INTERVAL=None)
    rooms = Rooms(app)

    @app.get("/")
    async def ready() -> str:
        return "ready"

    @app.websocket("/room")
    async def room(ws: WebSocket) -> None:
        await ws.accept()
        rooms.join(ws, "all")
        await ws.send("joined~")
        async for _ in ws:
            pass

    @app.get("/burst/<int:count>/<int:size>")
    async def burst(count: int, size: int) -> str:
        for _ in range(count):
            await rooms.send("all", "x" * (size - 1) + "~")
        return "sent"

    app.run(port=port)


def socketio(port: int, channel: str, url: str) -> None:
    """Serve Flask-SocketIO's rooms as its documentation says: gevent, and a queue in Redis."""
    from gevent import monkey

    monkey.patch_all()
    from flask import Flask
    from flask_socketio import SocketIO, join_room

    app = Flask("rooms")
    io = SocketIO(app, async_mode="gevent", message_queue=url, channel=channel, ping_interval=3600)

    @app.get("/")
    def ready() -> str:
        return "ready"

    @io.on("connect")
    def connect(auth: Any) -> None:
        join_room("all")
        io.emit("joined", "~", to=_request_sid())

    @app.get("/burst/<int:count>/<int:size>")
    def burst(count: int, size: int) -> str:
        for _ in range(count):
            io.send("x" * (size - 1) + "~", to="all")
        return "sent"

    io.run(app, host="127.0.0.1", port=port)


def _request_sid() -> Any:
    from flask import request

    return getattr(request, "sid")


if __name__ == "__main__":
    serve = {"waterspout": waterspout, "socketio": socketio}[sys.argv[1]]
    serve(int(sys.argv[2]), sys.argv[3], sys.argv[4])
