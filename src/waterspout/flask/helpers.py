"""`flask.helpers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._imported import imported_names
from .._removed import removed_names
from ..carry import stream_with_context as stream_with_context
from ..context import current_app as current_app
from ..context import request as request
from ..context import request_ctx as request_ctx
from ..context import session as session
from ..files import send_file as send_file
from ..files import send_from_directory as send_from_directory
from ..flags import get_debug_flag as get_debug_flag
from ..flags import get_load_dotenv as get_load_dotenv
from ..flashing import flash as flash
from ..flashing import get_flashed_messages as get_flashed_messages
from ..http.request import split_blueprint_path
from ..paths import get_root_path as get_root_path
from ..responding import make_response as make_response
from ..signals import message_flashed as message_flashed
from ..templating import get_template_attribute as get_template_attribute
from ..urls import abort as abort
from ..urls import redirect as redirect
from ..urls import url_for as url_for
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
