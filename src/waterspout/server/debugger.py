"""The interactive error page of debug mode: Werkzeug's, for errors in any kind of view.

SECURITY: made only in debug mode. Evaluating code needs the page's secret, the PIN that
is printed in the terminal, and a Host that Werkzeug trusts (localhost).
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

from werkzeug.debug import DebuggedApplication
from werkzeug.debug.tbtools import DebugFrameSummary, DebugTraceback

from ..tracebacks import folded_line, folded_runs, folds

if TYPE_CHECKING:
    from ..http.message import Incoming
    from ..interfaces import Application


class Debugger:
    """Keeps the frames of shown errors and serves the error page's own requests."""

    def __init__(self, app: Application) -> None:
        self._app = app
        #: The WSGI application for requests with ``__debugger__`` in their query.
        self.door = DebuggedApplication(app, evalex=True)

    def wants(self, incoming: Incoming) -> bool:
        """Whether a request comes from an error page."""
        return b"__debugger__=yes" in incoming.query

    def page(self, error: Exception, incoming: Incoming) -> Any:
        """Return the page that explains *error*."""
        door = self.door
        kind = FoldedTraceback if folds(self._app.config) else DebugTraceback
        traceback = kind(error, hide=not door.show_hidden_frames)
        context = contextvars.copy_context()
        for frame in traceback.all_frames:
            door.frames[id(frame)] = frame
            door.frame_contexts[id(frame)] = [_Entered(context)]
        environ = incoming.to_environ()
        trusted = bool(door.check_pin_trust(environ))
        html = traceback.render_debugger_html(
            evalex=door.evalex and door.check_host_trust(environ),
            secret=door.secret,
            evalex_trusted=trusted,
        )
        return self._app.response_class(
            html,
            status=500,
            content_type="text/html; charset=utf-8",
            # The page must not be blocked, and says more than a cache should keep.
            headers={"X-XSS-Protection": "0", "Cache-Control": "no-store"},
        )


class FoldedTraceback(DebugTraceback):
    """A traceback whose page hides runs of the framework's frames, which a click shows."""

    def render_traceback_html(self, include_title: bool = True) -> str:
        """Return the part of the page that lists the frames."""
        _ = self.all_frames  # kept, since Werkzeug looks at them as well
        whole: list[tuple[Any, list[Any]]] = [
            (summary.stack, list(summary.stack)) for _, summary in self.all_tracebacks
        ]
        for stack, frames in whole:
            for start, end in reversed(list(folded_runs([frame.filename for frame in frames]))):
                stack[start:end] = [_Run(frames[start:end])]
        try:
            return super().render_traceback_html(include_title)
        finally:
            for stack, frames in whole:  # the page has all of it as text, too
                stack[:] = frames


class _Run:
    """A placeholder for hidden frames in the list of frames of a page."""

    info = None

    def __init__(self, frames: list[DebugFrameSummary]) -> None:
        self.frames = frames

    def render_html(self, mark_library: bool) -> str:
        shown = "".join(f"<li>{frame.render_html(mark_library)}" for frame in self.frames)
        line = folded_line(len(self.frames))
        return f"<details><summary>{line}</summary><ul>{shown}</ul></details>"


class _Entered:
    """Makes the request's context variables current while code of the page is evaluated."""

    def __init__(self, context: contextvars.Context) -> None:
        self._context = context
        self._tokens: list[tuple[contextvars.ContextVar[Any], contextvars.Token[Any]]] = []

    def __enter__(self) -> None:
        self._tokens = [(var, var.set(value)) for var, value in self._context.items()]

    def __exit__(self, *args: object) -> None:
        for var, token in self._tokens:
            var.reset(token)
