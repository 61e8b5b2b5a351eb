"""Flask's `flask.json.provider`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...json.provider import DefaultJSONProvider, JSONProvider, _default
from ...peers.imported_names import imported_names

__all__ = ["DefaultJSONProvider", "JSONProvider", "_default"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.json.provider",
        __package__,
        """
        import dataclasses, decimal, json, typing as t, uuid, weakref
        from datetime import date
        from werkzeug.http import http_date
        """,
    )
