"""Find and load the application that the command line names.

`module`, `module:name`, `module:factory("arg")`, `path/to/file.py:name`, or nothing at all:
`ScriptInfo.load_app` turns it into the application object, and tells what is wrong in words
(`NoAppException`) when it cannot. The names are those of `flask.cli`.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from types import FunctionType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Literal, overload

import click

from ..application.handlers import core_of
from ..env import get_debug_flag, get_load_dotenv
from ..typing import Values

if TYPE_CHECKING:
    from ..interfaces import Application

# Where an application is looked for, in this order, when nothing names one.
DEFAULT_FILES = ("wsgi.py", "app.py")
APP_NAMES = ("app", "application")
FACTORY_NAMES = ("create_app", "make_app")


class NoAppException(click.UsageError):
    """Say why an application cannot be found or loaded."""


class AppImportError(NoAppException):
    """The application's module was found, but importing it raised an `ImportError`."""


class NotAnAppException(NoAppException):
    """The named object exists, but it is `found`, and no application of ours."""

    def __init__(self, name: str, found: object) -> None:
        self.found = found
        self.is_flask = _is_flask(found)
        hint = _FLASK_HINT if self.is_flask else ""
        super().__init__(f"{name!r} is not an application but {type(found).__name__!r}.{hint}")


class NothingNamedException(NoAppException):
    """No application was named, and none is where one is looked for."""

    def __init__(self) -> None:
        super().__init__(
            "No application was found. Name one as 'module:name', with the option '--app' or in"
            " the environment variable WATERSPOUT_APP or FLASK_APP, or put it in 'wsgi.py' or"
            " 'app.py' in the current directory."
        )


def find_best_app(module: ModuleType) -> Application:
    """Return the application of *module*: by its usual name, the only one there is, or made
    by a factory with a usual name. Raises `NoAppException`."""
    for name in APP_NAMES:
        app = core_of(getattr(module, name, None))
        if app is not None:
            return app

    cores = {name: core_of(value) for name, value in vars(module).items()}
    found = {name: core for name, core in cores.items() if core is not None}
    if len({id(app) for app in found.values()}) == 1:
        return next(iter(found.values()))
    if found:
        raise NoAppException(
            f"There are several applications in module {module.__name__!r}:"
            f" {', '.join(found)}. Choose one with '{module.__name__}:name'."
        )

    for name in FACTORY_NAMES:
        factory = getattr(module, name, None)
        if inspect.isfunction(factory):
            app = core_of(_call_factory(factory, (), {}, module, name))
            if app is not None:
                return app

    hint = _FLASK_HINT if any(map(_is_flask, vars(module).values())) else ""
    raise NoAppException(
        f"There is no application and no application factory in module {module.__name__!r}."
        f" Name it with '{module.__name__}:name'.{hint}"
    )


def find_app_by_string(module: ModuleType, app_name: str) -> Application:
    """Return the application that *app_name* means in *module*: a variable, a factory, or a
    call of a factory with literal arguments. Raises `NoAppException`."""
    name, args, kwargs = _parse(app_name)
    try:
        found = getattr(module, name)
    except AttributeError as ex:
        raise NoAppException(f"There is no {name!r} in module {module.__name__!r}.") from ex

    if inspect.isfunction(found) and not ("(" not in app_name and _is_program(found)):
        found = _call_factory(found, args, kwargs, module, app_name)
    app = core_of(found)
    if app is not None:
        return app
    raise NotAnAppException(f"{module.__name__}:{app_name}", found)


def _is_program(function: FunctionType) -> bool:
    """Tell a WSGI or ASGI callable from a factory: by its two or three arguments."""
    parameters = inspect.signature(function).parameters.values()
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) == 2:
        return needed[0].startswith("env") or needed[1].startswith("start")
    return len(needed) == 3 and inspect.iscoroutinefunction(function)


def _parse(app_name: str) -> tuple[str, list[object], Values]:
    """Split `name` or `name(literal, key=literal)`."""
    try:
        expression = ast.parse(app_name.strip(), mode="eval").body
    except SyntaxError:
        expression = None
    match expression:
        case ast.Name(id=name):
            return name, [], {}
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            try:
                return (
                    name,
                    [ast.literal_eval(arg) for arg in args],
                    {kw.arg: ast.literal_eval(kw.value) for kw in keywords if kw.arg is not None},
                )
            except ValueError:
                raise NoAppException(
                    f"The arguments in {app_name!r} must be literal values."
                ) from None
        case ast.Call():
            raise NoAppException(f"A factory must be called by a simple name, not {app_name!r}.")
    raise NoAppException(f"{app_name!r} is neither a name nor a call of a factory.")


def _call_factory(
    factory: FunctionType, args: list[object] | tuple[()], kwargs: Values,
    module: ModuleType, written: str,
) -> object:  # fmt: skip
    try:
        return factory(*args, **kwargs)
    except TypeError as ex:
        # Only a call that never got into the factory was a call with the wrong arguments.
        if any(
            frame.f_code is factory.__code__ for frame, _ in traceback.walk_tb(ex.__traceback__)
        ):
            raise
        raise NoAppException(
            f"The factory {written!r} in module {module.__name__!r} could not be called with"
            f" these arguments: {ex}. Give them as"
            f" '{module.__name__}:{factory.__name__}(args)'."
        ) from ex


def _is_flask(value: object) -> bool:
    return any(base.__module__ == "flask.app" for base in type(value).__mro__)


