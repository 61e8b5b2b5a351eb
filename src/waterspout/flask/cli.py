"""Flask's `flask.cli`: the command `flask`, and what programs build their own commands from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cli import (
    AppGroup,
    CertParamType,
    FlaskGroup,
    NoAppException,
    ScriptInfo,
    SeparatedPathType,
    find_app_by_string,
    find_best_app,
    get_version,
    load_dotenv,
    locate_app,
    pass_script_info,
    prepare_import,
    routes_command,
    run_command,
    shell_command,
    show_server_banner,
    with_appcontext,
)
from ..cli import flask_cli as cli
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ._removed import CLI

__all__ = [
    "AppGroup",
    "CertParamType",
    "FlaskGroup",
    "NoAppException",
    "ScriptInfo",
    "SeparatedPathType",
    "cli",
    "find_app_by_string",
    "find_best_app",
    "get_version",
    "load_dotenv",
    "locate_app",
    "main",
    "pass_script_info",
    "prepare_import",
    "routes_command",
    "run_command",
    "shell_command",
    "show_server_banner",
    "version_option",
    "with_appcontext",
]

#: The option `--version` of the command `flask`.
version_option = FlaskGroup.version_option


def main() -> None:
    """Run the command `flask`."""
    cli.main()


if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.cli",
        CLI,
        imported_names(
            "flask.cli",
            __package__,
            """
            import ast, collections.abc as cabc, importlib.metadata, inspect, os, platform, re, sys
            import traceback, typing as t
            from functools import update_wrapper
            from operator import itemgetter
            from types import ModuleType
            import click
            from click.core import ParameterSource
            from werkzeug import run_simple
            from werkzeug.serving import is_running_from_reloader
            from werkzeug.utils import import_string
            from ..cli.options import _load_env_file as _env_file_callback
            from ..cli.options import _set_debug, _validate_key
            from ..cli.options import app_option as _app_option, debug_option as _debug_option
            from ..cli.options import env_file_option as _env_file_option, set_app as _set_app
            from ._typevars import F
            from .globals import current_app
            from .helpers import get_debug_flag, get_load_dotenv
            """,
        ),
    )
