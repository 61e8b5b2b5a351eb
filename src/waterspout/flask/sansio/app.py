"""`flask.sansio.app`. Our core class does what both of Flask's do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...app import App
from ...peers.imported_names import imported_names

__all__ = ["App"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.sansio.app",
        __package__,
        """
        import logging, os, sys, typing as t
        from datetime import timedelta
        from itertools import chain
        from werkzeug.exceptions import Aborter, BadRequest, BadRequestKeyError
        from werkzeug.routing import BuildError, Map, Rule
        from werkzeug.sansio.response import Response
        from werkzeug.utils import cached_property, redirect as _wz_redirect
        from .. import typing as ft
        from .._standins import _make_timedelta
        from .._typevars import T_shell_context_processor, T_teardown, T_template_filter
        from .._typevars import T_template_global, T_template_test
        from ..config import Config, ConfigAttribute
        from ..ctx import _AppCtxGlobals
        from ..helpers import _split_blueprint_path, get_debug_flag
        from ..json.provider import DefaultJSONProvider, JSONProvider
        from ..logging import create_logger
        from ..templating import DispatchingJinjaLoader, Environment
        from .scaffold import Scaffold, _endpoint_from_view_func, find_package, setupmethod
        """,
    )
