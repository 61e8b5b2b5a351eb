"""The command line.

    discovery    from `module:name` to an application          environment  .env files
    groups       commands inside an application's context      options      shared options
    commands     routes, shell, --version                      running      run, demo, app.run
    program      the programs `waterspout` and `flask`

Importing this package loads click; `import waterspout` does not import it.
"""

from __future__ import annotations

from .commands import get_version, routes_command, shell_command
from .discovery import (
    NoAppException,
    ScriptInfo,
    find_app_by_string,
    find_best_app,
    locate_app,
    prepare_import,
)
from .environment import load_dotenv
from .groups import AppGroup, pass_script_info, with_appcontext
from .options import CertParamType, SeparatedPathType
from .program import FlaskGroup, WaterspoutGroup
from .program import flask as flask_cli
from .program import waterspout as cli
from .running import demo_command, run_command, serve_command, show_server_banner

__all__ = [
    "AppGroup",
    "CertParamType",
    "FlaskGroup",
    "NoAppException",
    "ScriptInfo",
    "SeparatedPathType",
    "WaterspoutGroup",
    "cli",
    "demo_command",
    "find_app_by_string",
    "find_best_app",
    "flask_cli",
    "get_version",
    "load_dotenv",
    "locate_app",
    "main",
    "pass_script_info",
    "prepare_import",
    "routes_command",
    "run_command",
    "serve_command",
    "shell_command",
    "show_server_banner",
    "with_appcontext",
]


def main() -> None:
    """Run the command `waterspout`."""
    cli.main(prog_name="waterspout")
