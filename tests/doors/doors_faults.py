"""A program in which everything goes wrong that can: `/<where>/<what>`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn

from werkzeug.wrappers import Response as WerkzeugResponse

from waterspout import App, Response, request

app = App("doors_faults", static_folder=None)

FAULTS: dict[str, type[BaseException]] = {
    "error": ZeroDivisionError,
    "cancelled": asyncio.CancelledError,
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "closed": GeneratorExit,
}
#: What an after-request function must not return.
RETURNS: dict[str, Any] = {
    "none": None,
    "text": "text",
    "tuple": ("maintenance", 503),
    "pair": (b"HTTP/1.1 200 OK\r\nContent-Length: ", b"x"),
    "number": 42,
}
#: Statuses that end no request.
STATUSES = ("0", "99", "100", "102", "199", "1000")


class AppError(Exception):
    """What a handler is registered for."""


def fail(what: str) -> NoReturn:
    raise FAULTS[what](f"fault {request.path}")


@app.errorhandler(500)
def page(error: Exception) -> tuple[str, int]:
    return "the program's own page", 500


@app.errorhandler(AppError)
def handle(error: Exception) -> NoReturn:
    fail(request.path.rpartition("/")[2])


@app.get("/")
async def index() -> str:
    return "fine"


@app.get("/threads")
def threads() -> list[int]:
    return [threading.active_count()]


@app.get("/tasks")
async def tasks() -> list[int]:
    return [len(asyncio.all_tasks())]


@app.get("/def-view/<what>")
def def_view(what: str) -> str:
    fail(what)


@app.get("/async-view/<what>")
async def async_view(what: str) -> str:
    fail(what)


@app.get("/waiting-view/<what>")
async def waiting_view(what: str) -> str:
    await asyncio.sleep(0)
    fail(what)


@app.get("/cancels-itself/<what>")
async def cancels_itself(what: str) -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)
    return "not come to"


@app.get("/handler/<what>")
def handler(what: str) -> str:
    raise AppError


@app.get("/before/<what>")
@app.get("/after/<what>")
@app.get("/after-this/<what>")
@app.get("/teardown/<what>")
@app.get("/async-teardown/<what>")
@app.get("/returns/<what>")
@app.get("/werkzeug/<what>")
async def plain(what: str) -> str:
    return "fine"


@app.get("/status/<what>")
def status(what: str) -> Response:
    return Response("x", status=int(what))


@app.get("/def-first/<what>")
def def_first(what: str) -> Any:
    path = request.path

    def pieces() -> Iterator[str]:
        raise FAULTS[what](f"fault {path}")
        yield ""

    return pieces()


@app.get("/async-first/<what>")
async def async_first(what: str) -> Any:
    path = request.path

    async def pieces() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        raise FAULTS[what](f"fault {path}")
        yield ""

    return pieces()


@app.get("/def-later/<what>")
def def_later(what: str) -> Any:
    path = request.path

    def pieces() -> Iterator[str]:
        yield "first"
        raise FAULTS[what](f"fault {path}")

    return pieces()


@app.get("/async-later/<what>")
async def async_later(what: str) -> Any:
    path = request.path

    async def pieces() -> AsyncIterator[str]:
        yield "first"
        await asyncio.sleep(0)
        raise FAULTS[what](f"fault {path}")

    return pieces()


@app.before_request
async def before() -> None:
    if request.path.startswith("/before/"):
        fail(request.path.rpartition("/")[2])


@app.after_request
def after(response: Response) -> Any:
    where, _, what = request.path.strip("/").partition("/")
    if where == "after" and response.status_code == 200:
        fail(what)
    if where == "returns":
        return RETURNS[what]
    if where == "werkzeug":
        return WerkzeugResponse((piece for piece in ("own", "class")), mimetype="text/plain")
    return response


@app.teardown_request
def teardown(error: BaseException | None) -> None:
    if request.path.startswith("/teardown/"):
        fail(request.path.rpartition("/")[2])


@app.teardown_request
async def async_teardown(error: BaseException | None) -> None:
    if request.path.startswith("/async-teardown/"):
        fail(request.path.rpartition("/")[2])


@app.websocket("/ws/<what>")
async def ws(socket: Any, what: str) -> None:
    await socket.send("first")
    await asyncio.sleep(0)
    raise FAULTS[what](f"fault /ws/{what}")
