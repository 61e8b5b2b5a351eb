"""A scheduler and a worker of `distributed`, which talk by WebSockets (its ``ws://``), with the
scheduler's pages and, where bokeh is installed, its dashboard. Prints what came of it, as JSON."""

from __future__ import annotations

import asyncio
import json
import re
from importlib.util import find_spec
from typing import Any

from distributed import Client, Scheduler, Worker
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import websocket_connect

import tornado.web

HOST = "127.0.0.1"


async def dashboard(port: int) -> list[Any]:
    """Open the status page and its WebSocket, and ask for the document."""
    page = await AsyncHTTPClient().fetch(f"http://{HOST}:{port}/status")
    token = re.search(r'"token":"([^"]+)"', page.body.decode())
    assert token is not None
    socket = await websocket_connect(
        f"ws://{HOST}:{port}/status/ws", subprotocols=["bokeh", token[1]]
    )
    seen = [socket.selected_subprotocol]
    for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
        await socket.write_message(json.dumps(part))
    while "PULL-DOC-REPLY" not in seen:
        message = await socket.read_message()
        if isinstance(message, str) and '"msgtype"' in message:
            seen.append(json.loads(message)["msgtype"])
    socket.close()
    return [seen[0], seen[1], seen[-1]]


async def main() -> dict[str, Any]:
    found: dict[str, Any] = {"handlers": tornado.web.RequestHandler.__module__.split(".")[0]}
    options: dict[str, Any] = {"protocol": "ws://", "host": HOST, "port": 0}
    async with (
        Scheduler(dashboard_address=f"{HOST}:0", dashboard=True, **options) as scheduler,
        Worker(scheduler.address, dashboard=False, **options),
        Client(scheduler.address, asynchronous=True) as client,
    ):
        found["sum"] = await client.submit(sum, [1, 2, 3])
        large = await client.scatter(b"x" * 3_000_000)
        found["large"] = await client.submit(len, large)
        found["many"] = sum(await client.gather(client.map(abs, range(-50, 0))))
        try:
            await client.submit(divmod, 1, 0)
        except ZeroDivisionError:
            found["error"] = "comes"
        port = scheduler.http_server.port
        http = AsyncHTTPClient()
        for path in ("/health", "/json/counts.json", "/info/main/workers.html", "/none"):
            answer = await http.fetch(f"http://{HOST}:{port}{path}", raise_error=False)
            found[path] = answer.code
        events = await websocket_connect(f"ws://{HOST}:{port}/eventstream")
        await client.submit(len, "event")
        found["event"] = "name" in json.loads(str(await events.read_message()))
        events.close()
        if find_spec("bokeh") is not None:
            found["dashboard"] = await dashboard(port)
    return found


print(json.dumps(asyncio.run(main())))
