"""The command `settings`: each setting of the server, its value and its source; and the settings
that `run --help` lists."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING

import click

from ..import_paths import load
from ..server.settings import ServerSettings
from ..server.settings_sources import described, sources
from ..typing import Values
from .environment import set_by_file

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RunCommand", "print_settings", "under_gunicorn"]

_SECRET = frozenset({"key_password"})


class RunCommand(click.Command):
    """A command whose help ends with the settings that the environment gives."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Settings, as environment variables"):
            formatter.write_dl(
                [
                    (setting.variable, f"{setting.about} [default: {shown(setting.default)}]")
                    for setting in described()
                ]
            )


def shown(value: object) -> str:
    """Return a value as it is written in a variable."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def print_settings(layers: list[tuple[str, ServerSettings]], as_json: bool) -> None:
    """Print each setting, its value and its source, as a table or as one JSON object."""
    rows = list(_rows(layers))
    if as_json:
        found = {name: {"value": value, "source": source} for name, value, source in rows}
        click.echo(json.dumps(found, indent=2))
        return
    texts = [(name, shown(value), source) for name, value, source in rows]
    widths = [max(len(text[column]) for text in texts) for column in (0, 1)]
    for name, value, source in texts:
        click.echo(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")


def _rows(layers: list[tuple[str, ServerSettings]]) -> Iterator[tuple[str, object, str]]:
    for setting, value, source in sources(layers, os.environ):
        if source.startswith("environment") and set_by_file(setting.variable):
            source = f"file ({setting.variable})"
        if setting.name in _SECRET and value is not None:
            value = "(set)"  # SECURITY: such listings end up in tickets
        yield setting.name, value, source


def under_gunicorn(path: str) -> ServerSettings:
    """Return the settings of our worker under gunicorn with the configuration file *path*, and
    GUNICORN_CMD_ARGS.

    Raises `click.UsageError` for what gunicorn does not understand, or where it is not installed,
    and `SettingsError`.
    """
    try:
        config = load("gunicorn.config:Config")()
    except ImportError:
        raise click.UsageError("gunicorn is not installed: pip install gunicorn.") from None
    names: Values = {"__file__": path, "__name__": "__config__"}
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), names)
    known = {name: value for name, value in names.items() if name in config.settings}
    arguments = shlex.split(os.environ.get("GUNICORN_CMD_ARGS", ""))
    known |= {
        name: value
        for name, value in vars(config.parser().parse_args(arguments)).items()
        if name in config.settings and value is not None
    }
    try:
        for name, value in known.items():
            config.set(name, value)
    except (TypeError, ValueError) as ex:
        raise click.UsageError(f"{path}: {ex}") from None
    made: ServerSettings = load("waterspout.server.process.gunicorn_settings:settings_from")(config)
    return made
