"""Flask's `flask.config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import Config, ConfigAttribute
from ..peers.imported_names import imported_names

__all__ = ["Config", "ConfigAttribute"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.config",
        __package__,
        """
        import errno, json, os, types, typing as t
        from werkzeug.utils import import_string
        from ._typevars import T
        """,
    )
