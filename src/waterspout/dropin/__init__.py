"""The drop-in: programs and extensions written for Flask or Tornado run on Waterspout as they
stand.

After `install`, `import flask` gives `waterspout.flask` and `flask.X` gives
`waterspout.flask.X`: the same module objects, so a class is one class under both names. Werkzeug
stays the installed package; it gets back the names old programs import, and its `run_simple`
starts our server. `tornado` stays the installed package as well, in which `tornado.web` and what
else we have is ours (see `aliases`).

Ways in:

- `waterspout run --dropin program:app`, for a Flask or a Tornado application;
- `python -m waterspout.dropin program.py`, for a program that starts its server itself;
- `import waterspout.dropin; waterspout.dropin.install()` above every other import;
- `pytest -p waterspout.dropin.pytest_plugin` for a program's own tests;
- `python -m waterspout.dropin enable` once, then `WATERSPOUT_DROPIN=1` in the environment of a
  program: the interpreter installs the drop-in before it runs anything, in subprocesses too.

Both distributions may stay installed: `importlib.metadata.version("flask")` is what it was.
"""

from __future__ import annotations

import os
import sys

from .aliases import FLASK, alias_table, never_loaded
from .children import wait_in_threads
from .finder import OLD_EXTENSION_NAMESPACE, DropinFinder
from .loops import prefer_uvloop
from .removed import Patches

__all__ = ["ENVIRONMENT_VARIABLE", "begin", "install", "installed", "uninstall"]

#: Set to `1`, and after `python -m waterspout.dropin enable`: installs the drop-in at start.
ENVIRONMENT_VARIABLE = "WATERSPOUT_DROPIN"

_patches = Patches()


def installed() -> bool:
    """Tell whether `import flask` gives Waterspout."""
    return _installed_finder() is not None


def install() -> None:
    """Serve `flask` and `tornado.web` from Waterspout from now on. Doing it twice does nothing.

    The environment variable is set as well, so that processes which this one starts follow, where
    the environment is enabled for it.

    :raises RuntimeError: the real ones have been imported already; their classes are in use and
        cannot be exchanged any more.
    """
    if installed():
        return
    _refuse_when_too_late()
    finder = DropinFinder(alias_table(), _patches.by_module())
    for name, patch in finder.patches.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, finder)
    os.environ[ENVIRONMENT_VARIABLE] = "1"


def begin() -> None:
    """Make this process one that runs a program on Waterspout: `install`, and event loops of
    uvloop. What ``python -m waterspout.dropin`` and ``WATERSPOUT_DROPIN=1`` do first."""
    install()
    finder = _installed_finder()
    for name, patch in {"asyncio": prefer_uvloop, "tornado.process": wait_in_threads}.items():
        if name in sys.modules:
            patch(sys.modules[name])
        elif finder is not None:
            finder.patches[name] = patch


def uninstall() -> None:
    """Take the drop-in out: `import flask` gives the installed Flask again, if there is one, and
    so does `import tornado.web`.

    Extensions imported meanwhile keep Waterspout's classes; remove them from `sys.modules`
    yourself, or use a new process, when that matters.
    """
    finder = _installed_finder()
    if finder is None:
        return
    sys.meta_path.remove(finder)
    os.environ.pop(ENVIRONMENT_VARIABLE, None)
    for name in list(sys.modules):
        if finder.target_of(name) is not None or _is_below(name, OLD_EXTENSION_NAMESPACE):
            module = sys.modules.pop(name)
            if module.__spec__ is not None:
                module.__name__ = module.__spec__.name  # its own
    vars(sys.modules.get(FLASK["flask"], sys)).pop("ext", None)
    _patches.undo()


def _installed_finder() -> DropinFinder | None:
    for finder in sys.meta_path:
        if isinstance(finder, DropinFinder):
            return finder
    return None


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _refuse_when_too_late() -> None:
    for name in list(sys.modules):
        if never_loaded(name):
            place = getattr(sys.modules[name], "__file__", None) or "an unknown place"
            raise RuntimeError(
                f"The drop-in comes too late: {name!r} is already imported, from {place}. Call"
                " waterspout.dropin.install() above every import of flask, tornado and extensions,"
                " or start the program with 'waterspout run --dropin'."
            )
