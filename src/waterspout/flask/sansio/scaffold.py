"""`flask.sansio.scaffold`, with the private names that extensions import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...application.root_path import find_package, get_root_path
from ...application.scaffold import Scaffold, _endpoint_from_view_func, _sentinel, setupmethod
from ...peers.imported_names import imported_names

__all__ = [
    "Scaffold",
    "_endpoint_from_view_func",
    "_sentinel",
    "find_package",
    "get_root_path",
    "setupmethod",
]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.sansio.scaffold",
        __package__,
        """
        import importlib.util, os, pathlib, sys, typing as t
        from collections import defaultdict
        from functools import update_wrapper
        from jinja2 import BaseLoader, FileSystemLoader
        from werkzeug.exceptions import HTTPException, default_exceptions
        from werkzeug.utils import cached_property
        from .. import typing as ft
        from .._typevars import F, T_after_request, T_before_request, T_error_handler
        from .._typevars import T_route, T_teardown, T_template_context_processor
        from .._typevars import T_url_defaults, T_url_value_preprocessor
        from ...application.root_path import _import_folder as _find_package_path
        from ..templating import _default_template_ctx_processor
        """,
    )
