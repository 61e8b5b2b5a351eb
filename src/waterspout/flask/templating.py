"""`flask.templating`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ..templating import _default_template_ctx_processor as _default_template_ctx_processor
from ..templating.jinja import DispatchingJinjaLoader as DispatchingJinjaLoader
from ..templating.jinja import Environment as Environment
from ..templating.jinja import render_template as render_template
from ..templating.jinja import render_template_string as render_template_string
from ..templating.jinja import stream_template as stream_template
from ..templating.jinja import stream_template_string as stream_template_string
from ._removed import STACKS

if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.templating",
        STACKS,
        imported_names(
            "flask.templating",
            __package__,
            """
            import typing as t
            from jinja2 import BaseLoader, Environment as BaseEnvironment
            from jinja2 import Template, TemplateNotFound
            from ..templating.jinja import _render, _stream
            from .globals import _cv_app, _cv_request, current_app, request
            from .helpers import stream_with_context
            from .signals import before_render_template, template_rendered
            """,
        ),
    )
