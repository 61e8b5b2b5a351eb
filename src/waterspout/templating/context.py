"""What every template sees: the values context processors add. Knows no template engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..current import app_var, request_var

if TYPE_CHECKING:
    from ..app import App

__all__ = ["fill_context"]


def _default_template_ctx_processor() -> dict[str, Any]:
    """Give templates `g` and `request` themselves, in place of the proxies among the environment's
    globals. `session` stays a proxy: touching it marks the session as accessed."""
    values: dict[str, Any] = {}
    app_ctx = app_var.get(None)
    if app_ctx is not None:
        values["g"] = app_ctx.g
    request_ctx = request_var.get(None)
    if request_ctx is not None:
        values["request"] = request_ctx.request
    return values


def fill_context(app: App, context: dict[str, Any]) -> None:
    """Add to *context*, in place, what the context processors give: the app's first, then those of
    the current blueprint from its outermost parent inwards. Values given by the caller win."""
    registry = app.template_context_processors
    given = context.copy()
    for func in registry.get(None, ()):
        # PERF: the one processor every app has needs no look at whether it is a coroutine.
        plain = func is _default_template_ctx_processor
        context.update(func() if plain else app.ensure_sync(func)())
    if len(registry) > 1:
        request_ctx = request_var.get(None)
        if request_ctx is not None:
            for name in reversed(request_ctx.request.blueprints):
                for func in registry.get(name, ()):
                    context.update(app.ensure_sync(func)())
    context.update(given)
