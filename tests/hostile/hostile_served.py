"""The application that `hostile_process` serves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from waterspout import App, request

app = App("served")

MIB = 1024 * 1024
PIECE = b"x" * 65_536


@app.get("/")
async def index() -> str:
    return "hello"


@app.get("/large")
async def large() -> bytes:
    return PIECE


@app.get("/large-def")
def large_def() -> bytes:
    return PIECE


@app.get("/endless")
async def endless() -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100 * MIB // len(PIECE)):
            yield PIECE

    return pieces()


@app.get("/endless-def")
def endless_def() -> Iterator[bytes]:
    return (PIECE for _ in range(100 * MIB // len(PIECE)))


@app.get("/slow-stream")
async def slow_stream() -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(20):
            yield b"piece %d\n" % n
            await asyncio.sleep(0.05)

    return pieces()


@app.get("/slow-thread")
def slow_thread() -> str:
    time.sleep(0.5)
    return "slept"


@app.post("/upload", max_content_length=100 * MIB)
async def upload() -> str:
    return str(len(request.get_data()))
