"""Flask's `flask.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...dispatch.make_response import jsonify
from ...json import dump, dumps, load, loads
from ...peers.imported_names import imported_names
from ...peers.removed_names import removed_names
from .._removed import JSON
from . import provider, tag

__all__ = ["dump", "dumps", "jsonify", "load", "loads", "provider", "tag"]


if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.json",
        JSON,
        imported_names(
            "flask.json",
            __package__,
            """
            import json as _json, typing as t
            from ..globals import current_app
            from .provider import _default
            """,
        ),
    )
