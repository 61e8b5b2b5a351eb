"""The last stage of an answer: what `App.before_send` registers.

After-request functions are on the request's way: where one of them fails, those behind it do not
run, and they know nothing of answers that the server makes itself, because a time limit passed
(504) or no thread was free (503). The functions of this stage see every answer to a request,
whoever made it, once, when nothing can change it any more but they themselves. It is the place
of headers that must never be missing: CORS, security, request ids.

    @app.before_send
    def allow_origin(response):
        response.headers["Access-Control-Allow-Origin"] = "https://example.org"
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from .current import app_var, request_var

if TYPE_CHECKING:
    from .app import App
    from .context import RequestContext
    from .http import Response

__all__ = ["pass_last", "pass_last_aside"]


def pass_last(app: App, response: Response) -> None:
    """Show *response* to the functions, in the request's context. An error of one is logged,
    and the others are called."""
    for func in app.before_send_funcs:
        try:
            func(response)
        except BaseException:
            app.logger.exception("Error in the before-send function %r", func)


def pass_last_aside(app: App, ctx: RequestContext, response: Response) -> None:
    """Do the same for an answer that is made beside the request, wherever its own code is."""
    context = contextvars.copy_context()
    context.run(app_var.set, ctx)
    context.run(request_var.set, ctx)
    context.run(pass_last, app, response)
