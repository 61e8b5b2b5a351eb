"""`flask.testing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ..testing import EnvironBuilder as EnvironBuilder
from ..testing import FlaskClient as FlaskClient
from ..testing import FlaskCliRunner as FlaskCliRunner
from ._removed import TESTING

if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.testing",
        TESTING,
        imported_names(
            "flask.testing",
            __package__,
            """
            import importlib.metadata, typing as t
            from contextlib import ExitStack, contextmanager
            from copy import copy
            from types import TracebackType
            from urllib.parse import urlsplit
            from click.testing import CliRunner, Result
            import werkzeug.test
            from werkzeug.test import Client
            from werkzeug.wrappers import Request as BaseRequest
            from ._standins import _get_werkzeug_version, _werkzeug_version
            from .cli import ScriptInfo
            from .sessions import SessionMixin
            """,
        ),
    )
