"""The Tornado wing: Tornado's module names over the core, at the API level of Tornado 6.6.1.

``import tornado.X`` becomes ``import waterspout.tornado.X``. Modules are thin where the core does
the work; a module is imported when it is named, as in Tornado.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["version", "version_info"]

# What programs compare: the level of Tornado's API, not Waterspout's own version.
version = "6.6.1"
version_info = (6, 6, 1, 0)


def __getattr__(name: str) -> Any:
    # A name with an underscore is looked for by tools, and is never a module of ours.
    if not name.startswith("_") and find_spec(f".{name}", __name__) is not None:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
