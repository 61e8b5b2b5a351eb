"""The life of one request under an ASGI server: receive, run the pipeline, send.

Theory of operation. The server's task receives the body and then waits for two tasks: *work*
runs the pipeline and sends the response, *watch* detects that the client has disconnected and
cancels the work if the route wants that. Whatever happens, the response is closed once, the
request's teardown functions run once, and nothing is sent after the response of a time limit (504).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected

from ... import signals
from ...concurrency.coroutines import drive
from ...concurrency.request_thread import NoThread, RequestThread, run_beside, see_through, task_in
from ...concurrency.thread_pools import LaneFull, lanes_of
from ...context.variables import enter
from ...dispatch import pipeline
from ...dispatch.drivers import SYNC, LoopDriver
from ...dispatch.entry import receive as receive_message
from ...dispatch.pipeline import Plain
from ...dispatch.plan import Where
from ...http.prepared import SENT
from ...log import printable
from ...server.error_responses import (
    close_in_thread,
    close_quietly,
    encoded,
    ends_from_outside,
    error_response,
    has_body,
    internal_error,
    own_answer,
)
from ...server.exchange import ChannelReader, Exchange, RefusedBody
from ...server.http1.body_pieces import AsyncPieces, SyncPieces, first_pieces, pieces
from ...server.http1.runner import wsgi_response
from .body import RequestBody
from .scopes import Receive, Scope, Send, header_pairs, message_of

if TYPE_CHECKING:
    from ...context.request_context import RequestContext
    from ...interfaces import Application
    from ...server.http1.response_encoder import Outgoing

__all__ = ["Answer"]


#: Pieces that a `def` body may be ahead of the server, which has a buffer of its own.
_AHEAD = 4


class Answer:
    """Handles one ``http`` scope to its end."""

    def __init__(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        self.app = app
        self.send = send
        self.loop = asyncio.get_running_loop()
        self.lanes = lanes_of(self.loop)
        self.exchange = exchange = Exchange()
        exchange.incoming = message_of(scope)
        self.body = RequestBody(exchange, receive, self.lanes)
        exchange.incoming.peer = self
        self.started = False
        #: Called with an error that the program raises, instead of logging it; for test clients.
        self.on_error: Callable[[Exception], None] | None = None
        self._late: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Receive the body, run the pipeline, send the response."""
        exchange = self.exchange
        if not self.app.waterspout_needs_wsgi:
            exchange.ctx = ctx = receive_message(self.app, exchange.incoming)
            if ctx is not None:
                exchange.plan = ctx.plan
        try:
            await self._receive_body()
        except ClientDisconnected:
            exchange.discard_body()
            return
        except BaseException:
            exchange.discard_body()
            raise
        exchange.context = context = contextvars.copy_context()
        exchange.driver = LoopDriver(RequestThread(self.lanes.views, context))
        if exchange.ctx is not None:
            exchange.ctx.driver = exchange.driver
            exchange.ctx.variables = context
        work = exchange.task = task_in(context, self._work())
        watch = self.loop.create_task(self._watch(work))
        timer = None
        if exchange.plan is not None and exchange.plan.timeout is not None:
            timer = self.loop.call_later(exchange.plan.timeout, self._overrun, work)
        try:
            await asyncio.wait({work})
            if self._late is not None:
                await self._late
            if not work.cancelled():
                work.result()
        except asyncio.CancelledError:
            exchange.abandoned = True
            work.cancel()
            await asyncio.wait({work})
            raise
        finally:
            watch.cancel()
            if timer is not None:
                timer.cancel()
            exchange.discard_body()

    async def _receive_body(self) -> None:
        exchange = self.exchange
        body = self.body
        if body.complete:
            return
        plan = exchange.plan
        incoming: Any = exchange.incoming
        ctx = exchange.ctx  # possibly that of a mounted application
        body.limit = (self.app if ctx is None else ctx.app).waterspout_body_limit(plan)
        if plan is not None and plan.stream:
            incoming.channel = body
            incoming.body = ChannelReader(body, self.loop)
        elif (error := await body.collect()) is not None:
            if exchange.ctx is None:
                incoming.body = RefusedBody(error)
            else:
                exchange.ctx.request.routing_exception = error

    async def _watch(self, work: asyncio.Task[None]) -> None:
        """Cancel the work for a client that has disconnected, unless the route finishes it."""
        await self.body.watch()
        exchange = self.exchange
        exchange.abandoned = True
        if exchange.on_gone is not None:
            exchange.on_gone()
        answering = self.started
        if exchange.early is not None:
            exchange.early.cancel()
            answering = False  # the endpoint's task has other work to do
        if answering or exchange.ends_with_client():
            work.cancel()

    async def disconnected(self) -> None:
        """Wait until the disconnection of the client has been noticed."""
        await self.body.disconnected()

    def when_gone(self, ctx: RequestContext, callback: Callable[[], object]) -> None:
        """Call *callback* if the client disconnects before the response is complete."""
        self.exchange.on_gone = callback

    def thread_of(self, ctx: RequestContext) -> RequestThread | None:
        """Return the thread and the context of the request of *ctx*, while it is the current
        one."""
        return self.driver.thread if self.exchange.ctx is ctx else None

    def _overrun(self, work: asyncio.Task[None]) -> None:
        """The route's time limit has passed: send 504 and drop the view's response."""
        exchange = self.exchange
        if self.started or exchange.abandoned or work.done():
            return
        incoming = exchange.incoming
        self.app.logger.error(
            "%s %s took longer than its limit: 504", incoming.method, printable(incoming.path)
        )
        exchange.abandoned = True
        self._late = self.loop.create_task(self._send_whole(own_answer(self.app, exchange, 504)))
        work.cancel()

    # -- running -------------------------------------------------------------------

    async def _work(self) -> None:
        """Make and send the response: the guard of a request's work. An error that nothing has
        handled becomes a 500; after the header section it is raised to the server, which closes the
        connection."""
        try:
            await self._run()
        except NoThread as error:
            if not self.exchange.abandoned:
                self.app.logger.warning("503: %s", error)
                await self._send_whole(own_answer(self.app, self.exchange, 503))
        except BaseException as error:
            if ends_from_outside(self.exchange, error):
                raise
            if not self.started and self.on_error is None:
                response = internal_error(self.app, self.exchange, error, None)
                outgoing = encoded(self.app, self.exchange, response)
                if not self.exchange.abandoned:
                    await self._send_whole(outgoing)
            elif isinstance(error, Exception):
                raise
            else:  # a task may not raise it
                raise RuntimeError(f"{type(error).__name__} has ended an answer") from error
        finally:
            self.driver.end()

    @property
    def driver(self) -> LoopDriver:
        """Return what calls the functions of the request, in its context and in one thread."""
        driver = self.exchange.driver
        assert driver is not None
        return driver

    async def _run(self) -> None:
        exchange = self.exchange
        plan = exchange.plan
        if exchange.ctx is None:
            environ = exchange.incoming.to_environ()
            await self._run_in_thread(partial(self._run_wsgi, environ))
        elif plan is None or plan.where == Where.LOOP:
            await self._run_on_loop(exchange.ctx)
        elif plan.where == Where.INLINE and not signals.watched:
            response, outgoing = self._run_sync()
            self.driver.begin()
            await self._deliver(response, outgoing)
        else:
            await self._run_in_thread(self._run_sync)

    async def _run_on_loop(self, ctx: RequestContext) -> None:
        ctx.enter()
        try:
            try:
                result: object = await pipeline.respond(ctx, self.driver)
            except NoThread:
                raise
            except BaseException as error:
                if ends_from_outside(self.exchange, error):
                    raise
                result = self._let_out(error)
            if result is not SENT:
                response, outgoing = self._encoded(result)
        except NoThread:
            raise
        except BaseException:
            await self._through(self._end())
            raise
        if result is SENT:
            await self._through(self._end())
            return
        try:
            if not self._keeps(outgoing):
                await self._through(self._end())
                enter(None)  # a body that is made while it is sent must not find an ended request
        finally:  # if the client has disconnected meanwhile, the response is only closed
            await self._deliver(response, outgoing)

    async def answer_early(self, ctx: RequestContext, rv: object) -> None:
        """Send the response of an endpoint that goes on working."""
        exchange = self.exchange
        exchange.early = asyncio.current_task()
        self.driver.begin()
        with self.driver.thread.shared():
            response = await pipeline.finish_early(ctx, self.driver, rv)
            await self._send_and_close(response, encoded(self.app, exchange, response))

    async def _run_in_thread(self, run: Callable[[], tuple[object, Outgoing]]) -> None:
        step = self.driver.thread.start(run)
        try:
            response, outgoing = await step
        except asyncio.CancelledError:
            if step.done() and not step.cancelled() and step.exception() is None:
                self.exchange.abandoned = True  # its response is closed, not sent
                await self._through(self._deliver(*step.result()))
            raise
        await self._deliver(response, outgoing)

    def _run_sync(self) -> tuple[object, Outgoing]:
        app = self.app
        ctx = self.exchange.ctx
        assert ctx is not None
        ctx.enter()
        try:
            result: object = drive(pipeline.respond(ctx, SYNC))
        except BaseException as error:
            result = self._let_out(error)
        response, outgoing = self._encoded(result)
        if not self._keeps(outgoing):
            drive(close_quietly(app, ctx, SYNC))
            enter(None)  # as on the loop
        return response, outgoing

    def _run_wsgi(self, environ: Any) -> tuple[object, Outgoing]:
        response = wsgi_response(self.app, self.exchange.incoming, environ, None)
        return response, encoded(self.app, self.exchange, response)

    def _let_out(self, error: BaseException) -> object:
        if self.on_error is None or not isinstance(error, Exception):
            return internal_error(self.app, self.exchange, error, None)
        self.on_error(error)
        return error_response(self.app, error, self.exchange.incoming, None)

    def _encoded(self, result: object) -> tuple[object, Outgoing]:
        if type(result) is Plain:
            head, body = result
            kind = head.split(b"\r\n", 2)[1].partition(b": ")[2].decode("latin-1")
            result = self.app.response_class(body, content_type=kind)
        return result, encoded(self.app, self.exchange, result)

    # -- the response ----------------------------------------------------------------

    def _streams(self, outgoing: Outgoing) -> bool:
        return outgoing.body is None and not self.exchange.is_head

    def _keeps(self, outgoing: Outgoing) -> bool:
        """Whether the request ends only after its body was sent."""
        ctx = self.exchange.ctx
        if ctx is None or not self._streams(outgoing):
            return False
        return ctx.outlasts_body()

    async def _deliver(self, response: object, outgoing: Outgoing) -> None:
        """Send a response unless it was abandoned, close it, and end the request if it was
        kept for its body."""
        keeps = self._keeps(outgoing)
        try:
            await self._send_and_close(response, outgoing)
        finally:
            if keeps:
                await self._through(self._end())

    async def _send_and_close(self, response: object, outgoing: Outgoing) -> None:
        thread = self.driver.thread
        if not self._streams(outgoing):
            try:
                if not self.exchange.abandoned:
                    await self._send_whole(outgoing)
            finally:
                await self._through(close_in_thread(response, thread))
            return
        try:
            body = pieces(response, thread, _AHEAD)
        except LaneFull as error:
            await self._through(close_in_thread(response, thread))
            raise NoThread(str(error)) from None
        sending = self._send_body(outgoing, body)
        if isinstance(body, AsyncPieces):
            await sending
        else:  # the thread is in the request's context; the sender runs in another one
            await run_beside(sending, body.context)

    async def _send_body(self, outgoing: Outgoing, body: AsyncPieces | SyncPieces) -> None:
        try:
            if not self.exchange.abandoned:
                await self._send_stream(outgoing, body)
        finally:
            await see_through(task_in(body.context, body.aclose()))

    async def _end(self) -> None:
        """Run the teardown functions."""
        ctx = self.exchange.ctx
        if ctx is not None:
            await close_quietly(self.app, ctx, self.driver)

    async def _through(self, ending: Coroutine[object, object, None]) -> None:
        """Await something to its end, even if this task is cancelled meanwhile."""
        thread = self.driver.thread
        thread.must_finish = True
        await see_through(task_in(thread.context, ending))

    async def _send_head(self, outgoing: Outgoing) -> None:
        self.started = True
        await self._put(
            {
                "type": "http.response.start",
                "status": outgoing.status,
                "headers": header_pairs(outgoing.head, closes=outgoing.closes),
            }
        )

    async def _send_whole(self, outgoing: Outgoing) -> None:
        body = outgoing.body or b""
        if self.exchange.is_head or not has_body(outgoing.status):
            body = b""
        elif outgoing.length is not None and outgoing.length != len(body):
            self.app.logger.error(
                "An answer of %d bytes was declared with Content-Length %d",
                len(body),
                outgoing.length,
            )
            body = body[: outgoing.length]
        with suppress(_ClientGone):
            await self._send_head(outgoing)
            await self._put({"type": "http.response.body", "body": body})

    async def _send_stream(self, outgoing: Outgoing, body: AsyncPieces | SyncPieces) -> None:
        left = outgoing.length if has_body(outgoing.status) else 0
        batch = await first_pieces(body)
        with suppress(_ClientGone):
            await self._send_head(outgoing)
            while batch is not None and left != 0:
                for piece in batch:
                    data = piece if left is None else piece[:left]
                    if left is not None:
                        left -= len(data)
                    if data:
                        message = {"type": "http.response.body", "body": data, "more_body": True}
                        await self._put(message)
                batch = await body.take()
            await self._put({"type": "http.response.body", "body": b""})

    async def _put(self, message: dict[str, object]) -> None:
        try:
            await self.send(message)
        except OSError as error:  # ASGI: `send` may raise it when the client has gone
            raise _ClientGone from error


class _ClientGone(Exception):
    """Raised by `Answer._put`."""
