"""Results, errors and refusals to answers."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import InternalServerError

from .. import pipeline
from ..drivers import Driver
from ..last_stage import pass_last, pass_last_aside
from ..log import printable
from .outgoing import BadResponse, Outgoing, encode, has_body

if TYPE_CHECKING:
    from ..app import App
    from ..context import RequestContext
    from ..http.incoming import Incoming
    from .exchange import Exchange
    from .http1 import ProtocolError
    from .serving import Server

__all__ = ["has_body"]

_logger = logging.getLogger("waterspout.server")


# -- results -----------------------------------------------------------------------


def encoded(app: App, exchange: Exchange, response: Any) -> Outgoing:
    """Return the response as bytes; one that must not be sent becomes a logged 500."""
    ctx = exchange.ctx
    if ctx is not None and ctx.app.before_send_funcs:  # without it the WSGI door has done it
        pass_last(ctx.app, response)
    try:
        return encode(response, exchange.incoming)
    except BadResponse as error:
        app.logger.error(
            "The response to %s %s was not sent: %s",
            exchange.incoming.method,
            printable(exchange.incoming.path),
            error,
        )
    except Exception:
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
    except (Exception, SystemExit):
        _logger.exception("Error while closing a response")


async def close_quietly(app: App, ctx: RequestContext, drv: Driver) -> None:
    """End a request; errors of teardown functions are logged, the answer is not lost."""
    try:
        await pipeline.close(ctx, drv)
    except (Exception, SystemExit):
        app.logger.exception("Error in a teardown function")


async def internal_error(
    app: App, ctx: RequestContext, error: BaseException, server: Server | None
) -> Any:
    """Return the response for an error that the application let out: PROPAGATE_EXCEPTIONS,
    a failing error handler, or what is no `Exception`."""
    incoming = ctx._incoming
    assert incoming is not None
    app.logger.error(
        f"Exception on {printable(incoming.path)} [{incoming.method}]",
        exc_info=(type(error), error, error.__traceback__),
    )
    return error_response(app, error, incoming, server)


def error_response(
    app: App, error: BaseException, incoming: Incoming, server: Server | None
) -> Any:
    """Return a plain 500 response, or in debug mode the page that explains *error*."""
    if server is not None and server.debugger is not None:
        return server.debugger.page(error, incoming)
    return app.response_class.force_type(InternalServerError().get_response())


# -- answers of the server's own -----------------------------------------------------


def _text(status: int, reason: str) -> bytes:
    return f"{status} {reason}\n".encode("latin-1", "replace")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def own_answer(app: App, exchange: Exchange, status: int) -> Outgoing:
    """Return a short answer to a request that the application could not answer."""
    ctx = exchange.ctx
    if ctx is None or not ctx.app.before_send_funcs:
        return plain_error(status)
    app = ctx.app
    response = app.response_class(_text(status, _phrase(status)), status, mimetype="text/plain")
    if status == 503:
        response.retry_after = 1
    pass_last_aside(app, ctx, response)
    try:
        return encode(response, exchange.incoming)
    except BadResponse:
        return plain_error(status)


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


def log_refused(client: tuple[str, int] | None, error: ProtocolError) -> None:
    """Log a refused request, without anything the client chose."""
    _logger.info(
        "Refused a request from %s with %d: %s",
        client[0] if client else "a local socket",
        error.status,
        error.reason,
    )
