"""`flask.debughelpers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..http.debugging import DebugFilesKeyError as DebugFilesKeyError
from ..http.debugging import FormDataRoutingRedirect as FormDataRoutingRedirect
from ..http.debugging import UnexpectedUnicodeError as UnexpectedUnicodeError
from ..http.debugging import attach_enctype_error_multidict as attach_enctype_error_multidict
from ..peers.imported_names import imported_names
from ..templating.explain import (
    explain_template_loading_attempts as explain_template_loading_attempts,
)

if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.debughelpers",
        __package__,
        """
        import typing as t
        from jinja2.loaders import BaseLoader
        from werkzeug.routing import RequestRedirect
        from ..templating.explain import _describe as _dump_loader_info
        from .blueprints import Blueprint
        from .globals import request_ctx
        from .sansio.app import App
        """,
    )
