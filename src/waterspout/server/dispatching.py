"""Where a request's pipeline runs: in a task on the loop, in one worker thread, at once,
or behind the program's own WSGI door. Decided by the request's `Plan`."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections.abc import Coroutine
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .. import pipeline, signals
from ..current import enter
from ..drivers import SYNC, drive
from ..http.written import SENT, Written
from ..log import printable
from ..pipeline import Answer, Plain
from .answers import (
    close_quietly,
    encoded,
    ends_from_outside,
    error_response,
    internal_error,
)
from .outgoing import plain_head
from .sending import send_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from ..app import App
    from ..context import RequestContext
    from ..http.incoming import Incoming
    from .connection import Connection
    from .exchange import Exchange
    from .outgoing import Outgoing
    from .serving import Server

_logger = logging.getLogger("waterspout.server")

#: Bytes of a WSGI answer that are read in the thread that made it.
_TAKEN_AT_ONCE = 256 * 1024


# -- on the loop ---------------------------------------------------------------------


async def run_lone(connection: Connection, exchange: Exchange) -> None:
    """Do what `run_on_loop` does, for a route that has nothing but an `async def` view.

    PERF: half of the steps of `pipeline.respond`, as long as the view touches nothing and
    returns a plain value. Everything else goes on in the general way from where it is.
    """
    ctx: Any = exchange.ctx
    enter(ctx)
    ctx._opened = True
    try:
        args = ctx._view_args
        view = ctx.plan.view  # PERF: to call it as it is looked up would be slower
        # PERF: a call with keywords copies them, be they none.
        rv = await (view(**args) if args else view())
        if (
            ctx._live_session is None
            and ctx._after is None
            and not exchange.incoming.has_cookie
            and not exchange.abandoned
            and not signals.watched
        ):
            kind = type(rv)
            if kind is Written:
                head = plain_head(rv, ctx.plan.default_fields) if rv.exact else None
                if head is not None:
                    connection.write_plain(exchange, head, rv.body, rv.status)
                    return
                if rv.is_whole:
                    connection.write(exchange, encoded(connection.app, exchange, rv))
                    return
            elif ctx._request is None:
                plain = ctx.plan.plain_heads.get(kind)
                if plain is not None:
                    connection.write_plain(exchange, plain[0], plain[1](rv))
                    return
    except Exception as error:
        await _answer(connection, exchange, pipeline.recover(ctx, connection.driver, error))
    except BaseException as error:
        await _answer(connection, exchange, _raise(error))
    else:
        await _answer(connection, exchange, pipeline.conclude(ctx, connection.driver, rv))


async def _raise(error: BaseException) -> Answer:
    raise error


async def run_on_loop(connection: Connection, exchange: Exchange) -> None:
    """Take a request from its context to the last byte of its answer."""
    ctx = exchange.ctx
    assert ctx is not None
    ctx.enter()
    await _answer(connection, exchange, pipeline.respond(ctx, connection.driver))


async def _answer(
    connection: Connection, exchange: Exchange, stage: Coroutine[Any, Any, Answer]
) -> None:
    """Await the stage that makes the answer, send it, and end the request's context.

    The guard of a request's work on the loop: what the stage raises is answered, and what fails
    besides cuts the connection, unless somebody else ends the work.
    """
    ctx = exchange.ctx
    assert ctx is not None
    app = connection.app
    server = connection.server
    try:
        try:
            result: Any = await stage
        except BaseException as error:
            if ends_from_outside(exchange, error):
                if isinstance(error, asyncio.CancelledError):
                    await _end_anyway(connection, ctx)
                raise
            if server.ends_by(error):
                return
            # NOTE: a view that says sys.exit() ends its request, not the server.
            result = internal_error(app, exchange, error, server)
        outgoing = None
        if not (type(result) is Plain or result is SENT):
            outgoing = encoded(app, exchange, result)
            if _outlives(ctx, exchange, outgoing):
                try:
                    await _deliver(connection, exchange, result, outgoing)
                finally:
                    await _end_anyway(connection, ctx)
                return
        if outgoing is not None or ctx.must_close():
            try:
                await close_quietly(app, ctx, connection.driver, server)
            except asyncio.CancelledError:
                await _end_anyway(connection, ctx)
                raise
        if outgoing is not None:
            await _deliver(connection, exchange, result, outgoing)
        elif not (result is SENT or exchange.abandoned):
            # PERF: the plain answer of a view that touched nothing.
            connection.write_plain(exchange, *result)
    except BaseException as error:
        if ends_from_outside(exchange, error):
            raise
        cut(connection, exchange, error)


async def _end_anyway(connection: Connection, ctx: RequestContext) -> None:
    """End the request's context, also while this task is being cancelled."""
    ending = close_quietly(connection.app, ctx, connection.driver)
    await asyncio.shield(connection.server.keep(ending))


