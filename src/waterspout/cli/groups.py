"""Command groups whose commands run inside an application's context, such as `app.cli`."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TypeVar, cast

import click

from ..context.request_context import current_app
from ..typing import Argument, Function
from .discovery import ScriptInfo

F = TypeVar("F", bound=Function)

pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


def with_appcontext(f: F) -> F:
    """Run the command *f*, `def` or `async def`, inside the context of the command line's
    application.

    The commands of `app.cli` and `blueprint.cli` do so already.
    """

    @click.pass_context
    def in_context(ctx: click.Context, /, *args: object, **kwargs: object) -> object:
        if not current_app:
            app = ctx.ensure_object(ScriptInfo).load_app()
            ctx.with_resource(app.app_context())
        return ctx.invoke(current_app.ensure_sync(f), *args, **kwargs)

    return cast("F", update_wrapper(in_context, f))


class AppGroup(click.Group):
    """A group whose commands run inside the application's context."""

    def command(  # type: ignore[override]  # narrower: always gives a decorator, as Flask's
        self, *args: Argument, **kwargs: Argument
    ) -> Callable[[Function], click.Command]:
        """Make and add a command; `with_appcontext=False` leaves the context out."""
        wrap = kwargs.pop("with_appcontext", True)
        make = super().command

        def decorator(f: Callable[..., object]) -> click.Command:
            command: click.Command = make(*args, **kwargs)(with_appcontext(f) if wrap else f)
            return command

        return decorator

    def group(  # type: ignore[override]  # as for `command`
        self, *args: Argument, **kwargs: Argument
    ) -> Callable[[Function], click.Group]:
        """Make and add a group, by default another `AppGroup`."""
        kwargs.setdefault("cls", AppGroup)
        group: Callable[[Callable[..., object]], click.Group] = super().group(*args, **kwargs)
        return group
