"""`flask.wrappers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..http import Request as Request
from ..http import Response as Response
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ._removed import WRAPPERS

if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.wrappers",
        WRAPPERS,
        imported_names(
            "flask.wrappers",
            __package__,
            """
            import typing as t
            from werkzeug.exceptions import BadRequest, HTTPException
            from werkzeug.wrappers import Request as RequestBase, Response as ResponseBase
            from . import json
            from .globals import current_app
            from .helpers import _split_blueprint_path
            """,
        ),
    )
