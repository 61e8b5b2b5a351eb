"""The UI methods and UI modules of an application, and their names in a handler's templates.

The settings ``ui_methods`` and ``ui_modules`` are dicts, modules of Python, or lists of
these.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..util import ObjectDict
from .uimodule import UIModule, _UIModuleNamespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .interfaces import Handler


def methods_in(given: object) -> Iterator[tuple[str, Callable[..., str]]]:
    """Yield the functions in *given* under their names, those of modules that do not begin
    with ``_`` or a capital."""
    for name, value in _items(given):
        if callable(value) and name[:1] != "_" and name[0].lower() == name[0]:
            yield name, value


def modules_in(given: object) -> Iterator[tuple[str, type[UIModule]]]:
    """Yield the `UIModule` classes in *given* under their names."""
    for name, value in _items(given):
        if isinstance(value, type) and issubclass(value, UIModule):
            yield name, value


def _items(given: Any) -> Iterator[tuple[str, object]]:
    if isinstance(given, list):
        for part in given:
            yield from _items(part)
    elif isinstance(given, ModuleType):
        for name in dir(given):
            yield name, getattr(given, name)
    else:
        yield from given.items()


def bound(handler: Handler) -> ObjectDict:
    """Return what templates of *handler* see: the methods with the handler as their first
    argument, and the modules as ``modules``."""
    application = handler.application
    names = ObjectDict()
    for name, method in application.ui_methods.items():
        names[name] = partial(method, handler)
    # The second name is the one that the directive {% module %} uses: programs may take the
    # first one for something of theirs.
    names["modules"] = names["_tt_modules"] = _UIModuleNamespace(handler, application.ui_modules)
    return names
