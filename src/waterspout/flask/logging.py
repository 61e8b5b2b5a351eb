"""Flask's `flask.logging`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..log import create_logger, default_handler, has_level_handler, wsgi_errors_stream
from ..peers.imported_names import imported_names

__all__ = ["create_logger", "default_handler", "has_level_handler", "wsgi_errors_stream"]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.logging",
        __package__,
        """
        import logging, sys, typing as t
        from werkzeug.local import LocalProxy
        from .globals import request
        """,
    )
