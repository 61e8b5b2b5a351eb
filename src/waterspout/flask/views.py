"""Flask's `flask.views`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..views import MethodView, View, http_method_funcs

__all__ = ["MethodView", "View", "http_method_funcs"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.views",
        __package__,
        """
        import typing as t
        from . import typing as ft
        from ._typevars import F
        from .globals import current_app, request
        """,
    )
