"""Responses made of results, errors and refusals."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response as WerkzeugResponse

from ..concurrency.request_thread import RequestThread
from ..dispatch import pipeline
from ..dispatch.before_send import default_fields, pass_last, pass_last_aside
from ..dispatch.drivers import Driver, LoopDriver
from ..http.prepared import Written
from ..log import printable
from .http1.response_encoder import BadResponse, Outgoing, encode, has_body

if TYPE_CHECKING:
    from ..context.request_context import RequestContext
    from ..http.message import Incoming
    from ..interfaces import Application
    from .exchange import Exchange
    from .http1.parser import ProtocolError
    from .interfaces import ServerView

__all__ = ["has_body"]

_logger = logging.getLogger("waterspout.server")

#: The `close` methods that only close a body and call registered functions.
_OWN_CLOSES = (WerkzeugResponse.close, Written.close)


# -- results -----------------------------------------------------------------------


def encoded(app: Application, exchange: Exchange, response: Any) -> Outgoing:
    """Return the response as bytes; an invalid one becomes a logged 500."""
    ctx = exchange.ctx
    if ctx is not None and ctx.app.waterspout_before_send_funcs:  # without it WSGI has done it
        pass_last(ctx.app, response)
    try:
        defaults = None if ctx is None else default_fields(ctx.app)
        outgoing = encode(response, exchange.incoming, defaults)
        if outgoing.closes:
            exchange.keep_alive = False
        return outgoing
    except BadResponse as error:
        app.logger.error(
            "The response to %s %s was not sent: %s",
            exchange.incoming.method,
            printable(exchange.incoming.path),
            error,
        )
    except BaseException:
        app.logger.exception(
            "The response to %s %s could not be made",
            exchange.incoming.method,
            printable(exchange.incoming.path),
        )
    close_response(response)
    return own_answer(app, exchange, 500)


def close_response(response: Any) -> None:
    """Run a response's close functions; their errors are logged."""
    try:
        response.close()
    except BaseException:
        _logger.exception("Error while closing a response")


def closes_by_code(response: object) -> bool:
    """Tell whether closing *response* runs code that may block, or needs its request's thread:
    functions of the program, or the closing of a body or file."""
    pieces = getattr(response, "response", None)
    return bool(
        getattr(response, "_on_close", None)
        or (type(pieces) is not list and hasattr(pieces, "close"))
        or getattr(type(response), "close", None) not in _OWN_CLOSES
    )


async def close_in_thread(response: object, thread: RequestThread) -> None:
    """Run a response's close functions in the request's thread, if there are any."""
    if closes_by_code(response):
        thread.must_not_queue = thread.must_finish = True
        await thread.run(close_response, response)
    else:
        close_response(response)


async def close_quietly(
    app: Application, ctx: RequestContext, drv: Driver, server: ServerView | None = None
) -> None:
    """End a request; errors of teardown functions are logged, the response is still sent."""
    try:
        await pipeline.close(ctx, drv)
    except BaseException as error:
        if drv.on_loop and _comes_from_outside(error):
            raise
        if server is None or not server.ends_by(error):
            app.logger.exception("Error in a teardown function")
    finally:
        await _close_unsent(app, ctx, drv)


async def _close_unsent(app: Application, ctx: RequestContext, drv: Driver) -> None:
    """Close the responses that a cancelled request had made."""
    unsent, ctx.unsent = ctx.unsent, None
    if unsent is not None:
        await drv.call_io(app, close_response, unsent)
    if isinstance(drv, LoopDriver):
        unclaimed, drv.thread.unclaimed = drv.thread.unclaimed, None
        if isinstance(unclaimed, WerkzeugResponse) and unclaimed is not unsent:
            await drv.call_io(app, close_response, unclaimed)


def ends_from_outside(exchange: Exchange, error: BaseException) -> bool:
    """Tell whether *error* ends a request's work from outside: the task is cancelled because
    its response is not needed any more, or its coroutine is closed. Raised by the program's own
    code, the same exceptions are errors of the program, and the client gets a response."""
    if isinstance(error, asyncio.CancelledError):
        # With an early response the client has it already, and its sender runs no code of the
        # program.
        return exchange.abandoned or exchange.early is not None
    if not isinstance(error, GeneratorExit):
        return False
    # A coroutine that is closed is never within a step of its task.
    return exchange.task is not None and _current_task() is not exchange.task


def _comes_from_outside(error: BaseException) -> bool:
    """`ends_from_outside`, for a request of which only the task is known."""
    task = _current_task()
    if isinstance(error, asyncio.CancelledError):
        return task is not None and task.cancelling() > 0
    return isinstance(error, GeneratorExit) and task is None


def _current_task() -> asyncio.Task[object] | None:
    return None if asyncio._get_running_loop() is None else asyncio.current_task()


def internal_error(
    app: Application, exchange: Exchange, error: BaseException, server: ServerView | None
) -> Any:
    """Log an error that the application raised, and return the response for it: because of
    PROPAGATE_EXCEPTIONS, from a failing error handler, or an exception that is no `Exception`."""
    task = _current_task()
    while isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        task.uncancel()  # the program has cancelled itself: the task goes on, and responds
    ctx = exchange.ctx
    if ctx is not None and ctx.error is None:
        ctx.error = error  # for the teardown functions
    incoming = exchange.incoming
    app.logger.error(
        f"Exception on {printable(incoming.path)} [{incoming.method}]",
        exc_info=(type(error), error, error.__traceback__),
    )
    return error_response(app, error, incoming, server)


def error_response(
    app: Application, error: BaseException, incoming: Incoming, server: ServerView | None
) -> Any:
    """Return a plain 500 response, or in debug mode the page that explains *error*."""
    if server is not None and server.debugger is not None:
        return server.debugger.page(error, incoming)
    return app.response_class.force_type(InternalServerError().get_response())


# -- responses of the server's own ---------------------------------------------------


def _text(status: int, reason: str) -> bytes:
    return f"{status} {reason}\n".encode("latin-1", "replace")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def own_answer(app: Application, exchange: Exchange, status: int) -> Outgoing:
    """Return a short response to a request that did not reach the application."""
    ctx = exchange.ctx
    app = app if ctx is None else ctx.app
    defaults = default_fields(app)
    if ctx is None or not app.waterspout_before_send_funcs:
        return plain_error(status, "" if defaults is None else defaults.lines)
    response = app.response_class(_text(status, _phrase(status)), status, mimetype="text/plain")
    if status == 503:
        response.retry_after = 1
    pass_last_aside(app, ctx, response, exchange.context)
    try:
        return encode(response, exchange.incoming, defaults)
    except BadResponse:
        return plain_error(status)


def plain_error(status: int, fields: str = "") -> Outgoing:
    """Return a short response that needs no application; *fields* are header fields, each with
    CRLF."""
    body = _text(status, _phrase(status))
    extra = "Retry-After: 1\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {_phrase(status)}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"{extra}{fields}Content-Length: {len(body)}\r\n"
    )
    return Outgoing(status, head.encode("latin-1"), len(body), body)


def refusal(error: ProtocolError, date_line: bytes) -> bytes:
    """Return the response to bytes that are not acceptable HTTP."""
    outgoing = plain_error(error.status)
    return b"%b%bConnection: close\r\n\r\n%b" % (outgoing.head, date_line, outgoing.body or b"")


def log_refused(client: tuple[str, int] | None, error: ProtocolError) -> None:
    """Log a refused request, without any text of the client."""
    _logger.info(
        "Refused a request from %s with %d: %s",
        client[0] if client else "a local socket",
        error.status,
        error.reason,
    )
