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

from ..typing import SettingValue

NO_APP = """\
Working outside of application context.

This typically means that you attempted to use functionality that needed
the current application. To solve this, set up an application context
with app.app_context(). See the documentation for more information.\
"""

#: A `RequestContext` or an `AppContext`, which stand on a floor above.
Current = Any

request_var: ContextVar[Current] = ContextVar("flask.request_ctx")
#: The application context that was pushed, if one was.
pushed_var: ContextVar[Current] = ContextVar("flask.app_ctx")


class _AppVar:
    """The current application context, with the methods of a `ContextVar`: the one that was
    pushed, else the one of the current request."""

    name = pushed_var.name
    set = staticmethod(pushed_var.set)
    reset = staticmethod(pushed_var.reset)

    def get(self, *default: Current) -> Current:
        """Return the context; outside of one *default*, without which it is a `LookupError`."""
        ctx = _running()
        if ctx is None:
            if default:
                return default[0]
            raise LookupError(self)
        return ctx

    def __call__(self) -> Current:
        """Return the context for a `LocalProxy`."""
        ctx = _running()
        if ctx is None:
            raise RuntimeError(NO_APP)
        return ctx


def _running() -> Current:
    """Return the current application context, None outside of one."""
    ctx = pushed_var.get(None)
    if ctx is None:
        ctx = request_var.get(None)
        if ctx is not None and ctx.borrowed is not None:
            return ctx.borrowed
    return ctx


app_var = cast("ContextVar[Current]", _AppVar())


def enter(ctx: object) -> Token[Current]:
    """Make a request's context, or None, current where no outer one is borrowed or restored."""
    if pushed_var.get(None) is not None:
        pushed_var.set(None)
    return request_var.set(ctx)


def current_config() -> Mapping[str, SettingValue] | None:
    """Return the configuration of the current application, None outside of one."""
    ctx = _running()
    if ctx is None:
        return None
    config: Mapping[str, SettingValue] = ctx.app.config
    return config
