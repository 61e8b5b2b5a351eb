"""Flask's `flask.json.tag`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...json.tag import (
    JSONTag,
    PassDict,
    PassList,
    TagBytes,
    TagDateTime,
    TagDict,
    TaggedJSONSerializer,
    TagMarkup,
    TagTuple,
    TagUUID,
)
from ...peers.imported_names import imported_names

__all__ = [
    "JSONTag",
    "PassDict",
    "PassList",
    "TagBytes",
    "TagDateTime",
    "TagDict",
    "TagMarkup",
    "TagTuple",
    "TagUUID",
    "TaggedJSONSerializer",
]


if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.json.tag",
        __package__,
        """
        import typing as t
        from base64 import b64decode, b64encode
        from datetime import datetime
        from uuid import UUID
        from markupsafe import Markup
        from werkzeug.http import http_date, parse_date
        from . import dumps, loads
        """,
    )
