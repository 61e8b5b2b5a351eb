"""What every door with messages (native server, ASGI) does first with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .context import RequestContext

if TYPE_CHECKING:
    from .app import App
    from .http.incoming import Incoming


def receive(app: App, incoming: Incoming) -> RequestContext:
    """Return the context of a message whose header section is there, with its plan if the
    route can be told before the context is current.

    Without a plan a converter of the program's own must run first, in the context.
    """
    if app.mounts:
        mount = app.mounted_at(incoming.path)
        if mount is not None:
            prefix, inner = mount
            incoming.move_below(prefix)
            return receive(inner, incoming)
    # OPTIONS has an answer of its own, which the view does not know of; a setting or the
    # program may want the host looked at first.
    if (
        incoming.method != "OPTIONS"
        and not incoming.upgrade
        and app.matches_by_path
        and app.config["TRUSTED_HOSTS"] is None
    ):
        found = app.route_table.find(incoming.method, incoming.path)
        if found is not None:
            rule, args = found
            ctx = RequestContext.from_incoming(app, incoming, rule, args)
            plan = getattr(rule, "plan", None)  # PERF: what `plan_for` does, without the call
            if plan is None or plan.revision != app.revision.number:
                plan = app.plan_for(rule)
            ctx.plan = plan
            return ctx
    # Not in the table: a path converter, a redirect, an error. Werkzeug decides.
    ctx = RequestContext.from_incoming(app, incoming)
    if app.matches_early:
        ctx.match_request()
        ctx.plan = app.plan_for(ctx.request.url_rule)
    return ctx
