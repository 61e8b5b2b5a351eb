"""The commands `routes` and `shell`, and the option `--version`."""

from __future__ import annotations

import os
import platform
import sys
from copy import copy
from importlib import metadata
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..context.request_context import current_app
from ..typing import Values
from .groups import with_appcontext
from .options import debug_option, dropin_option, naming_options, set_app

if TYPE_CHECKING:
    from werkzeug.routing import Rule

SORTS = ("endpoint", "methods", "domain", "rule", "match")
# Which Flask this is one of, for people and scripts, where that package is not installed.
FLASK_API = "3.1.3"


@click.command("routes", short_help="Show the routes.")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(SORTS),
    default="endpoint",
    help="What to sort by; 'match' is the order in which the rules are tried.",
)
@click.option("--all-methods", is_flag=True, help="Show the methods HEAD and OPTIONS too.")
@with_appcontext
def routes_command(sort: str, all_methods: bool) -> None:
    """Show every rule with its endpoint and its methods."""
    url_map = current_app.url_map
    rules: list[Any] = [*url_map.iter_rules(), *current_app.waterspout_route_table.patterns.rules]
    if not rules:
        click.echo("No routes were registered.")
        return

    hidden = set() if all_methods else {"HEAD", "OPTIONS"}

    def domain(rule: Rule) -> str:
        return (rule.host if url_map.host_matching else rule.subdomain) or ""

    columns = {
        "endpoint": ("Endpoint", [str(rule.endpoint) for rule in rules]),
        "methods": ("Methods", [_methods(rule, hidden) for rule in rules]),
        "domain": ("Host" if url_map.host_matching else "Subdomain", list(map(domain, rules))),
        "rule": ("Rule", [rule.rule for rule in rules]),
    }
    if not any(columns["domain"][1]):
        del columns["domain"]
    rows = list(zip(*(cells for _, cells in columns.values()), strict=True))
    if sort in columns:
        rows.sort(key=itemgetter(list(columns).index(sort)))
    _print_table([title for title, _ in columns.values()], rows)


def _methods(rule: Rule, hidden: set[str]) -> str:
    if getattr(rule, "websocket", False):
        return "WS"
    return "any" if rule.methods is None else ", ".join(sorted(rule.methods - hidden))


def _print_table(titles: list[str], rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, ["-" * width for width in widths], *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@click.command("shell", short_help="Run a Python shell that knows the application.")
@with_appcontext
def shell_command() -> None:
    """Run an interactive Python shell inside the application's context.

    It knows the names of `app.make_shell_context()`.
    """
    import code

    banner = (
        f"Python {sys.version} on {sys.platform}\n"
        f"App: {current_app.import_name}\n"
        f"Instance: {current_app.instance_path}"
    )
    names: Values = {}
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):
        with open(startup, "rb") as file:
            exec(compile(file.read(), startup, "exec"), names)
    names.update(current_app.make_shell_context())
    _prepare_line_editing(names)
    code.interact(banner=banner, local=names)


def _prepare_line_editing(names: Values) -> None:
    """Do what the interpreter does at its own prompt: history, and completion of *names*."""
    hook = getattr(sys, "__interactivehook__", None)
    if hook is None:
        return
    try:
        import readline
        from rlcompleter import Completer
    except ImportError:
        pass
    else:
        readline.set_completer(Completer(names).complete)
    hook()


def named_behind(command: click.Command) -> click.Command:
    """Return *command* with the argument MODULE:APP and the options that name an application
    and its environment, as `waterspout run` has them."""
    made = copy(command)
    argument = click.Argument(
        ["import_path"],
        metavar="[MODULE:APP]",
        required=False,
        callback=set_app,
        expose_value=False,
    )
    made.params = [argument, *command.params, *naming_options(), dropin_option, debug_option]
    return made


def get_version(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Print the versions that matter to a Flask program, and end."""
    if value and not ctx.resilient_parsing:
        try:
            flask = metadata.version("flask")
        except metadata.PackageNotFoundError:
            flask = FLASK_API
        _print_versions(ctx, f"Flask {flask}")


def get_own_version(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Print the versions that matter to a Waterspout program, and end."""
    if value and not ctx.resilient_parsing:
        _print_versions(ctx)


def _print_versions(ctx: click.Context, *more: str) -> None:
    lines = (
        f"Python {platform.python_version()}",
        *more,
        f"Waterspout {__version__}",
        f"Werkzeug {metadata.version('werkzeug')}",
    )
    click.echo("\n".join(lines), color=ctx.color)
    ctx.exit()


def version_option(callback: object) -> click.Option:
    """Make the option `--version`."""
    return click.Option(
        ["--version"],
        help="Show the version and end.",
        expose_value=False,
        callback=callback,
        is_flag=True,
        is_eager=True,
    )
