"""The ASGI door (ASGI 3.0): ``await app(scope, receive, send)``, under uvicorn, granian,
hypercorn and other servers.

The same pipeline as on the native server, driven in the server's task. Limits and
timeouts of the connection are the server's business; those of the body and the route
are kept here.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from . import pipeline
from .endpoint import Where
from .http.incoming import Incoming
from .lanes import LaneFull, Lanes
from .pipeline import SYNC, LoopDriver, drive
from .reception import receive as receive_message
from .server.answers import (
    close_quietly,
    close_response,
    encoded,
    internal_error,
    plain_error,
    wsgi_response,
)
from .server.exchange import Exchange
from .server.lifespan import Lifespan
from .server.sending import pieces

if TYPE_CHECKING:
    from .app import App
    from .server.outgoing import Outgoing

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, Lanes] = WeakKeyDictionary()
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def lanes_of(loop: asyncio.AbstractEventLoop) -> Lanes:
    """Return the lanes of an event loop that another server runs."""
    found = _lanes.get(loop)
    if found is None:
        found = _lanes[loop] = Lanes.for_loop(loop)
    return found


async def serve(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI scope: a request, or the lifespan of the process."""
    kind = scope["type"]
    if kind == "http":
        await _Answer(app, scope, receive, send).run()
    elif kind == "lifespan":
        await _lifespan(app, receive, send)
    elif kind == "websocket":
        await send({"type": "websocket.close", "code": 1000})
    else:
        raise ValueError(f"ASGI scope type {kind!r} is not supported")


