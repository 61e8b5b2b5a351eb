"""The command group ``db``: on an application's command line, and for `Manager.add_command`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from waterspout.cli import with_appcontext

from . import commands

__all__ = ["db"]

#: Where the group's options are kept for its commands, in the `meta` of click's context.
_KEPT = "waterspout.migrate"


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, **attributes)


def _argument(name: str, **attributes: Any) -> click.Argument:
    return click.Argument([name], **attributes)


_DIRECTORY = _option(
    "-d", "--directory", help='The folder of the migrations (default: "migrations").'
)
_X_ARG = _option("-x", "--x-arg", multiple=True, help="An argument for 'env.py'.")
_MESSAGE = _option("-m", "--message", help="What the migration does.")
_SQL = _option("--sql", is_flag=True, help="Print SQL in place of running it.")
_VERBOSE = _option("-v", "--verbose", is_flag=True, help="Say more.")
_TAG = _option("--tag", help="A word for 'env.py'.")
_LABEL = _option("--branch-label", help="A label of the new revision.")
_REV_ID = _option("--rev-id", help="The id of the new revision, in place of one that is made.")
_SCRIPT = (
    _DIRECTORY,
    _MESSAGE,
    _SQL,
    _option("--head", default="head", help="The revision that the new one follows."),
    _option("--splice", is_flag=True, help="Let it follow one that is no head."),
    _LABEL,
    _option("--version-path", help="The folder that the script goes into."),
    _REV_ID,
)


@click.pass_context
def _keep_options(ctx: click.Context, directory: str | None, x_arg: tuple[str, ...]) -> None:
    ctx.meta[_KEPT] = (directory, x_arg)


db = click.Group(
    "db",
    callback=_keep_options,
    params=[_DIRECTORY, _X_ARG],
    help="Change the schema of the database by migrations.",
)


def _add(function: Callable[..., None], *params: click.Parameter) -> None:
    """Add a command that calls *function* with what its *params* give; the group's count, too."""

    @click.pass_context
    def run(ctx: click.Context, /, **options: Any) -> None:
        directory, x_arg = ctx.meta[_KEPT]
        if "directory" in options:
            options["directory"] = options["directory"] or directory
        if "x_arg" in options:
            options["x_arg"] = [*x_arg, *options["x_arg"]]
        function(**options)

    name = function.__name__.replace("_", "-")
    about = " ".join((function.__doc__ or "").partition("\n\n")[0].replace("*", "").split())
    callback = with_appcontext(run)
    db.add_command(click.Command(name, callback=callback, params=[*params], help=about))


_add(commands.list_templates)
_add(
    commands.init,
    _DIRECTORY,
    _option("--multidb", is_flag=True, help="For several databases."),
    _option("-t", "--template", help="A template's name, or the path of a folder."),
    _option("--package", is_flag=True, help="Write files '__init__.py'."),
)
_add(
    commands.revision,
    *_SCRIPT,
    _option("--autogenerate", is_flag=True, help="Compare database and models."),
)
_add(commands.migrate, *_SCRIPT, _X_ARG)
_add(commands.edit, _DIRECTORY, _argument("revision", default="head"))
_add(commands.merge, _DIRECTORY, _MESSAGE, _LABEL, _REV_ID, _argument("revisions", nargs=-1))
_add(commands.upgrade, _DIRECTORY, _SQL, _TAG, _X_ARG, _argument("revision", default="head"))
_add(commands.downgrade, _DIRECTORY, _SQL, _TAG, _X_ARG, _argument("revision", default="-1"))
_add(commands.show, _DIRECTORY, _argument("revision", default="head"))
_add(
    commands.history,
    _DIRECTORY,
    _option("-r", "--rev-range", help="Which ones: [start]:[end]."),
    _VERBOSE,
    _option("-i", "--indicate-current", is_flag=True, help="Mark the one the database is at."),
)
_add(
    commands.heads,
    _DIRECTORY,
    _VERBOSE,
    _option("--resolve-dependencies", is_flag=True, help="Take dependencies for predecessors."),
)
_add(commands.branches, _DIRECTORY, _VERBOSE)
_add(commands.current, _DIRECTORY, _VERBOSE)
_add(
    commands.stamp,
    _DIRECTORY,
    _SQL,
    _TAG,
    _option("--purge", is_flag=True, help="Forget what was noted before."),
    _argument("revision", default="head"),
)
_add(commands.check, _DIRECTORY)
