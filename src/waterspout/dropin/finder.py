"""The one import finder behind the drop-in.

Theory of operation. The finder stands first in `sys.meta_path` and answers three kinds of names:

- *aliases*: `flask` and `flask.X` are served by `waterspout.flask` and `waterspout.flask.X`,
  `tornado.web` by `waterspout.tornado.web`, and some of our names by Tornado. Not
  a copy: `sys.modules` holds the same module object under both names, so that classes and context
  variables exist once. The import system writes the alias's spec into the module it was given;
  the loader puts the module's own spec back, because reload, pickling and `importlib.resources`
  read it. What the module is *called* (`__name__`) becomes the name that programs import: tools
  that wait for an import, as tracing packages do, go by it.
  `import flask` also imports `flask.app` and the others that it brings along, by these names:
  such tools wait for them too.
- `flask.ext.X`, the namespace Flask dropped in 1.0, is served by the module `flask_X`.
- *patched* modules: a real Werkzeug module is found and run by the finders behind us, and
  receives the names that old programs expect right after its own code has run (see `removed.py`).

Loaders answer `get_code` and `is_package` because `python -m flask` goes through :mod:`runpy`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

OLD_EXTENSION_NAMESPACE = "flask.ext"


class AliasLoader(importlib.abc.InspectLoader):
    """Serve the module *target* under another name.

    :param called: what the module is called from then on.
    :param done: called when the module is there.
    """

    def __init__(
        self, target: str, target_spec: ModuleSpec, called: str, done: Callable[[], None]
    ) -> None:
        self.target = target
        self._target_spec = target_spec
        self._called = called
        self._done = done

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the target itself; the import system enters it in `sys.modules` as `spec.name`."""
        module = importlib.import_module(self.target)
        self._target_spec = module.__spec__ or self._target_spec
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, and its name. Its code has run already."""
        module.__spec__ = self._target_spec
        self._done()
        module.__name__ = self._called

    def is_package(self, fullname: str) -> bool:
        """Tell whether the target has submodules."""
        return self._target_spec.submodule_search_locations is not None

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the target's code, for `python -m`."""
        get_code = getattr(self._target_spec.loader, "get_code", None)
        code: CodeType | None = get_code(self.target) if get_code else None
        return code

    def get_source(self, fullname: str) -> str | None:
        """Return the target's source text, for tracebacks of `python -m`."""
        get_source = getattr(self._target_spec.loader, "get_source", None)
        source: str | None = get_source(self.target) if get_source else None
        return source


class NamespaceLoader(importlib.abc.Loader):
    """Make the empty package that `flask.ext` is."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Ask for an ordinary new module."""

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


class PatchingLoader(importlib.abc.Loader):
    """Run a real module by its own loader, then hand it to *patch*."""

    def __init__(self, inner: importlib.abc.Loader, patch: Callable[[ModuleType], None]) -> None:
        self._inner = inner
        self._patch = patch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module must not remember that it came through us: reload and resources use its loader.
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        self._patch(module)

    def __getattr__(self, name: str) -> Any:
        # `python -m werkzeug.serving`: runpy asks the loader for get_code, is_package, ...
        return getattr(self._inner, name)


class DropinFinder(importlib.abc.MetaPathFinder):
    """Serve aliased, old-namespace and patched modules.

    :param aliases: name seen by programs → name of the module that serves it; holds for
        submodules too, the longest name wins.
    :param patches: name of a real module → what to do to it once it has run.
    """

    def __init__(
        self, aliases: Mapping[str, str], patches: Mapping[str, Callable[[ModuleType], None]]
    ) -> None:
        self.aliases = dict(aliases)
        self.patches = dict(patches)
        self._aliased = {
            target: name for name, target in reversed(self.aliases.items()) if _is_ours(target)
        }
        self._completing = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Answer the import system; None leaves the name to the finders behind."""
        if fullname == OLD_EXTENSION_NAMESPACE:
            return ModuleSpec(fullname, NamespaceLoader(), is_package=True)
        if fullname.startswith(OLD_EXTENSION_NAMESPACE + "."):
            return self._find_old_extension(fullname)
        served_by = self.target_of(fullname)
        if served_by is not None:
            return self._alias_spec(fullname, served_by)
        patch = self.patches.get(fullname)
        if patch is not None:
            return self._find_patched(fullname, path, target, patch)
        return None

    def target_of(self, fullname: str) -> str | None:
        """Return the name of the module that serves *fullname*, None where that is not ours."""
        for name in _self_and_parents(fullname):
            served_by = self.aliases.get(name)
            if served_by is not None:
                return served_by + fullname[len(name) :]
        return None

    def _alias_spec(self, fullname: str, served_by: str) -> ModuleSpec | None:
        return _alias_spec(
            fullname, served_by, fullname if _is_ours(served_by) else served_by, self._complete
        )

    def _complete(self) -> None:
        """Import by their other names, too, the modules of ours that are loaded by now."""
        if self._completing:
            return  # the outermost import does it for all of them
        self._completing = True
        try:
            for name in self._names_to_complete():
                importlib.import_module(name)
        finally:
            self._completing = False

    def _names_to_complete(self) -> list[str]:
        names = []
        for loaded, module in list(sys.modules.items()):
            if not _is_ours(loaded) or getattr(module.__spec__, "_initializing", False):
                continue
            other = self._other_name(loaded)
            if other is not None and other not in sys.modules:
                names.append(other)
        return names

    def _other_name(self, module_name: str) -> str | None:
        """Return the name by which programs know a module of ours, None where they do not."""
        for name in _self_and_parents(module_name):
            package = self._aliased.get(name)
            if package is None:
                continue
            below = module_name[len(name) :]
            if "._" in below or (below and "." in package):
                return None  # `tornado.web` is one module to programs
            return package + below
        return None

    def _find_old_extension(self, fullname: str) -> ModuleSpec | None:
        name = "flask_" + fullname.removeprefix(OLD_EXTENSION_NAMESPACE + ".")
        spec = _alias_spec(fullname, name, name, self._complete)
        if spec is not None:
            warnings.warn(
                f"'{fullname}' is the extension namespace of Flask 0.x; import '{name}' instead.",
                DeprecationWarning,
                stacklevel=3,  # the frames of importlib do not count
            )
        return spec

    def _find_patched(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None,
        patch: Callable[[ModuleType], None],
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if isinstance(spec.loader, importlib.abc.Loader):
                    spec.loader = PatchingLoader(spec.loader, patch)
                return spec
        return None


def _self_and_parents(fullname: str) -> Iterator[str]:
    """Yield `a.b.c`, `a.b`, `a`."""
    while fullname:
        yield fullname
        fullname = fullname.rpartition(".")[0]


def _is_ours(module_name: str) -> bool:
    return module_name.partition(".")[0] == __name__.partition(".")[0]


def _alias_spec(
    fullname: str, served_by: str, called: str, done: Callable[[], None]
) -> ModuleSpec | None:
    try:
        target_spec = importlib.util.find_spec(served_by)
    except ModuleNotFoundError as error:
        if error.name is not None and served_by.startswith(error.name):
            return None  # a parent of the target is missing: the name does not exist here
        raise
    if target_spec is None:
        return None
    spec = ModuleSpec(
        fullname,
        AliasLoader(served_by, target_spec, called, done),
        origin=target_spec.origin,
        is_package=target_spec.submodule_search_locations is not None,
    )
    if target_spec.submodule_search_locations is not None:
        spec.submodule_search_locations = list(target_spec.submodule_search_locations)
    return spec
