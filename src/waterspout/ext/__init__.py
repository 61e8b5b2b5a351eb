"""Batteries: database, migrations, sessions, login, forms, mail and others, each one module.

A program imports the module it wants, ``from waterspout.ext.db import SQLAlchemy``; nothing here
is loaded before. Each stands on the public names of Waterspout and on packages of its own extra:
``pip install "waterspout[db]"``, or ``"waterspout[all]"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Import optional packages inside; a missing one is an error that names the extra.

    Raises:
        ModuleNotFoundError: A package of ``waterspout[extra]`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] == "waterspout":
            raise
        raise ModuleNotFoundError(
            f"No module named {error.name!r}; it comes with: pip install 'waterspout[{extra}]'",
            name=error.name,
            path=error.path,
        ) from error
