"""`flask.globals`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..context.request_context import _cv_app as _cv_app
from ..context.request_context import _cv_request as _cv_request
from ..context.request_context import _no_app_msg as _no_app_msg
from ..context.request_context import _no_req_msg as _no_req_msg
from ..context.request_context import app_ctx as app_ctx
from ..context.request_context import g as g
from ..context.request_context import request as request
from ..context.request_context import request_ctx as request_ctx
from ..context.request_context import session as session
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ._removed import GLOBALS

if TYPE_CHECKING:
    from ..app import App

    current_app: App
else:
    from ..context.request_context import current_app as current_app

if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.globals",
        GLOBALS,
        imported_names(
            "flask.globals",
            __package__,
            """
            import typing as t
            from contextvars import ContextVar
            from werkzeug.local import LocalProxy
            """,
        ),
    )
