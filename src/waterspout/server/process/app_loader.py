"""Load the application to serve: an object, an import string, or a factory.

`resolve` turns each into an application for connections.  One that is not ours is wrapped in
`foreign_apps.ForeignWSGI` or `foreign_apps.ForeignASGI`.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from werkzeug.utils import ImportStringError, import_string

from ...application.handlers import core_of
from ...application.mounts import is_asgi
from ...import_paths import load
from ...typing import Function

_logger = logging.getLogger("waterspout.server")


_FACTORIES = (FunctionType, MethodType, partial)


class ApplicationError(RuntimeError):
    """There is no application at the given name; the text says what was found."""


def resolve(app: object) -> Any:
    """Return the application that `app` is, names, or makes.  Raises `ApplicationError`.

    A function, method or `functools.partial` that needs no arguments is a factory and is called.
    """
    _warn_if_not_enabled()
    if isinstance(app, str):
        app = _imported(app)
    if isinstance(app, _FACTORIES) and not _required(app):
        app = app()
    core = core_of(app)
    if core is not None:
        return core
    if callable(app) and is_asgi(app):
        return load("waterspout.server.process.foreign_apps:ForeignASGI")(app)
    if callable(app):
        return load("waterspout.server.process.foreign_apps:ForeignWSGI")(app)
    raise ApplicationError(
        f"Expected an application, its import string 'module:name' or its factory, not {app!r}."
    )


def _warn_if_not_enabled() -> None:
    """Warn if the environment asks for the drop-in and it was not installed."""
    if os.environ.get("WATERSPOUT_DROPIN") == "1" and "waterspout.dropin" not in sys.modules:
        _logger.warning(
            "WATERSPOUT_DROPIN=1 has no effect: this Python environment is not enabled for it. Run"
            " 'python -m waterspout.dropin enable' once."
        )


def _imported(name: str) -> object:
    if ":" not in name:
        raise ApplicationError(
            f"{name!r} names no application; write 'module:name', such as 'main:app'."
        )
    if os.getcwd() not in sys.path:  # a script's folder is there, that of a command is not
        sys.path.insert(0, os.getcwd())
    try:
        return import_string(name.removesuffix("()"))
    except ImportStringError as ex:
        raise ApplicationError(f"{name!r} cannot be imported: {ex.exception}.") from ex


def _required(function: Function) -> bool:
    """Return True if `function` cannot be called without arguments (a WSGI callable)."""
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in inspect.signature(function).parameters.values()
    )