# The one mistake people make on the way from Flask.
_FLASK_HINT = (
    " The application there is one of the installed package 'flask': write"
    " 'from waterspout.flask import …', or use the option '--dropin'."
)


def prepare_import(path: str) -> str:
    """Return the module name that the file, package or dotted name *path* is imported by.

    The directory to import it from is put first on `sys.path`.
    """
    path = os.path.realpath(path)
    stem, extension = os.path.splitext(path)
    if extension == ".py":
        path = stem
    if os.path.basename(path) == "__init__":
        path = os.path.dirname(path)

    directory, name = os.path.split(path)
    parts = [name]
    while os.path.exists(os.path.join(directory, "__init__.py")):
        directory, name = os.path.split(directory)
        parts.append(name)

    if sys.path[0] != directory:
        sys.path.insert(0, directory)
    return ".".join(reversed(parts))


def find_module(path: str) -> str:
    """Do what `prepare_import` does, and return the module's name, for a module that is there.

    Raises `NoAppException` for a file or a top-level module that is not, and for one that another
    module of the same name hides.
    """
    name = prepare_import(path)
    directory = sys.path[0]
    if path.endswith(".py") and not os.path.exists(path):
        raise NoAppException(f"There is no file {path!r} in {os.getcwd()!r}.{_similar(path)}")
    top = name.partition(".")[0]
    is_here = any(os.path.exists(os.path.join(directory, top + end)) for end in (".py", ""))
    loaded = sys.modules.get(top)
    file = getattr(loaded, "__file__", None)
    if loaded is not None and is_here and (file is None or not _is_below(file, directory)):
        what = "Python itself" if top in sys.stdlib_module_names else "another package"
        raise NoAppException(
            f"{top!r} is already a module of {what}, which is imported instead of the one in"
            f" {directory!r}: give the file another name."
        )
    if loaded is None and find_spec(top) is None:
        raise NoAppException(
            f"Could not import {name!r}: there is no module {top!r} in {directory!r}, and none"
            f" is installed.{_similar(top + '.py')}"
        )
    return name


def _is_below(path: str, directory: str) -> bool:
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(directory), ""))


def _similar(path: str) -> str:
    directory, name = os.path.split(path)
    try:
        near = [file for file in os.listdir(directory or ".") if file.endswith(".py")]
    except OSError:
        return ""
    close = get_close_matches(name, near, 1, 0.75)
    return f" Did you mean {os.path.join(directory, close[0])!r}?" if close else ""


@overload
def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: Literal[True] = True
) -> Application: ...
@overload
def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: Literal[False] = ...
) -> Application | None: ...
def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: bool = True
) -> Application | None:
    """Import *module_name* and return its application *app_name*, or the best one.

    Raises `NoAppException`; a module that does not exist is None instead, if
    *raise_if_not_found* is false. What the module itself raises, other than an
    `ImportError`, is passed on.
    """
    try:
        __import__(module_name)
    except ImportError as ex:
        # One entry in the traceback is the line above: the module was not found. More of
        # them are the module's own code.
        if ex.__traceback__ is not None and ex.__traceback__.tb_next is not None:
            raise AppImportError(
                f"{module_name!r} cannot be imported:\n\n{format_user_traceback(ex)}"
            ) from None
        if raise_if_not_found:
            raise NoAppException(
                f"Could not import {module_name!r}: {ex}. The search started in {sys.path[0]!r}."
            ) from None
        return None

    module = sys.modules[module_name]
    return find_best_app(module) if app_name is None else find_app_by_string(module, app_name)


def format_user_traceback(ex: BaseException) -> str:
    """Format *ex* without the frames above the user's code: ours, click's, the import system's."""
    tb: TracebackType | None = ex.__traceback__
    while tb is not None and tb.tb_frame.f_globals.get("__name__", "").startswith(_NOT_THE_USERS):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(ex), ex, tb))


_NOT_THE_USERS = ("waterspout.cli.", "click.", "importlib.")


class ScriptInfo:
    """The application of the running command; passed on as click's `obj`.

    *app_import_path* is what names the application, *create_app* (called without arguments)
    makes it instead; with *set_debug_flag* the application's `debug` follows the environment.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Application] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.data: dict[object, object] = {}
        """Anything a command wants to keep here."""
        self.set_debug_flag = set_debug_flag
        self.load_dotenv_defaults = get_load_dotenv(load_dotenv_defaults)
        """Whether `.env` and `.flaskenv` are to be loaded; `ScriptInfo` itself loads nothing."""
        self._loaded_app: Application | None = None

    def load_app(self) -> Application:
        """Return the application; it is loaded by the first call. Raises `NoAppException`."""
        if self._loaded_app is not None:
            return self._loaded_app
        app = self.create_app() if self.create_app is not None else self._find_app()
        if app is None:
            raise NothingNamedException()
        if self.set_debug_flag:
            app.debug = get_debug_flag()
        self._loaded_app = app
        return app

    def _find_app(self) -> Application | None:
        if self.app_import_path:
            path, name = split_import_path(self.app_import_path)
            module_name = find_module(path)
            return locate_app(module_name, name)
        for path in DEFAULT_FILES:
            app = locate_app(prepare_import(path), None, raise_if_not_found=False)
            if app is not None:
                return app
        return None


def split_import_path(import_path: str) -> tuple[str, str | None]:
    """Split `module:name` at the first colon that is not a Windows drive's."""
    path, *name = re.split(r":(?![\\/])", import_path, maxsplit=1)
    return path, name[0] if name else None
