"""A database that cannot be reached: one exception, one line in the log, the answer 503."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from waterspout import current_app
from waterspout.ext import needs_extra

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import event, exc

__all__ = ["DatabaseUnavailable", "answer", "watch"]

_logger = logging.getLogger("waterspout.db")

#: Errors of the program's, not of the database: wrong arguments for the driver.
_MISTAKES = (AttributeError, ImportError, LookupError, TypeError, ValueError)
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class DatabaseUnavailable(exc.OperationalError):
    """The database cannot be reached, or the connection was lost, or the database stays locked.

    Where no code of the program catches it, the client gets 503 with ``Retry-After``
    (``SQLALCHEMY_RETRY_AFTER`` seconds), and an error handler for 503 is asked for the page.
    """


def answer(error: Exception) -> Any:
    """Return the answer for a request that has met *error*: a `DatabaseUnavailable`, or no
    connection of the pool became free in time."""
    seconds = current_app.config["SQLALCHEMY_RETRY_AFTER"]
    if isinstance(error, exc.TimeoutError):
        _logger.warning("No connection became free: %s", error)
    refused = ServiceUnavailable("The database cannot be reached just now.", retry_after=seconds)
    return current_app.handle_http_exception(refused)


def watch(engine: sa.Engine) -> None:
    """Have *engine* raise `DatabaseUnavailable`, and the log say once that its database has gone,
    and once that it is back."""
    place = engine.url.render_as_string()
    state = {"gone": False}

    def unavailable(error: BaseException, context: object = None) -> DatabaseUnavailable:
        if not state["gone"]:
            state["gone"] = True
            _logger.error("The database %s cannot be reached: %s", place, _first_line(error))
        statement = getattr(context, "statement", None)
        parameters = getattr(context, "parameters", None)
        lost = getattr(context, "is_disconnect", False)
        return DatabaseUnavailable(
            statement,
            parameters,
            error,
            hide_parameters=engine.hide_parameters,
            connection_invalidated=lost,
        )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, cargs: Any, cparams: Any) -> object:
        try:
            connection = dialect.connect(*cargs, **cparams)
        except _MISTAKES:
            raise
        except Exception as error:
            if engine.dialect.name == "sqlite":  # no permission, no such folder: it stays so
                raise
            raise unavailable(error) from error
        if state["gone"]:
            state["gone"] = False
            _logger.warning("The database %s is back.", place)
        return connection

    @event.listens_for(engine, "handle_error")
    def note_error(context: Any) -> DatabaseUnavailable | None:
        error = context.original_exception
        if context.is_pre_ping or isinstance(error, DatabaseUnavailable):
            return None
        if not isinstance(error, Exception):  # cancelled: its client has left
            return None
        if context.is_disconnect:
            return unavailable(error, context)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED:
            _logger.warning("The database %s stays locked.", place)
            return DatabaseUnavailable(
                context.statement, context.parameters, error, engine.hide_parameters
            )
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
