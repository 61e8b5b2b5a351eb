"""The folders of an application's code, found from its import name."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import PurePath

__all__ = ["find_package", "get_root_path"]


def get_root_path(import_name: str) -> str:
    """Return the folder that holds the module or package *import_name* (Flask's `get_root_path`).

    An imported module's `__file__` decides; a module that is not imported is located without
    running it where its loader allows. An unknown name, or ``__main__`` of an interactive session,
    gives the current directory. Raises `RuntimeError` for a module without a file, such as a
    namespace package.
    """
    module = sys.modules.get(import_name)
    path: str | None = getattr(module, "__file__", None)
    if path is None:
        spec = _spec(import_name)
        loader = None if spec is None else spec.loader
        if loader is None:
            return os.getcwd()
        get_filename = getattr(loader, "get_filename", None)
        if get_filename is not None:
            path = get_filename(import_name)
        else:
            path = getattr(import_module(import_name), "__file__", None)
    if path is None:
        raise RuntimeError(
            f"No root path can be found for the provided module {import_name!r}: it is a namespace"
            " package, or was imported by a hook that tells no file name. Pass 'root_path' to say"
            " where the application's files are."
        )
    return os.path.dirname(os.path.abspath(path))


def find_package(import_name: str) -> tuple[str | None, str]:
    """Return the installation prefix of *import_name* and the `sys.path` entry it comes from
    (Flask's `find_package`).

    The prefix is None for code that is not installed, which then runs from its own project folder.
    """
    folder = _import_folder(import_name)
    prefix = os.path.abspath(sys.prefix)
    if PurePath(folder).is_relative_to(prefix):
        return prefix, folder

    parent, name = os.path.split(folder)
    if name.lower() != "site-packages":
        return None, folder
    # The layouts of virtual environments: <prefix>/lib/site-packages (Windows),
    # <prefix>/lib/pythonX.Y/site-packages (POSIX), or anything else.
    above, name = os.path.split(parent)
    if name.lower() == "lib":
        return above, folder
    if os.path.basename(above).lower() == "lib":
        return os.path.dirname(above), folder
    return parent, folder


def _spec(import_name: str) -> ModuleSpec | None:
    try:
        return find_spec(import_name)
    except (ImportError, ValueError):  # unknown, malformed, or __main__ without a spec
        return None


def _import_folder(import_name: str) -> str:
    """Return the folder the top-level package or module of *import_name* lies in."""
    spec = _spec(import_name.partition(".")[0])
    if spec is None:
        return os.getcwd()
    locations = spec.submodule_search_locations
    if not locations:
        return os.path.dirname(spec.origin or "")
    if spec.origin is not None and spec.origin != "namespace":
        return os.path.dirname(os.path.dirname(spec.origin))
    # A namespace package lies in several folders: take the one that holds this module.
    portions = list(locations)
    inner = _spec(import_name)
    if inner is not None and inner.submodule_search_locations:
        wanted = PurePath(os.path.commonpath(list(inner.submodule_search_locations)))
        portions = [portion for portion in portions if wanted.is_relative_to(portion)]
    return os.path.dirname(portions[0])
