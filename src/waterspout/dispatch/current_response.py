"""Responses by way of the current application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..context.request_context import current_app

if TYPE_CHECKING:
    from ..http import Response

__all__ = ["make_response"]


def make_response(*args: Any) -> Response:
    """Make the response that a view would make by returning *args*, to change it before it is sent.

        response = make_response(render_template("missing.html"), 404)
        response.headers["X-Reason"] = "gone"

    One argument goes to `App.make_response` as it is, several as a tuple (body, status, headers);
    none gives an empty response. (Flask's `make_response`.)
    """
    if not args:
        return current_app.response_class()
    return current_app.make_response(args[0] if len(args) == 1 else args)
