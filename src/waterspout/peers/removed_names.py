"""Names that Flask and Tornado have dropped, served with a warning that names the replacement.

A program written for Flask 1 or Werkzeug 1 imports names that later releases removed. A module
that keeps such names gives itself a `__getattr__` made by `removed_names`. Nothing is
listed in the module's `dir()`, so tools that read every attribute of every loaded module
(freezegun, hiro) neither load nor warn about anything.
"""

from __future__ import annotations

import importlib
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_WATERSPOUT = __name__.partition(".")[0]


class Removed(NamedTuple):
    """One dropped name.

    :param target: where the replacement lives, `"module:attribute"`, or a module. A leading dot
        means `waterspout`, and the attribute may itself be dotted.
    :param instead: what the warning tells the reader to write.
    """

    target: str
    instead: str

    def load(self) -> Any:
        """Import and return the object that stands in for the name."""
        module_name, _, attribute = self.target.partition(":")
        module = importlib.import_module(module_name, _WATERSPOUT)
        return operator.attrgetter(attribute)(module) if attribute else module


def removed_names(
    module_name: str,
    names: Mapping[str, Removed],
    otherwise: Callable[[str], object] | None = None,
) -> Callable[[str], Any]:
    """Make the `__getattr__` of the module called *module_name* to its users.

    :param names: dropped name → what stands in for it.
    :param otherwise: the `__getattr__` the module had before, asked for every other name.
    """

    def __getattr__(name: str) -> object:
        removed = names.get(name)
        if removed is None:
            if otherwise is not None:
                return otherwise(name)
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        value = removed.load()
        warnings.warn(
            f"'{module_name}.{name}' was removed; use {removed.instead}.",
            DeprecationWarning,
            stacklevel=2,
        )
        return value

    return __getattr__
