"""Members of request handlers beyond Tornado's: the session, JSON bodies, the site's user."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ...context.variables import request_var
from ...typing import JSONValue, User
from ..escape import json_decode
from . import ui_names
from .context_entry import run_own
from .errors import HTTPError

if TYPE_CHECKING:
    from ...sessions import SessionMixin
    from ..util import ObjectDict
    from .interfaces import Handler

__all__ = ["bind_ui", "get_json", "json_getter", "session_of", "user_here"]


def get_json(self: Handler) -> JSONValue:
    """Return the value of a JSON body, whatever its Content-Type.

    Raises `HTTPError` 400 if the body is empty or is not JSON.
    """
    body = self.request.body
    if not body.strip():
        reason = "Request body is empty, not JSON"
        raise HTTPError(400, "Expected a JSON body, got an empty one", reason=reason)
    try:
        return json_decode(body)
    except ValueError as error:
        reason = "Request body is not valid JSON"
        raise HTTPError(400, f"Invalid JSON body: {error}", reason=reason) from error


def session_here() -> SessionMixin:
    """Return the session of the request that runs. Raises `RuntimeError` without one."""
    ctx = request_var.get(None)
    if ctx is None:
        raise RuntimeError(
            "Working outside of request context: handler.session is there while the"
            " handler runs on Waterspout's server, its other doors or its test client."
        )
    found: SessionMixin = ctx.session
    return found


def user_here() -> User:
    """Return what the application's own user loader says of the request that runs."""
    ctx = request_var.get(None)
    return None if ctx is None else ctx.user()


def session_of(self: Handler) -> SessionMixin:
    """Return the session of the request that *handler* answers."""
    return run_own(self, session_here)


def json_getter(self: Handler) -> Callable[[], JSONValue]:
    """Return `get_json` of *handler*."""
    return partial(get_json, self)


def bind_ui(self: Handler) -> ObjectDict:
    """Return the ``ui`` of *handler*, which Tornado's have from the start; once for each."""
    self.ui = found = ui_names.bound(self)
    self.waterspout_has_ui = True
    return found
