"""`flask.helpers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..application.root_path import get_root_path as get_root_path
from ..context.propagation import stream_with_context as stream_with_context
from ..context.request_context import current_app as current_app
from ..context.request_context import request as request
from ..context.request_context import request_ctx as request_ctx
from ..context.request_context import session as session
from ..dispatch.make_response import make_response as make_response
from ..env import get_debug_flag as get_debug_flag
from ..env import get_load_dotenv as get_load_dotenv
from ..files import send_file as send_file
from ..files import send_from_directory as send_from_directory
from ..flashing import flash as flash
from ..flashing import get_flashed_messages as get_flashed_messages
from ..http.request import split_blueprint_path
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ..routing.urls import abort as abort
from ..routing.urls import redirect as redirect
from ..routing.urls import url_for as url_for
from ..signals import message_flashed as message_flashed
from ..templating import get_template_attribute as get_template_attribute
from ._removed import HELPERS


def _split_blueprint_path(name: str) -> list[str]:
    return list(split_blueprint_path(name))


if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.helpers",
        HELPERS,
        imported_names(
            "flask.helpers",
            __package__,
            """
            import importlib.util, os, sys, typing as t
            from datetime import datetime
            from functools import cache, update_wrapper
            import werkzeug.utils
            from werkzeug.exceptions import abort as _wz_abort
            from werkzeug.utils import redirect as _wz_redirect
            from werkzeug.wrappers import Response as BaseResponse
            from ._standins import _prepare_send_file_kwargs
            from .globals import _cv_app, _cv_request
            """,
        ),
    )