async def _lifespan(app: App, receive: Receive, send: Send) -> None:
    loop = asyncio.get_running_loop()
    lifespan = Lifespan(app, lanes_of(loop))
    await receive()
    try:
        await lifespan.startup()
    except Exception as error:
        cause = error.__cause__ or error
        await send({"type": "lifespan.startup.failed", "message": f"{error}: {cause}"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await lifespan.shutdown(10.0)
    lanes = _lanes.pop(loop, None)
    if lanes is not None:
        lanes.close()
    await send({"type": "lifespan.shutdown.complete"})


class _Channel:
    """The pieces of a streamed request body, from `receive`."""

    def __init__(self, answer: _Answer, limit: int | None) -> None:
        self._answer = answer
        self._limit = limit
        self._total = 0

    async def receive(self) -> bytes:
        """Return the next piece, empty at the end. Raises 413, or 400 if the client left."""
        answer = self._answer
        while not answer.complete:
            data = await answer.next_piece()
            self._total += len(data)
            if self._limit is not None and self._total > self._limit:
                raise RequestEntityTooLarge()
            if data:
                return data
        return b""


class _Answer:
    """One request of an ASGI server and its answer."""

    def __init__(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        self.app = app
        self.receive = receive
        self.send = send
        self.loop = asyncio.get_running_loop()
        self.lanes = lanes_of(self.loop)
        self.incoming = incoming = _incoming(scope)
        incoming.peer = self
        self.exchange = Exchange(incoming, keep_alive=True)
        self.complete = False
        self.started = False
        self.gone = asyncio.Event()

    async def run(self) -> None:
        """Receive the body, run the pipeline, send the answer."""
        app = self.app
        if app.needs_wsgi:
            await self._receive_body(app.body_limit(None))
            await self._answer_by_wsgi()
            return
        ctx = self.exchange.ctx = receive_message(app, self.incoming)
        plan = ctx.plan
        if self.incoming.method not in ("GET", "HEAD") or self._announces_body():
            limit = app.body_limit(plan)
            if plan is not None and plan.stream:
                self.incoming.channel = _Channel(self, limit)
            elif not await self._receive_body(limit):
                ctx.request.routing_exception = RequestEntityTooLarge()
        else:
            self.complete = True
        work = self.loop.create_task(self._work())
        watch = self.loop.create_task(self._watch(work))
        timeout = None if plan is None else plan.timeout
        try:
            _, late = await asyncio.wait({work}, timeout=timeout)
            if late:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({work})
                if not self.started:
                    await self._send_whole(plain_error(504))
                return
            if not work.cancelled():
                work.result()
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.wait({work})
            raise
        finally:
            watch.cancel()
            self.exchange.discard_body()

    async def _work(self) -> None:
        ctx = self.exchange.ctx
        assert ctx is not None
        plan = ctx.plan
        if plan is None or plan.where == Where.LOOP:
            await self._run_on_loop()
        elif plan.where == Where.INLINE:
            result, outgoing = self._run_sync()
            await self._finish(result, outgoing, contextvars.copy_context())
        else:
            context = contextvars.copy_context()
            try:
                found = await self.lanes.views.run(context.run, self._run_sync)
            except LaneFull as error:
                self.app.logger.warning("503: %s", error)
                await self._send_whole(plain_error(503))
                return
            result, outgoing = found
            await self._finish(result, outgoing, context)

    # -- running -------------------------------------------------------------------

    async def _run_on_loop(self) -> None:
        ctx = self.exchange.ctx
        assert ctx is not None
        app = self.app
        drv = LoopDriver(self.lanes)
        ctx.enter()
        try:
            try:
                result: Any = await pipeline.respond(ctx, drv)
            except Exception as error:
                result = await internal_error(app, ctx, error, None)
            result, outgoing = self._encoded(result)
            keep = _streams(outgoing) and _keeps(app, ctx)
            if not keep:
                await close_quietly(app, ctx, drv)
        except asyncio.CancelledError:
            await close_quietly(app, ctx, drv)
            raise
        try:
            await self._send(result, outgoing, None)
        finally:
            if keep:
                await asyncio.shield(close_quietly(app, ctx, drv))

    def _run_sync(self) -> tuple[Any, Outgoing]:
        ctx = self.exchange.ctx
        assert ctx is not None
        app = self.app
        ctx.enter()
        try:
            result: Any = drive(pipeline.respond(ctx, SYNC))
        except Exception as error:
            result = drive(internal_error(app, ctx, error, None))
        result, outgoing = self._encoded(result)
        if not (_streams(outgoing) and _keeps(app, ctx)):
            drive(close_quietly(app, ctx, SYNC))
        return result, outgoing

    def _encoded(self, result: Any) -> tuple[Any, Outgoing]:
        if type(result) is tuple:
            head, body = result
            result = self.app.response_class(body, content_type=_content_type(head))
        return result, encoded(self.app, self.exchange, result)

    async def _finish(self, result: Any, outgoing: Outgoing, context: contextvars.Context) -> None:
        ctx = self.exchange.ctx
        assert ctx is not None
        try:
            await self._send(result, outgoing, context)
        finally:
            if _streams(outgoing) and _keeps(self.app, ctx):
                closing = close_quietly(self.app, ctx, SYNC)
                await asyncio.shield(
                    self.loop.create_task(self.lanes.views.run(context.run, drive, closing))
                )

    async def _answer_by_wsgi(self) -> None:
        environ = self.incoming.to_environ()
        context = contextvars.copy_context()
        response = await self.lanes.views.run(
            context.run, wsgi_response, self.app, self.incoming, environ, None
        )
        await self._send(response, encoded(self.app, self.exchange, response), context)

    # -- the body of the request ---------------------------------------------------------

    def _announces_body(self) -> bool:
        names = {name.lower() for name, _ in self.incoming.headers}
        return b"transfer-encoding" in names or b"content-length" in names

    async def _receive_body(self, limit: int | None) -> bool:
        """Collect the body; False above the limit."""
        exchange = self.exchange
        length = self.incoming.header(b"content-length")
        if limit is not None and length is not None and length.isdigit() and int(length) > limit:
            return False
        while not self.complete:
            data = await self.next_piece()
            if limit is not None and exchange.received + len(data) > limit:
                exchange.discard_body()
                return False
            if exchange.collect(data):
                await self.lanes.files.run(exchange.spool)
        exchange.finish_body()
        return True

    async def next_piece(self) -> bytes:
        """Return what `receive` gives next of the body."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self.gone.set()
            raise ClientDisconnected()
        self.complete = not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data

    async def _watch(self, work: asyncio.Task[None]) -> None:
        """Notice that the client goes away once the body is complete."""
        if not self.complete:
            return
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.gone.set()
        ctx = self.exchange.ctx
        plan = None if ctx is None else ctx.plan
        policy = None if plan is None else plan.on_disconnect
        if policy is None:
            policy = "cancel" if self.incoming.method in _SAFE else "finish"
        if policy == "cancel" or self.started:
            work.cancel()

    async def disconnected(self) -> None:
        """Wait until the client has gone."""
        await self.gone.wait()

    # -- the answer ----------------------------------------------------------------------

    async def _send_whole(self, outgoing: Outgoing) -> None:
        self.started = True
        await self.send(
            {
                "type": "http.response.start",
                "status": outgoing.status,
                "headers": _header_pairs(outgoing.head),
            }
        )
        body = b"" if self.exchange.is_head else outgoing.body or b""
        await self.send({"type": "http.response.body", "body": body})

    async def _send(
        self, response: Any, outgoing: Outgoing, context: contextvars.Context | None
    ) -> None:
        if outgoing.body is not None or self.exchange.is_head:
            await self._send_whole(outgoing)
            close_response(response)
            return
        body: Any = pieces(self.lanes, response, context)
        try:
            await self._send_pieces(outgoing, body)
        except OSError:
            pass  # the client has gone (ASGI: send may raise it)
        finally:
            await asyncio.shield(self.loop.create_task(body.aclose()))

    async def _send_pieces(self, outgoing: Outgoing, body: AsyncIterator[bytes]) -> None:
        self.started = True
        headers = _header_pairs(outgoing.head)
        await self.send(
            {"type": "http.response.start", "status": outgoing.status, "headers": headers}
        )
        left = outgoing.length
        async for piece in body:
            if not piece:
                continue
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            if left == 0:
                break
        await self.send({"type": "http.response.body", "body": b""})


def _streams(outgoing: Outgoing) -> bool:
    return outgoing.body is None


def _keeps(app: App, ctx: Any) -> bool:
    return bool(ctx.keep_context or app.config["STREAM_KEEPS_CONTEXT"])


def _content_type(head: bytes) -> str:
    return head.split(b"\r\n", 2)[1].partition(b": ")[2].decode("latin-1")


def _header_pairs(head: bytes) -> list[tuple[bytes, bytes]]:
    pairs = []
    for line in head.split(b"\r\n")[1:]:
        if line:
            name, _, value = line.partition(b": ")
            pairs.append((name.lower(), value))
    return pairs


def _incoming(scope: Scope) -> Incoming:
    raw = scope.get("raw_path")
    if raw is None:
        from_path: str = scope["path"]
        raw = from_path.encode("utf-8")
    query = scope.get("query_string", b"")
    incoming = Incoming(
        scope["method"],
        b"%b?%b" % (raw, query) if query else raw,
        [(bytes(name), bytes(value)) for name, value in scope["headers"]],
        version=scope.get("http_version", "1.1"),
        scheme=scope.get("scheme", "http"),
        root_path=scope.get("root_path", ""),
        client=_pair(scope.get("client")),
        server=_pair(scope.get("server")),
    )
    # The server decoded the path, and has (by the specification) put the prefix before it.
    path: str = scope["path"]
    incoming.path = path.removeprefix(incoming.root_path) or "/"
    return incoming


def _pair(value: Any) -> Any:
    return None if value is None else (value[0], value[1])