def cut(connection: Connection, exchange: Exchange, error: BaseException) -> None:
    """Log an error in a request's work that no answer can be made of, and close the connection
    at once, so that its client does not wait."""
    connection.app.logger.error(
        "%s %s could not be answered: the connection is closed",
        exchange.incoming.method,
        printable(exchange.incoming.path),
        exc_info=error,
    )
    if exchange.timer is not None:
        exchange.timer.cancel()
    exchange.abandoned = True
    connection.abort()


async def answer_early(connection: Connection, exchange: Exchange, rv: Any) -> None:
    """Finish and send the answer of an endpoint that goes on working."""
    ctx = exchange.ctx
    assert ctx is not None
    exchange.early = asyncio.current_task()
    response = await pipeline.finish_early(ctx, connection.driver, rv)
    await _deliver(connection, exchange, response, encoded(connection.app, exchange, response))


async def _deliver(
    connection: Connection, exchange: Exchange, result: Any, outgoing: Outgoing
) -> None:
    if outgoing.body is None and not exchange.is_head:
        await send_stream(connection, exchange, result, outgoing)
    else:
        connection.deliver(exchange, result, outgoing)


def _outlives(ctx: RequestContext, exchange: Exchange, outgoing: Outgoing) -> bool:
    """Whether the context is ended only after the body has been streamed."""
    streams = outgoing.body is None and not exchange.is_head
    return streams and ctx.outlasts_body()


# -- in this thread ------------------------------------------------------------------


def run_inline(connection: Connection, exchange: Exchange) -> None:
    """Run a request at once, on the loop's thread; in a worker thread while somebody listens to
    signals: a receiver may block, or be `async def`."""
    if signals.has_listeners():
        connection.server.lanes.views.submit(run_in_thread, connection, exchange)
        return
    exchange.context = context = contextvars.copy_context()
    try:
        answer = context.run(answer_sync, connection.app, exchange, connection.server)
        connection.take_answer(exchange, *answer)
    except BaseException as error:
        cut(connection, exchange, error)


def run_in_thread(connection: Connection, exchange: Exchange) -> None:
    """Run a request that is all `def` to its end in this worker thread, unless its client has left
    while it waited for the thread."""
    if exchange.abandoned and exchange.ends_with_client():
        connection.server.lanes.views.answer(exchange.discard_body)
        return
    exchange.context = context = contextvars.copy_context()
    answered = connection.server.lanes.views.answer
    try:
        answer = context.run(answer_sync, connection.app, exchange, connection.server)
    except BaseException as error:
        answered(cut, connection, exchange, error)
    else:
        answered(connection.take_answer, exchange, *answer)


def answer_sync(app: App, exchange: Exchange, server: Server | None) -> tuple[Any, Outgoing | None]:
    """Drive a request's pipeline synchronously, in its own context. Return the response and
    its bytes, or the plain answer and None."""
    ctx = exchange.ctx
    assert ctx is not None
    ctx.enter()
    try:
        result: Any = drive(pipeline.respond(ctx, SYNC))
    except BaseException as error:
        result = internal_error(app, exchange, error, server)
    outgoing = None
    if not (type(result) is Plain or result is SENT):
        outgoing = encoded(app, exchange, result)
        if _outlives(ctx, exchange, outgoing):
            return result, outgoing
    if ctx.must_close():
        drive(close_quietly(app, ctx, SYNC))
    return result, outgoing


# -- behind the WSGI door --------------------------------------------------------------


def run_wsgi(connection: Connection, exchange: Exchange) -> None:
    """Run a request through the program's own WSGI door in this worker thread."""
    exchange.context = context = contextvars.copy_context()
    incoming = exchange.incoming
    server = connection.server
    app = connection.app
    debugger = server.debugger
    door = app if debugger is None or not debugger.wants(incoming) else debugger.door
    answered = server.lanes.views.answer
    try:
        environ = incoming.to_environ()
        response = context.run(wsgi_response, app, incoming, environ, server, door)
        outgoing = encoded(app, exchange, response)
    except BaseException as error:
        answered(cut, connection, exchange, error)
    else:
        answered(connection.take_answer, exchange, response, outgoing)


def wsgi_response(
    app: App,
    incoming: Incoming,
    environ: WSGIEnvironment,
    server: Server | None,
    door: Any = None,
) -> Any:
    """Return the response of a WSGI application to *environ*; of *app* if *door* is None."""
    body = incoming.body
    environ["wsgi.input"] = BytesIO(body) if isinstance(body, bytes) else body
    environ["wsgi.errors"] = sys.stderr
    try:
        response = app.response_class.from_app(door or app, environ)
        # PERF: a body of known length is taken here, in one thread hop instead of three.
        length = response.content_length
        if length is not None and length <= _TAKEN_AT_ONCE:
            response.make_sequence()
        return response
    except BaseException as error:
        _logger.exception(
            "Error in the application on %s %s", incoming.method, printable(incoming.path)
        )
        return error_response(app, error, incoming, server)
