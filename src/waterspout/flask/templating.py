"""`flask.templating`."""

from __future__ import annotations

from ..templating import _default_template_ctx_processor as _default_template_ctx_processor
from ..templating.jinja import DispatchingJinjaLoader as DispatchingJinjaLoader
from ..templating.jinja import Environment as Environment
from ..templating.jinja import render_template as render_template
from ..templating.jinja import render_template_string as render_template_string
from ..templating.jinja import stream_template as stream_template
from ..templating.jinja import stream_template_string as stream_template_string
