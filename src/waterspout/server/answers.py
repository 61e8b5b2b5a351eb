"""What a connection does with an application: run it in a thread, and turn results, errors
and refusals into answers."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import InternalServerError

from .. import pipeline
from ..pipeline import SYNC, Driver, drive
from .outgoing import BadResponse, Outgoing, encode, has_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from ..app import App
    from ..context import RequestContext
    from ..http.incoming import Incoming
    from .connection import Connection
    from .exchange import Exchange
    from .http1 import ProtocolError
    from .serving import Server

__all__ = ["has_body"]

_logger = logging.getLogger("waterspout.server")

#: Bytes of a WSGI answer that are read in the thread that made it.
_TAKEN_AT_ONCE = 256 * 1024


# -- in a worker thread ------------------------------------------------------------


def run_in_thread(connection: Connection, exchange: Exchange) -> None:
    """Run a request that is all `def` to its end in this worker thread."""
    context = contextvars.copy_context()
    exchange.context = context
    lane = connection.server.lanes.views

    made: list[tuple[Exchange, Any, Outgoing | None]] = []

    context.run(answer_sync, connection, exchange, lambda *answer: made.append(answer))
    # NOTE: only now: a stream's task may enter the context, and one thread at a time can be in it.
    lane.answer(connection._take_result, *made[0])


def answer_sync(
    connection: Connection,
    exchange: Exchange,
    deliver: Callable[[Exchange, Any, Outgoing | None], None],
) -> None:
    """Drive a request's pipeline synchronously in its own context and deliver the answer."""
    ctx = exchange.ctx
    assert ctx is not None
    app = connection.app
    ctx.enter()
    try:
        result: Any = drive(pipeline.respond(ctx, SYNC))
    except Exception as error:
        result = drive(internal_error(app, ctx, error, connection.server))
    if type(result) is tuple:
        if ctx.must_close():
            drive(close_quietly(app, ctx, SYNC))
        deliver(exchange, result, None)
        return
    outgoing = encoded(app, exchange, result)
    streamed = outgoing.body is None and not exchange.is_head
    if not (streamed and (ctx.keep_context or app.config["STREAM_KEEPS_CONTEXT"])):
        drive(close_quietly(app, ctx, SYNC))
    deliver(exchange, result, outgoing)


def run_wsgi(connection: Connection, exchange: Exchange) -> None:
    """Run a request through the program's own WSGI door in this worker thread."""
    context = contextvars.copy_context()
    exchange.context = context
    incoming = exchange.incoming
    server = connection.server
    app = connection.app
    debugger = server.debugger
    door = app if debugger is None or not debugger.wants(incoming) else debugger.door
    environ = incoming.to_environ()
    response = context.run(wsgi_response, app, incoming, environ, server, door)
    outgoing = encoded(app, exchange, response)
    server.lanes.views.answer(connection._take_result, exchange, response, outgoing)


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
    except Exception as error:
        _logger.exception("Error in the application on %s %s", incoming.method, incoming.path)
        return error_response(app, error, incoming, server)


# -- results -----------------------------------------------------------------------


def encoded(app: App, exchange: Exchange, response: Any) -> Outgoing:
    """Return the response as bytes; one that must not be sent becomes a logged 500."""
    try:
        return encode(response, exchange.incoming)
    except BadResponse as error:
        app.logger.error(
            "The response to %s %s was not sent: %s",
            exchange.incoming.method,
            exchange.incoming.path,
            error,
        )
    except Exception:
        app.logger.exception(
            "The response to %s %s could not be made",
            exchange.incoming.method,
            exchange.incoming.path,
        )
    close_response(response)
    return plain_error(500)


def close_response(response: Any) -> None:
    """Run a response's close functions; their errors are logged."""
    try:
        response.close()
    except Exception:
        _logger.exception("Error while closing a response")


async def close_quietly(app: App, ctx: RequestContext, drv: Driver) -> None:
    """End a request; errors of teardown functions are logged, the answer is not lost."""
    try:
        await pipeline.close(ctx, drv)
    except Exception:
        app.logger.exception("Error in a teardown function")


async def internal_error(
    app: App, ctx: RequestContext, error: Exception, server: Server | None
) -> Any:
    """Return the response for an error that the application let out: PROPAGATE_EXCEPTIONS,
    or a failing error handler."""
    incoming = ctx._incoming
    assert incoming is not None
    app.logger.error(
        f"Exception on {incoming.path} [{incoming.method}]",
        exc_info=(type(error), error, error.__traceback__),
    )
    return error_response(app, error, incoming, server)


def error_response(app: App, error: Exception, incoming: Incoming, server: Server | None) -> Any:
    """Return a plain 500 response, or in debug mode the page that explains *error*."""
    if server is not None and server.debugger is not None:
        return server.debugger.page(error, incoming)
    return app.response_class.force_type(InternalServerError().get_response())


# -- answers of the server's own -----------------------------------------------------


def _text(status: int, reason: str) -> bytes:
    return f"{status} {reason}\n".encode("latin-1", "replace")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def plain_error(status: int) -> Outgoing:
    """Return a short answer that needs no application."""
    body = _text(status, _phrase(status))
    extra = "Retry-After: 1\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {_phrase(status)}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"{extra}Content-Length: {len(body)}\r\n"
    )
    return Outgoing(status, head.encode(), len(body), body)


def refusal(error: ProtocolError, date_line: bytes) -> bytes:
    """Return the answer to bytes that are no acceptable HTTP."""
    outgoing = plain_error(error.status)
    return b"%b%bConnection: close\r\n\r\n%b" % (outgoing.head, date_line, outgoing.body or b"")


def log_refused(server: Server, client: tuple[str, int] | None, error: ProtocolError) -> None:
    """Log a refused request, without anything the client chose."""
    _logger.info(
        "Refused a request from %s with %d: %s",
        client[0] if client else "a local socket",
        error.status,
        error.reason,
    )
