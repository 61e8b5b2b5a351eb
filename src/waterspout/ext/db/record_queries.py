"""Queries of the current context with their durations, and a log of slow ones.

Recorded where the setting ``SQLALCHEMY_RECORD_QUERIES`` is on; logged where a query takes longer
than ``SQLALCHEMY_SLOW_QUERY`` seconds.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from waterspout import current_app, g, has_app_context
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

with needs_extra("db"):
    import sqlalchemy as sa
    from greenlet import getcurrent
    from sqlalchemy import event

__all__ = ["get_recorded_queries", "listen"]

_logger = logging.getLogger("waterspout.db")

_UNKNOWN = "<unknown>"
#: Characters of a statement in the log.
_SHOWN = 2000


@dataclass
class _QueryInfo:
    """A query that was executed; times are in seconds of `time.perf_counter`."""

    statement: str | None
    parameters: object
    start_time: float
    end_time: float
    location: str
    """Where the program executed it: ``file:line (function)``."""

    @property
    def duration(self) -> float:
        """How long it took, in seconds."""
        return self.end_time - self.start_time


def get_recorded_queries() -> list[_QueryInfo]:
    """Return the queries of the current application context, in their order."""
    found: list[_QueryInfo] = g.get("_sqlalchemy_queries", [])
    return found


def listen(engine: sa.Engine, *, record: bool, slow: float | None) -> None:
    """Time the queries of *engine*: *record* them in `g`, log those of *slow* seconds and more."""

    @event.listens_for(engine, "before_cursor_execute")
    def begin(
        _conn: Any, _cursor: Untyped, _sql: str, _params: Any, context: Any, _many: bool
    ) -> None:
        context.waterspout_began = perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(
        _conn: Any, _cursor: Untyped, _sql: str, _params: Any, context: Any, _many: bool
    ) -> None:
        began, ended = context.waterspout_began, perf_counter()
        if slow is not None and ended - began >= slow:
            statement = " ".join(context.statement.split())[:_SHOWN]
            # SECURITY: no parameters; they are what users have typed, passwords among it.
            _logger.warning("Query of %.3f s at %s: %s", ended - began, _caller(), statement)
        if record and has_app_context():
            found = _QueryInfo(context.statement, context.parameters, began, ended, _caller())
            g.setdefault("_sqlalchemy_queries", []).append(found)


def _caller() -> str:
    """Return the place in the application's own package that the call comes from."""
    if not has_app_context():
        return _UNKNOWN
    package = current_app.import_name.partition(".")[0]
    frame = inspect.currentframe()
    outer: Any = getcurrent().parent
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            code = frame.f_code
            return f"{code.co_filename}:{frame.f_lineno} ({code.co_name})"
        frame = frame.f_back
        if frame is None and outer is not None:  # of the coroutine that awaits the query
            frame, outer = outer.gr_frame, outer.parent
    return _UNKNOWN
