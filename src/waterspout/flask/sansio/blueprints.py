"""`flask.sansio.blueprints`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blueprints import Blueprint, BlueprintSetupState, DeferredSetupFunction
from ...peers.imported_names import imported_names

__all__ = ["Blueprint", "BlueprintSetupState", "DeferredSetupFunction"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.sansio.blueprints",
        __package__,
        """
        import os, typing as t
        from collections import defaultdict
        from functools import update_wrapper
        from .. import typing as ft
        from .._typevars import T_after_request, T_before_request, T_error_handler, T_teardown
        from .._typevars import T_template_context_processor, T_template_filter, T_template_global
        from .._typevars import T_template_test, T_url_defaults, T_url_value_preprocessor
        from .scaffold import Scaffold, _endpoint_from_view_func, _sentinel, setupmethod
        """,
    )
