"""Waterspout's own way: ``async def`` views, and one ``def`` view that sleeps."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

from waterspout import App, Response, request, sse

app = App(__name__)
over = threading.Event()


@app.get("/")
async def text() -> str:
    return "Hello, World!"


@app.get("/json")
async def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/item/<int:number>")
async def item(number: int) -> str:
    return f"item {number}"


@app.get("/sleep")
def sleep() -> str:
    time.sleep(0.2)
    return "slept"


@app.get("/traced")
async def traced() -> dict[str, Any]:
    gc.collect()
    return {"traced": tracemalloc.get_traced_memory()[0]}


@app.post("/upload")
async def upload() -> str:
    return str(len(request.get_data()))


@app.get("/events")
def events() -> Response:
    """Send one event, and wait in the thread for news that do not come."""

    def wait() -> Iterator[str]:
        yield "ready"
        over.wait()

    return sse(wait())


@app.get("/ticks")
async def ticks() -> Response:
    """Send an event each 100 ms."""

    async def tick() -> AsyncIterator[str]:
        while True:
            yield "tick"
            await asyncio.sleep(0.1)

    return sse(tick())


@app.get("/over")
async def end_events() -> str:
    over.set()
    return "over"
