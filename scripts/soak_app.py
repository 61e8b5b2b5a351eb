"""The application that `soak.py` serves: one route for each way a request can go."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from waterspout import App, Response, abort, render_template_string, request, session, sse

MIB = 1024 * 1024
PIECE = b"x" * 16_384
PAGE = "<ul>{% for n in numbers %}<li>{{ n }} {{ name }}</li>{% endfor %}</ul>"

app = App("soak")
app.config["SECRET_KEY"] = "only for the soak"


@app.get("/")
async def text() -> str:
    return "hello"


@app.get("/def")
def text_from_a_thread() -> str:
    return "hello"


@app.post("/json")
async def echo() -> Any:
    return {"echo": request.json}


@app.post("/form")
def form() -> str:
    return request.form["name"]


@app.post("/upload", max_content_length=8 * MIB)
async def upload() -> str:
    return str(len(request.get_data()))


@app.post("/files", max_content_length=8 * MIB)
def files() -> str:
    return str(sum(len(one.read()) for one in request.files.values()))


@app.post("/stream-in", stream=True, max_content_length=8 * MIB)
async def stream_in() -> str:
    return str(sum([len(piece) async for piece in request.chunks()]))


@app.get("/page")
def page() -> str:
    return render_template_string(PAGE, numbers=range(50), name="<soak>")


@app.get("/session")
def count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.get("/stream")
async def stream() -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield PIECE
            await asyncio.sleep(0)

    return pieces()


@app.get("/stream-def")
def stream_from_a_thread() -> Iterator[bytes]:
    return (PIECE for _ in range(64))


@app.get("/large")
async def large() -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(6400):
            yield PIECE

    return pieces()


@app.get("/events")
async def events() -> Response:
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick"
            await asyncio.sleep(0.05)

    return sse(ticks())


@app.get("/wait")
async def wait() -> str:
    await asyncio.sleep(0.2)
    return "waited"


@app.get("/sleep")
def sleep() -> str:
    time.sleep(0.1)
    return "slept"


@app.get("/error")
async def error() -> str:
    raise ValueError("an error of the soak")


@app.get("/teapot")
def teapot() -> str:
    abort(418)


@app.teardown_request
def end(_error: BaseException | None) -> None:
    """Make the end of every request a visit to a thread."""


@app.get("/pulse")
async def pulse() -> Any:
    """Say what is alive in the process."""
    gc.collect()
    return {
        "tasks": sorted(
            getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks()
        ),
        "threads": threading.active_count(),
        "blocks": sys.getallocatedblocks(),
    }
