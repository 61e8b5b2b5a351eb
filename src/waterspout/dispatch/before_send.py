"""The last stage of a response: the functions of `App.before_send`, and DEFAULT_HEADERS.

After-request functions are on the request's way: where one of them fails, those behind it do not
run, and they are not called for responses of the server itself, because a time limit passed
(504) or no thread was free (503). The functions of this stage are called with every response to a
request, once, after everything else that may change it. It is the place of headers that must never
be missing: CORS, security, request ids.

    @app.before_send
    def allow_origin(response):
        response.headers["Access-Control-Allow-Origin"] = "https://example.org"

After them the fields of DEFAULT_HEADERS are added that a response does not have.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from ..context.variables import app_var, request_var
from ..http.default_fields import DefaultFields

if TYPE_CHECKING:
    from ..context.request_context import RequestContext
    from ..http import Response
    from ..interfaces import Application

__all__ = ["default_fields", "pass_last", "pass_last_aside", "pass_last_to_wsgi"]


def pass_last(app: Application, response: Response) -> None:
    """Call the functions with *response*, in the request's context. An error of one is logged,
    and the others are called."""
    for func in app.waterspout_before_send_funcs:
        try:
            func(response)
        except BaseException:
            app.logger.exception("Error in the before-send function %r", func)


def pass_last_aside(
    app: Application, ctx: RequestContext, response: Response, known: contextvars.Context | None
) -> None:
    """Do the same for a response that is made beside the request, wherever its own code is, whose
    context is *known* if it has begun."""
    context = contextvars.Context() if known is None else known.copy()
    context.run(app_var.set, ctx)
    context.run(request_var.set, ctx)
    context.run(pass_last, app, response)


def default_fields(app: Application) -> DefaultFields | None:
    """Return the fields of DEFAULT_HEADERS, None if there are none. They are encoded once, and
    again when the setting has another mapping."""
    wanted = app.config["DEFAULT_HEADERS"]
    if not wanted:
        return None
    kept = app.waterspout_default_fields
    if kept is None or kept.source is not wanted:
        kept = app.waterspout_default_fields = DefaultFields(wanted)
    return kept


def pass_last_to_wsgi(app: Application, response: Response) -> None:
    """Do the same, and add the default fields, for a response that a WSGI server sends; it may be
    of any class."""
    if app.waterspout_before_send_funcs:
        pass_last(app, response)
    fields = default_fields(app)
    headers = getattr(response, "headers", None)
    if fields is not None and isinstance(headers, Headers):
        fields.add_to(headers)
