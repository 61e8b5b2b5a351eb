"""Whole command-line programs around an application: `flask` and `waterspout`.

A `FlaskGroup` offers the built-in commands, those of installed packages, and the
application's own. The class name is Flask's, because programs import it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from importlib import metadata
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from ..context.request_context import current_app
from ..typing import Argument
from .commands import (
    get_own_version,
    get_version,
    named_behind,
    routes_command,
    shell_command,
    version_option,
)
from .discovery import NoAppException, NothingNamedException, ScriptInfo
from .groups import AppGroup
from .new_project import new_command
from .options import app_option, debug_option, dropin_option, env_file_option
from .run_commands import demo_command, run_command, serve_command, settings_command

if TYPE_CHECKING:
    from ..interfaces import Application


class FlaskGroup(AppGroup):
    """A command-line program around an application.

    *create_app* makes the application; without it, the options and the environment name one.
    *add_default_commands* and *add_version_option* add `default_commands` and
    `version_option`; *load_dotenv* reads `.env` and `.flaskenv` first; *set_debug_flag* lets
    the application's `debug` follow the environment.
    """

    default_commands: tuple[click.Command, ...] = (run_command, shell_command, routes_command)
    version_option = version_option(get_version)
    # The options work by their own callbacks: a user's group callback replaces nothing.
    options: tuple[click.Option, ...] = (env_file_option, app_option, debug_option)

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Application] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Argument,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), *self.options]
        if add_version_option:
            params.append(self.version_option)
        extra.setdefault("context_settings", {}).setdefault("auto_envvar_prefix", "FLASK")
        super().__init__(params=params, **extra)

        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        if add_default_commands:
            for command in self.default_commands:
                self.add_command(command)
        self._loaded_plugin_commands = False

    def plugin_groups(self) -> tuple[str, ...]:
        """Return the entry point groups whose commands are added."""
        return ("flask.commands",)

    def _load_plugin_commands(self) -> None:
        if self._loaded_plugin_commands:
            return
        for group in self.plugin_groups():
            for entry_point in metadata.entry_points(group=group):
                self.add_command(entry_point.load(), entry_point.name)
        self._loaded_plugin_commands = True

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command of that name: built in, of a package, or the application's."""
        self._load_plugin_commands()
        return super().get_command(ctx, name) or self.__command_of_app(ctx, name)

    def __command_of_app(self, ctx: click.Context, name: str) -> click.Command | None:
        app = None
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as ex:
            self.show_no_app(ex)
        if app is None:
            return None
        if not (current_app and current_app == app):
            # Now, so that callbacks of parameters are inside the context as well.
            ctx.with_resource(app.app_context())
        found: click.Command | None = app.cli.get_command(ctx, name)
        return found

    def show_no_app(self, ex: NoAppException) -> None:
        """Say why an application's own commands cannot be looked at for the one asked for."""
        _show(f"Error: {ex.format_message()}")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, sorted; an application that does not load is reported and left out."""
        self._load_plugin_commands()
        return sorted({*super().list_commands(ctx), *self.__names_of_app(ctx)})

    def __names_of_app(self, ctx: click.Context) -> list[str]:
        """Return the names of the application's own commands, none if it does not load."""
        try:
            names: list[str] = ctx.ensure_object(ScriptInfo).load_app().cli.list_commands(ctx)
            return names
        except NothingNamedException as ex:
            self.show_nothing_named(ex)
        except NoAppException as ex:
            _show(f"Error: {ex.format_message()}")
        except Exception:  # the user's own, at import: the help must still come
            _show(traceback.format_exc())
        return []

    def show_nothing_named(self, ex: NothingNamedException) -> None:
        """Say that the list of commands is not complete because no application was named."""
        _show(f"Error: {ex.format_message()}")

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Argument,
    ) -> click.Context:
        """Make click's context, with a `ScriptInfo` as its object unless there is one."""
        # An `app.run()` outside of a main guard would serve while the application is loaded
        # for another command; it looks at this and does nothing.
        os.environ["FLASK_RUN_FROM_CLI"] = "true"
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app,
                set_debug_flag=self.set_debug_flag,
                load_dotenv_defaults=self.load_dotenv,
            )
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; when only the help is asked for, take the environment into account first."""
        shows_help = [*args] in [[name] for name in self.get_help_option_names(ctx)]
        if shows_help or (self.no_args_is_help and not args):
            for option in filter(attrgetter("is_eager"), self.options):
                option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)


def _show(text: str) -> None:
    click.secho(f"{text}\n", err=True, fg="red")


class WaterspoutGroup(FlaskGroup):
    """The `waterspout` command."""

    default_commands = (
        serve_command,
        settings_command,
        named_behind(shell_command),
        named_behind(routes_command),
        demo_command,
        new_command,
    )
    version_option = version_option(get_own_version)
    options = (env_file_option, dropin_option, app_option, debug_option)

    def plugin_groups(self) -> tuple[str, ...]:
        """Return our own group; Flask's too where 'flask' is Waterspout."""
        # The commands made for Flask import 'flask': without the drop-in that is another
        # framework, whose context our applications are not in.
        from ..dropin import installed

        return ("waterspout.commands", *(super().plugin_groups() if installed() else ()))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command; one that is built in costs no look at installed packages."""
        return self.commands.get(name) or super().get_command(ctx, name)

    def show_nothing_named(self, ex: NothingNamedException) -> None:
        """Say nothing: who only looks at the help has made no error."""

    def show_no_app(self, ex: NoAppException) -> None:
        """End with the error of an application that was named; without one it is the command
        that is unknown, and that alone."""
        if not isinstance(ex, NothingNamedException):
            raise ex

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of *args*; an unknown one is an error that names a similar one, the
        application's own included."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            close = get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            if not hint and ctx.ensure_object(ScriptInfo).app_import_path is None:
                hint = " An application may have more: name one with the option '--app'."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


flask_cli = FlaskGroup(
    name="flask",
    help="""\
Run, inspect and script a Flask application.

The application is named by the option '--app' or the environment variable FLASK_APP, or
found in 'wsgi.py' or 'app.py' in the current directory.
""",
)
cli = WaterspoutGroup(
    name="waterspout",
    help="""\
Run, inspect and script a Waterspout application.

The application is named by the option '--app' or the environment variable WATERSPOUT_APP
(or FLASK_APP), or found in 'wsgi.py' or 'app.py' in the current directory. Try it:
'waterspout demo'.
""",
)


def main() -> None:
    """Run the command `waterspout`."""
    cli.main(prog_name="waterspout")
