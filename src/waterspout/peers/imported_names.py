"""Names that the peers' modules have because they import them: `flask.cli.click`.

Programs take such names from there, although nobody promises them. A module that stands for one
of the peers' gives itself a `__getattr__` made by `imported_names` from the import statements that
it does not need itself. A name is imported when it is asked for, so the module costs no more to
load, and `dir()` lists what is ours.
"""

from __future__ import annotations

import ast
import importlib
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any


def imported_names(
    module_name: str,
    package: str | None,
    statements: str,
    otherwise: Callable[[str], object] | None = None,
) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module that also has the names which *statements* import.

    :param module_name: what the module is called by its users, for messages.
    :param package: the module's `__package__`, where relative imports start.
    :param statements: import statements, one a line.
    :param otherwise: the `__getattr__` that is asked for every other name.
    """

    @cache  # the text is parsed for programs that ask for such a name only
    def importers() -> dict[str, Callable[[], object]]:
        return dict(_importers(statements, package))

    def __getattr__(name: str) -> object:
        load = None if name.startswith("__") else importers().get(name)
        if load is not None:
            try:
                return load()
            except ImportError as error:  # of a package that is not installed
                raise AttributeError(
                    f"module {module_name!r} has no attribute {name!r} here: {error}"
                ) from error
        if otherwise is not None:
            return otherwise(name)
        raise AttributeError(f"module {module_name!r} has no attribute {name!r}")

    return __getattr__


def _importers(statements: str, package: str | None) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each name that *statements* bind, and a function that returns what it is bound to."""
    for node in ast.parse(textwrap.dedent(statements)).body:
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield alias.asname or alias.name, partial(_import_from, module, alias.name, package)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname is not None:
                    yield alias.asname, partial(importlib.import_module, alias.name)
                else:  # `import a.b` binds `a`
                    yield alias.name.partition(".")[0], partial(__import__, alias.name)


def _import_from(module_name: str, name: str, package: str | None) -> object:
    module = importlib.import_module(module_name, package)
    try:
        return getattr(module, name)
    except AttributeError:
        return importlib.import_module(f"{module.__name__}.{name}")
