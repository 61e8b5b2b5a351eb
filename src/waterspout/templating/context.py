"""The template context: the values that context processors add, for any engine."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from ..context.variables import app_var, request_var
from ..typing import TemplateNames

if TYPE_CHECKING:
    from ..interfaces import Application

__all__ = ["fill_context", "fill_context_async", "has_async_processors"]


def _default_template_ctx_processor() -> dict[str, object]:
    """Give templates `g` and `request` themselves, in place of the proxies among the environment's
    globals. `session` stays a proxy, since any use marks the session as accessed."""
    values: dict[str, object] = {}
    app_ctx = app_var.get(None)
    if app_ctx is not None:
        values["g"] = app_ctx.g
    request_ctx = request_var.get(None)
    if request_ctx is not None:
        values["request"] = request_ctx.request
    return values


def fill_context(app: Application, context: TemplateNames) -> None:
    """Add to *context*, in place, the values of the context processors: the app's first, then those
    of the current blueprint from its outermost parent inwards. Values in *context* already win."""
    given = context.copy()
    for func in _processors(app):
        # The standard processor is known to be no coroutine function.
        plain = func is _default_template_ctx_processor
        context.update(func() if plain else app.ensure_sync(func)())
    context.update(given)


async def fill_context_async(app: Application, context: TemplateNames) -> None:
    """Do as `fill_context`, awaiting the processors that are `async def`."""
    given = context.copy()
    for func in _processors(app):
        values = func()
        context.update(await values if isawaitable(values) else values)
    context.update(given)


def has_async_processors(app: Application) -> bool:
    """Tell whether a context processor that applies now is `async def`."""
    return any(
        iscoroutinefunction(func)
        for func in _processors(app)
        if func is not _default_template_ctx_processor
    )


def _processors(app: Application) -> list[Callable[[], Any]]:
    registry = app.template_context_processors
    found: list[Callable[[], Any]] = registry.get(None, [])
    if len(registry) > 1:
        request_ctx = request_var.get(None)
        if request_ctx is not None:
            for name in reversed(request_ctx.request.blueprints):
                found = found + registry.get(name, [])
    return found
