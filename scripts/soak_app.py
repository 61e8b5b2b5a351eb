"""The application that `soak.py` serves: one route for each way a request can go."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from waterspout import (
    App,
    Blueprint,
    RequestHandler,
    Response,
    WebSocket,
    WebSocketClosed,
    WebSocketHandler,
    abort,
    g,
    render_template_string,
    request,
    session,
    sse,
)
from waterspout.tornado.ioloop import PeriodicCallback
from waterspout.tornado.websocket import WebSocketClosedError

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


@app.get("/large-def")
def large_from_a_thread() -> Iterator[bytes]:
    return (PIECE for _ in range(6400))


@app.get("/events-def")
def events_from_a_thread() -> Response:
    def ticks() -> Iterator[str]:
        while True:
            yield "tick"
            time.sleep(0.05)

    return sse(ticks())


@app.get("/late")
async def late() -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.2)
        yield PIECE

    return pieces()


@app.get("/late-def")
def late_from_a_thread() -> Iterator[bytes]:
    def pieces() -> Iterator[bytes]:
        time.sleep(0.1)
        yield PIECE

    return pieces()


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


# -- a `def` view between async hooks ----------------------------------------------------

hooked = Blueprint("hooked", __name__, url_prefix="/hooked")


@hooked.before_request
async def before() -> None:
    await asyncio.sleep(0)
    g.number = (request.view_args or {}).get("number", 0)


@hooked.after_request
async def after(response: Response) -> Response:
    await asyncio.sleep(0)
    response.headers["X-After"] = str(g.number)
    return response


@hooked.get("/<int:number>")
def between_hooks(number: int) -> str:
    return f"{number} {g.number}"


@hooked.get("/wait")
def wait_between_hooks() -> str:
    time.sleep(0.05)
    return "slept"


@hooked.post("/form", max_content_length=8 * MIB)
def form_between_hooks() -> str:
    return str(len(request.files))


app.register_blueprint(hooked)


# -- a handler that a timer writes to ----------------------------------------------------

readers: set[Feed] = set()


@app.route("/feed")
class Feed(RequestHandler):
    async def get(self) -> None:
        self.gone = asyncio.Event()
        self.set_header("Content-Type", "text/event-stream")
        readers.add(self)
        if len(readers) == 1:
            timer.start()
        try:
            await self.gone.wait()
        finally:
            readers.discard(self)
            if not readers:
                timer.stop()

    def on_connection_close(self) -> None:
        self.gone.set()


def write_to_all() -> None:
    for reader in readers:
        if not reader.gone.is_set():
            reader.write("data: tick\n\n")
            reader.flush()


timer = PeriodicCallback(write_to_all, 50)


# -- WebSockets --------------------------------------------------------------------------


@app.websocket("/socket")
async def socket(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


@app.websocket("/socket-def")
def socket_in_a_thread(ws: Any) -> None:
    for message in ws:
        ws.send(message)


@app.websocket("/socket-late")
async def late_socket(ws: WebSocket) -> None:
    await asyncio.sleep(0.05)
    await ws.accept()


@app.websocket("/socket-late-def")
def late_socket_in_a_thread(ws: Any) -> None:
    time.sleep(0.05)
    ws.accept()


@app.websocket("/socket-news")
async def news(ws: WebSocket) -> None:
    while True:
        await ws.send("news")
        await asyncio.sleep(0.02)


@app.websocket("/socket-news-def")
def news_from_a_thread(ws: Any) -> None:
    try:
        while True:
            ws.send("news")
            time.sleep(0.02)
    except WebSocketClosed:
        return


@app.route("/socket-handler")
class Socket(WebSocketHandler):
    async def on_message(self, message: str | bytes) -> None:
        with suppress(WebSocketClosedError):  # as in Tornado, it would be logged
            await self.write_message(message)


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
