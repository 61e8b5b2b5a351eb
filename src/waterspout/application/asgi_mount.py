"""A mounted ASGI program (ASGI 3.0): requests, WebSockets and its lifespan.

Theory of operation. The program runs in a task of its own, because it may go on after its response
is complete. The endpoint returns at the first body event: with a whole response, or with a stream;
each further piece is taken when the client has room for it, and the program's `send` waits until
then. Under WSGI nothing can be sent early: there the program is run to its end first, and its
whole response is kept in memory.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected, Forbidden, HTTPException

from ..concurrency.background import run_in_thread, spawn
from ..context.variables import request_var
from ..http import Response
from ..http.message import Incoming
from ..typing import Function, Values
from ..websockets.endpoint import socket_view
from ..websockets.errors import NO_STATUS, WebSocketClosed
from ..websockets.protocol import is_sendable

if TYPE_CHECKING:
    from ..context.request_context import RequestContext
    from ..interfaces import Application
    from ..websockets import WebSocket

__all__ = ["mounted"]

Event = MutableMapping[str, Any]
Program = Callable[..., Awaitable[None]]

_SPEC = {"version": "3.0", "spec_version": "2.4"}
_READ = 64 * 1024
_END = object()
_logger = logging.getLogger("waterspout.gateways.asgi")


def mounted(app: Application, prefix: str, program: Program) -> Function:
    """Return the endpoint for *program* below *prefix* of *app*, whose lifespan it joins."""
    state: Values = {}
    app.waterspout_lifespan_funcs.append(lambda _: _lifespan(program, state))

    async def converse(socket: WebSocket) -> None:
        await _Conversation(socket, program).run(_scope(request_var.get(), prefix, state))

    socket = socket_view(converse, (), None, {})

    async def answer() -> object:
        ctx = request_var.get()
        incoming = ctx.incoming
        if incoming is not None and (incoming.header(b"upgrade") or b"").lower() == b"websocket":
            return await socket()
        return await _Exchange(ctx, program).answer(_scope(ctx, prefix, state))

    # The program itself receives `http.disconnect`, and decides what to do.
    answer.rule_options = {  # type: ignore[attr-defined]  # functions take attributes
        "stream": True,
        "on_disconnect": "finish",
    }
    return answer


def _scope(ctx: RequestContext, prefix: str, state: Values) -> Values:
    incoming = ctx.incoming or Incoming.from_environ(ctx.request.environ)
    raw = incoming.target.partition(b"?")[0]
    return {
        "type": "http",
        "asgi": _SPEC,
        "http_version": incoming.version,
        "method": incoming.method,
        "scheme": incoming.scheme,
        "path": incoming.root_path + incoming.path,
        "raw_path": raw if raw.startswith(b"/") else None,  # the target may be a whole URL
        "query_string": incoming.query,
        "root_path": incoming.root_path + prefix,
        "headers": [(name.lower(), value) for name, value in incoming.headers],
        "client": incoming.client,
        "server": incoming.server,
        "state": state.copy(),
        "extensions": {},
    }


class _Exchange:
    """One request to the program, and its response."""

    def __init__(self, ctx: RequestContext, program: Program) -> None:
        self._ctx = ctx
        self._program = program
        self._whole_only = ctx.incoming is None  # under WSGI
        self._begun: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[Any] = asyncio.Queue(0 if self._whole_only else 1)
        self._over = asyncio.Event()  # the response is complete, or the client has gone
        self._start: Event | None = None
        self._ended = False
        self._body = self._read_body()

    async def answer(self, scope: Values) -> Response:
        """Return the program's response. Raises what the program raises before it."""
        if self._whole_only:
            await self._run(scope)
            return await self._begun
        # In an empty context: the program outlives the request, whose context is not its own.
        contextvars.Context().run(spawn, self._run, scope)
        return await self._begun

    async def _run(self, scope: Values) -> None:
        try:
            await self._program(scope, self._receive, self._send)
        except _Gone:
            return
        except Exception as error:
            if self._ended:
                raise  # after the response: it is logged where the task ends
            await self._fail(error)
            return
        except asyncio.CancelledError:  # the server stops
            self._begun.cancel()
            raise
        if not self._ended:
            await self._fail(RuntimeError("The ASGI program returned without a whole answer."))

    async def _fail(self, error: Exception) -> None:
        if not self._begun.done():
            self._begun.set_exception(error)
        elif not self._over.is_set():
            await self._put(error)

    # -- what the program calls ----------------------------------------------------------

    async def _receive(self) -> Event:
        try:
            return await anext(self._body)
        except StopAsyncIteration:
            pass
        except ClientDisconnected:
            self._over.set()
        except HTTPException as error:  # of the application's limits, which has its own response
            if not self._begun.done():
                self._begun.set_exception(error)
            self._over.set()
        await self._until_over()
        return {"type": "http.disconnect"}

    async def _read_body(self) -> AsyncIterator[Event]:
        """Yield the events of the request's body."""
        incoming = self._ctx.incoming
        if incoming is not None and incoming.channel is not None:
            while piece := await incoming.channel.receive():
                yield {"type": "http.request", "body": piece, "more_body": True}
        else:
            body: Any = self._ctx.request.stream if incoming is None else incoming.body
            if isinstance(body, bytes):
                yield {"type": "http.request", "body": body, "more_body": False}
                return
            while piece := await run_in_thread(body.read, _READ):
                yield {"type": "http.request", "body": piece, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    async def _until_over(self) -> None:
        tasks = {asyncio.ensure_future(self._over.wait())}
        if not self._whole_only:
            tasks.add(asyncio.ensure_future(self._ctx.request.disconnected()))  # type: ignore[arg-type]  # of None as well
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, event: Event) -> None:
        kind = event["type"]
        if kind == "http.response.start" and self._start is None:
            self._start = event
            # What is complete in this step is sent as a whole; else the header section goes out
            # now.
            asyncio.get_running_loop().call_soon(self._begin, event)
        elif kind == "http.response.body" and self._start is not None and not self._ended:
            await self._send_body(self._start, event)
        else:
            raise RuntimeError(f"The ASGI program sent {kind!r} where it is not expected.")

    async def _send_body(self, start: Event, event: Event) -> None:
        body: bytes = event.get("body", b"")
        self._ended = not event.get("more_body", False)
        if self._ended and not self._begun.done():
            kept = [self._pieces.get_nowait() for _ in range(self._pieces.qsize())]
            self._begun.set_result(_response(start, b"".join([*kept, body])))
            self._over.set()
            return
        self._begin(start)
        if body:
            await self._put(body)
        if self._ended:
            await self._put(_END)
            self._over.set()

    def _begin(self, start: Event) -> None:
        """Begin a response that is not complete yet."""
        if not self._begun.done() and not self._whole_only:
            self._begun.set_result(_response(start, _Body(self._pieces, self._over)))

    async def _put(self, piece: object) -> None:
        """Pass a piece on when there is room. Raises `OSError` if the response is not read any
        more."""
        if not self._over.is_set():
            await self._pieces.put(piece)
        if self._over.is_set():
            raise _Gone("The client has gone.")


