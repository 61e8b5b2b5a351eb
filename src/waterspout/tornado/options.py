"""Tornado's ``options``: the options of the process, and functions over them.

The logging options (`log.define_logging_options`) are among them from the start: parsing
sets up the logging, unless ``--logging=none`` or ``options.logging = None`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from ..peers.imported_names import imported_names
from ..typing import SettingValue
from .log import define_logging_options
from .option_parser import OptionParser, _Mockable, options
from .option_values import Error
from .option_values import Option as _Option

__all__ = [
    "Error",
    "OptionParser",
    "_Mockable",
    "_Option",
    "add_parse_callback",
    "define",
    "define_logging_options",
    "options",
    "parse_command_line",
    "parse_config_file",
    "print_help",
]


def define(
    name: str,
    default: object = None,
    type: type[object] | None = None,
    help: str | None = None,
    metavar: str | None = None,
    multiple: bool = False,
    group: str | None = None,
    callback: Callable[[SettingValue], None] | None = None,
) -> None:
    """Add an option to those of the process; see `OptionParser.define`."""
    options.define(name, default, type, help, metavar, multiple, group, callback)


def parse_command_line(args: list[str] | None = None, final: bool = True) -> list[str]:
    """Set the process's options from the command line; return the arguments that follow."""
    return options.parse_command_line(args, final=final)


def parse_config_file(path: str, final: bool = True) -> None:
    """Set the process's options from a Python file."""
    options.parse_config_file(path, final=final)


def print_help(file: TextIO | None = None) -> None:
    """Print the process's options to *file* (by default stderr)."""
    options.print_help(file)


def add_parse_callback(callback: Callable[[], None]) -> None:
    """Have *callback* called when the process's options have been parsed."""
    options.add_parse_callback(callback)


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.options",
        __package__,
        """
        import datetime, numbers, os, re, sys, textwrap
        from collections.abc import Iterable, Iterator
        from typing import Any
        from .escape import _unicode, native_str
        from .util import basestring_type, exec_in
        """,
    )
