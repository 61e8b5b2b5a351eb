"""Objects that are imported on first use, by import path.

`import waterspout` must be fast, and a server process needs neither the command line
nor the test client. Such a part is named by its import path; setting the attribute, on
a class or an instance, replaces it as usual.
"""

from __future__ import annotations

from typing import Any

from werkzeug.utils import import_string


class Lazy:
    """A class attribute whose value is imported from *path* (``module:name``) on first use."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return import_string(self.path)


def load(path: str) -> Any:
    """Import and return the object at *path* (``module:name``)."""
    return import_string(path)
