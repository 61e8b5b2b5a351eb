"""Templates: `context` fills their variables; `jinja` is the Jinja engine, loaded on first use.

An application that renders nothing does not import Jinja.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .context import _default_template_ctx_processor as _default_template_ctx_processor
from .context import fill_context as fill_context

if TYPE_CHECKING:
    from .jinja import DispatchingJinjaLoader as DispatchingJinjaLoader
    from .jinja import Environment as Environment
    from .jinja import get_template_attribute as get_template_attribute
    from .jinja import render_block as render_block
    from .jinja import render_page as render_page
    from .jinja import render_template as render_template
    from .jinja import render_template_string as render_template_string
    from .jinja import stream_template as stream_template
    from .jinja import stream_template_string as stream_template_string

_JINJA = frozenset(
    {
        "DispatchingJinjaLoader",
        "Environment",
        "get_template_attribute",
        "render_block",
        "render_page",
        "render_template",
        "render_template_string",
        "stream_template",
        "stream_template_string",
    }
)


def __getattr__(name: str) -> Any:
    if name not in _JINJA:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(".jinja", __name__), name)
    return value