class _Gone(OSError):
    """What `send` raises when the response is not read any more (ASGI: an `OSError`)."""


class _Body(AsyncIterator[bytes]):
    """The body of a response while the program sends it. A class, because an async generator that
    was never started (HEAD) is not told of its end."""

    #: The header section is sent before the first piece is there.
    head_is_due = True

    def __init__(self, pieces: asyncio.Queue[Any], over: asyncio.Event) -> None:
        self._pieces = pieces
        self._over = over

    async def __anext__(self) -> bytes:
        piece = await self._pieces.get()
        if piece is _END:
            raise StopAsyncIteration
        if isinstance(piece, Exception):
            raise piece
        found: bytes = piece
        return found

    def close(self) -> None:
        """Take no more pieces."""
        self._over.set()
        while not self._pieces.empty():  # a `put` that waits has to see it
            self._pieces.get_nowait()

    async def aclose(self) -> None:
        """Take no more pieces."""
        self.close()


def _response(start: Event, body: Any) -> Response:
    fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in start.get("headers", ())]
    response = Response(body, start["status"], fields)
    if not any(name.lower() == "content-type" for name, _ in fields):
        del response.headers["Content-Type"]
    return response


class _Conversation:
    """A WebSocket as the program sees it."""

    def __init__(self, socket: WebSocket, program: Program) -> None:
        self._socket = socket
        self._program = program
        self._connected = False

    async def run(self, http: Values) -> None:
        """Let the program talk to the client. Raises 403 if it refuses."""
        secure = {"http": "ws", "https": "wss"}[http["scheme"]]
        offered = list(self._socket.offered_subprotocols)
        scope = {**http, "type": "websocket", "scheme": secure, "subprotocols": offered}
        del scope["method"]
        await self._program(scope, self._receive, self._send)

    async def _receive(self) -> Event:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        try:
            message = await self._socket.receive()
        except WebSocketClosed as end:
            return {"type": "websocket.disconnect", "code": end.code, "reason": end.reason}
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def _send(self, event: Event) -> None:
        socket = self._socket
        kind = event["type"]
        if kind == "websocket.accept":
            fields = [
                (n.decode("latin-1"), v.decode("latin-1")) for n, v in event.get("headers") or ()
            ]
            await socket.accept(event.get("subprotocol"), fields)
        elif kind == "websocket.send":
            text = event.get("text")
            try:
                await socket.send(event["bytes"] if text is None else text)
            except WebSocketClosed:
                raise OSError("The client has gone.") from None
        elif kind == "websocket.close":
            if not socket.accepted:
                raise Forbidden("The WebSocket was refused.")
            code = event.get("code") or 1000
            if not is_sendable(code):
                # NOTE: programs hand on what they have read; uvicorn and others send any number.
                code = 1000 if code == NO_STATUS else 1011
            await socket.close(code, event.get("reason") or "")
        else:
            raise RuntimeError(f"The ASGI program sent {kind!r} on a WebSocket.")


@asynccontextmanager
async def _lifespan(program: Program, state: Values) -> AsyncIterator[None]:
    """Start the program, and stop it at the end. A program without a lifespan raises at its first
    event (ASGI: the server goes on without)."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    answers: asyncio.Queue[Event] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": _SPEC, "state": state}
    task = asyncio.ensure_future(program(scope, events.get, answers.put))
    try:
        await events.put({"type": "lifespan.startup"})
        started = await _answer_of(task, answers)
        if started is not None and started["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"A mounted ASGI program: {started.get('message', '')}")
        yield
        if started is not None and not task.done():
            await events.put({"type": "lifespan.shutdown"})
            stopped = await _answer_of(task, answers)
            if stopped is not None and stopped["type"] == "lifespan.shutdown.failed":
                _logger.error("A mounted ASGI program: %s", stopped.get("message", ""))
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _answer_of(task: asyncio.Future[None], answers: asyncio.Queue[Event]) -> Event | None:
    """Return the next event of the program, None if it ends without one."""
    waiting: asyncio.Future[Any] = asyncio.ensure_future(answers.get())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done() or not answers.empty():
        event: Event = await waiting
        return event
    waiting.cancel()
    if not task.cancelled() and task.exception() is not None:
        _logger.debug("A mounted ASGI program has no lifespan", exc_info=task.exception())
    return None
