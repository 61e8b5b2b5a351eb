"""Flask's `flask.signals`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ..signals import (
    Namespace,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_request_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    template_rendered,
)
from ._removed import SIGNALS

__all__ = [
    "Namespace",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "got_request_exception",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
]


if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.signals",
        SIGNALS,
        imported_names(
            "flask.signals",
            __package__,
            """
            from ._standins import SIGNALS as _signals
            """,
        ),
    )
