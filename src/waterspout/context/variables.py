"""The context variables that hold the current application and request context.

They stand on the ground floor, so that `http.Request` and `json` can read the current application's
settings without importing the application; their values are defined in `request_context.py`.

A request's context is the application's too, unless one was pushed for the application.
So a server sets one variable for a request, and `app_var` reads both. PERF: each `ContextVar.set`
is 4 % of a small request.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Any, cast

NO_APP = """\
Working outside of application context.

This typically means that you attempted to use functionality that needed
the current application. To solve this, set up an application context
with app.app_context(). See the documentation for more information.\
"""

request_var: ContextVar[Any] = ContextVar("flask.request_ctx")
#: The application context that was pushed, if one was.
pushed_var: ContextVar[Any] = ContextVar("flask.app_ctx")


class _AppVar:
    """The current application context, with the methods of a `ContextVar`: the one that was
    pushed, else the one of the current request."""

    name = pushed_var.name
    set = staticmethod(pushed_var.set)
    reset = staticmethod(pushed_var.reset)

    def get(self, *default: Any) -> Any:
        """Return the context; outside of one *default*, without which it is a `LookupError`."""
        ctx = _running()
        if ctx is None:
            if default:
                return default[0]
            raise LookupError(self)
        return ctx

    def __call__(self) -> Any:
        """Return the context for a `LocalProxy`."""
        ctx = _running()
        if ctx is None:
            raise RuntimeError(NO_APP)
        return ctx


def _running() -> Any:
    """Return the current application context, None outside of one."""
    ctx = pushed_var.get(None)
    if ctx is None:
        ctx = request_var.get(None)
        if ctx is not None and ctx.borrowed is not None:
            return ctx.borrowed
    return ctx


app_var = cast("ContextVar[Any]", _AppVar())


def enter(ctx: Any) -> Token[Any]:
    """Make a request's context, or None, current where no outer one is borrowed or restored."""
    if pushed_var.get(None) is not None:
        pushed_var.set(None)
    return request_var.set(ctx)


def current_config() -> Mapping[str, Any] | None:
    """Return the configuration of the current application, None outside of one."""
    ctx = _running()
    if ctx is None:
        return None
    config: Mapping[str, Any] = ctx.app.config
    return config
