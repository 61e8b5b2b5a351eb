"""The command line.

    discovery    from `module:name` to an application          environment  .env files
    groups       commands inside an application's context      options      shared options
    commands     routes, shell, --version                      running      run, demo, app.run
    program      the programs `waterspout` and `flask`

The names are imported when they are first used: an application that has commands of its own
needs `groups`, but not the server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commands import get_version as get_version
    from .commands import routes_command as routes_command
    from .commands import shell_command as shell_command
    from .discovery import NoAppException as NoAppException
    from .discovery import ScriptInfo as ScriptInfo
    from .discovery import find_app_by_string as find_app_by_string
    from .discovery import find_best_app as find_best_app
    from .discovery import locate_app as locate_app
    from .discovery import prepare_import as prepare_import
    from .environment import load_dotenv as load_dotenv
    from .groups import AppGroup as AppGroup
    from .groups import pass_script_info as pass_script_info
    from .groups import with_appcontext as with_appcontext
    from .options import CertParamType as CertParamType
    from .options import SeparatedPathType as SeparatedPathType
    from .program import FlaskGroup as FlaskGroup
    from .program import WaterspoutGroup as WaterspoutGroup
    from .program import cli as cli
    from .program import flask_cli as flask_cli
    from .program import main as main
    from .run_commands import demo_command as demo_command
    from .run_commands import run_command as run_command
    from .run_commands import serve_command as serve_command
    from .run_commands import show_server_banner as show_server_banner

_HOME = {
    "commands": (
        "get_version",
        "routes_command",
        "shell_command",
    ),
    "discovery": (
        "NoAppException",
        "ScriptInfo",
        "find_app_by_string",
        "find_best_app",
        "locate_app",
        "prepare_import",
    ),
    "environment": ("load_dotenv",),
    "groups": (
        "AppGroup",
        "pass_script_info",
        "with_appcontext",
    ),
    "options": (
        "CertParamType",
        "SeparatedPathType",
    ),
    "program": (
        "FlaskGroup",
        "WaterspoutGroup",
        "cli",
        "flask_cli",
        "main",
    ),
    "run_commands": (
        "demo_command",
        "run_command",
        "serve_command",
        "show_server_banner",
    ),
}
_HOME_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*_HOME_OF]  # noqa: PLE0604  # names from the table, all str


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
