"""The application behind the proxies."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from waterspout import App, request, sse

app = App(__name__)
app.config["WEBSOCKET_CHECK_ORIGIN"] = False


@app.get("/")
async def index() -> str:
    return "hello"


@app.get("/pid")
async def pid() -> str:
    return str(os.getpid())


@app.get("/who")
async def who() -> list[str | None]:
    return [request.remote_addr, request.scheme, request.host]


@app.post("/upload")
def upload() -> str:
    return str(len(request.get_data()))


@app.get("/events")
async def events() -> Any:
    async def feed() -> AsyncIterator[str]:
        yield "first"
        await asyncio.sleep(3600)

    return sse(feed())


@app.websocket("/echo")
async def echo(socket: Any) -> None:
    async for message in socket:
        await socket.send(message)
