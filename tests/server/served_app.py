"""The application that the server's tests serve, in this process or another.

Hooks and views note what happens: in the list `notes`, and on standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator

from waterspout import App, current_app, request

app = App(__name__)


notes: list[str] = []


def note(text: str) -> None:
    notes.append(text)
    sys.stdout.write(f"note: {text}\n")
    sys.stdout.flush()


@app.get("/")
async def index() -> str:
    return "hello"


@app.get("/thread")
def thread() -> str:
    return "from a thread"


@app.get("/pid")
async def pid() -> str:
    return str(os.getpid())


@app.get("/wait/<float:seconds>")
async def wait(seconds: float) -> str:
    note("waiting")
    await asyncio.sleep(seconds)
    return "waited"


@app.get("/hold-thread/<float:seconds>")
def hold_thread(seconds: float) -> str:
    note("holding")
    time.sleep(seconds)
    return "held"


@app.get("/hold-loop/<float:seconds>")
async def hold_loop(seconds: float) -> str:
    note("holding")
    time.sleep(seconds)
    return "held"


@app.get("/to-thread/<float:seconds>")
async def to_thread(seconds: float) -> str:
    note("holding")
    await asyncio.to_thread(time.sleep, seconds)
    return "held"


@app.get("/stream")
async def stream() -> AsyncIterator[str]:
    async def pieces() -> AsyncIterator[str]:
        yield "begin\n"
        note("streaming")
        await asyncio.sleep(60)

    return pieces()


@app.get("/scheme")
async def scheme() -> str:
    return request.scheme


@app.on_startup
def connect() -> None:
    note(f"startup {current_app.name}")


@app.on_startup
async def connect_async() -> None:
    note("startup async")


@app.on_shutdown
def disconnect() -> None:
    note("shutdown")


@app.on_shutdown
async def disconnect_async() -> None:
    note("shutdown async")


@app.lifespan
async def outer(_app: App) -> AsyncIterator[None]:
    note("lifespan in")
    yield
    note("lifespan out")


@app.lifespan
def inner(_app: App) -> Iterator[None]:
    note("inner in")
    yield
    note("inner out")


def create_app() -> App:
    """The factory."""
    return app
