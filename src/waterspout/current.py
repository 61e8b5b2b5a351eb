"""Where the running context is kept.

The variables stand on the ground floor, so that values (`http.Request`, `json`) can
ask for the current application's settings without knowing what an application is;
what they hold is defined in `context.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

app_var: ContextVar[Any] = ContextVar("flask.app_ctx")
request_var: ContextVar[Any] = ContextVar("flask.request_ctx")


def current_config() -> Mapping[str, Any] | None:
    """Return the configuration of the current application, None outside of one."""
    ctx = app_var.get(None)
    if ctx is None:
        return None
    config: Mapping[str, Any] = ctx.app.config
    return config
