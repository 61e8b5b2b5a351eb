"""`flask.ctx`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..context.request_context import AppContext as AppContext
from ..context.request_context import RequestContext as RequestContext
from ..context.request_context import _AppCtxGlobals as _AppCtxGlobals
from ..context.request_context import _cv_app as _cv_app
from ..context.request_context import _cv_request as _cv_request
from ..context.request_context import after_this_request as after_this_request
from ..context.request_context import copy_current_request_context as copy_current_request_context
from ..context.request_context import has_app_context as has_app_context
from ..context.request_context import has_request_context as has_request_context
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ._removed import STACKS

if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.ctx",
        STACKS,
        imported_names(
            "flask.ctx",
            __package__,
            """
            import contextvars, sys, typing as t
            from functools import update_wrapper
            from types import TracebackType
            from werkzeug.exceptions import HTTPException
            from . import typing as ft
            from ._typevars import F
            from .sansio.scaffold import _sentinel
            from .signals import appcontext_popped, appcontext_pushed
            """,
        ),
    )
