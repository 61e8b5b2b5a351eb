"""The application's logger (Flask's `flask.logging`), and its log file by configuration.

`app.logger` is the logger named after the app. It writes to the server's error stream
unless the program set up logging itself, and, if LOG_FILE is set, to that file as well:

    app.config.update(LOG_FILE="shop.log", LOG_LEVEL="INFO")    # in the instance folder
    app.config.update(LOG_FILE_MAX_BYTES=50_000_000, LOG_FILE_BACKUPS=9)

Lines in the file carry the request's id (`RequestIdFilter`); give your own handlers the
filter to have ``%(request_id)s`` in their formats too.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TextIO

from werkzeug.local import LocalProxy

from .context.variables import app_var, request_var
from .tracebacks import fold_in_log

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from .http import Request
    from .interfaces import Application

__all__ = [
    "RequestIdFilter",
    "RotatingLogFile",
    "create_logger",
    "default_handler",
    "handlers_above",
    "has_level_handler",
    "printable",
    "request_id",
    "show",
    "wsgi_errors_stream",
]


def printable(text: str) -> str:
    """Escape the characters of *text*, such as a path from a client, that would end a log line or
    control a terminal.

    SECURITY: otherwise clients could write log lines (CVE-2025-48432).
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _errors_stream() -> TextIO:
    ctx = request_var.get(None)
    if ctx is not None:
        request = ctx.request
        # A request on our own server has no error stream of its own, and its environ is not made
        # for a log line.
        if getattr(request, "incoming", None) is None:
            stream: TextIO | None = request.environ.get("wsgi.errors")
            if stream is not None:
                return stream
    return sys.stderr


#: ``wsgi.errors`` of the current request, else `sys.stderr`. In logging configurations:
#: ``ext://flask.logging.wsgi_errors_stream``.
wsgi_errors_stream: Any = LocalProxy(_errors_stream)


def has_level_handler(logger: logging.Logger) -> bool:
    """Tell whether a handler of the logger, or of one it passes records on to, takes records
    of the logger's effective level."""
    level = logger.getEffectiveLevel()
    current: logging.Logger | None = logger
    while current is not None:
        if any(handler.level <= level for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def show(logger: logging.Logger) -> None:
    """Let lines of level INFO be seen where the program set up no logging for them: on standard
    error, without anything around the message."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not has_level_handler(logger):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)


#: The handler an app's logger gets when nobody set one up: to `wsgi_errors_stream`.
default_handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(
    logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


def create_logger(app: Application) -> logging.Logger:
    """Return the logger named `app.name`, set up as the app's settings say.

    LOG_LEVEL sets its level; without it, debug mode sets DEBUG if the level is unset. The
    default handler is added only where no handler takes the logger's records.
    """
    logger = logging.getLogger(app.name)
    fold_in_log(logger)
    level = app.config.get("LOG_LEVEL")
    if level is not None:
        logger.setLevel(level.upper() if isinstance(level, str) else level)
    elif app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    if app.config.get("LOG_FILE"):
        _add_file(app, logger)
    return logger


def handlers_above(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Yield the handlers that see records of *logger*: its own, those it passes records on to, and
    those behind queues (`logging.handlers.QueueHandler.listener`)."""
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            yield handler
            yield from getattr(getattr(handler, "listener", None), "handlers", ())
        current = current.parent if current.propagate else None


def _add_file(app: Application, logger: logging.Logger) -> None:
    path = os.path.abspath(os.path.join(app.instance_path, app.config["LOG_FILE"]))
    for handler in handlers_above(logger):
        if isinstance(handler, RotatingLogFile) and handler.baseFilename == path:
            return  # another app of the same name; two handlers would write lines twice
    os.makedirs(os.path.dirname(path), exist_ok=True)
    file = RotatingLogFile(path, app.config["LOG_FILE_MAX_BYTES"], app.config["LOG_FILE_BACKUPS"])
    file.addFilter(RequestIdFilter())
    file.setFormatter(
        logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s [%(request_id)s]: %(message)s")
    )
    logger.addHandler(file)


class RotatingLogFile(logging.FileHandler):
    """A log file in UTF-8 that is rotated by size, and that several processes may write.

    At *max_bytes* (0: never) the file becomes ``.1``, ``.1`` becomes ``.2`` and so on, up to
    *backups* of them. A file that something else moved away, such as logrotate, is opened
    anew. `logging.handlers.RotatingFileHandler` loses lines when two workers rotate.
    """

    def __init__(self, filename: str, max_bytes: int = 0, backups: int = 0) -> None:
        super().__init__(filename, encoding="utf-8", delay=True)
        self.max_bytes = max_bytes
        self.backups = backups

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, to a new file if this one is full or was moved away."""
        stream: TextIO | None = self.stream
        try:
            if stream is not None and not self._in_place(stream):
                self._leave(stream)
            elif stream is not None and self._full(stream):
                self._rotate(stream)
        except Exception:  # logging's rule: a log line never breaks the program
            self.handleError(record)
        super().emit(record)

    def _full(self, stream: TextIO) -> bool:
        return 0 < self.max_bytes <= os.fstat(stream.fileno()).st_size

    def _in_place(self, stream: TextIO) -> bool:
        try:
            return os.path.samestat(os.stat(self.baseFilename), os.fstat(stream.fileno()))
        except FileNotFoundError:
            return False

    def _leave(self, stream: TextIO) -> None:
        self.stream = None  # FileHandler.emit opens the file at its name then
        stream.close()

    def _rotate(self, stream: TextIO) -> None:
        # Theory: all processes have the same file open. Whoever gets its lock while it still
        # has its name renames it; the others wait, find it renamed, and open the new one.
        # The lock belongs to the process (lockf), so that it holds across fork, and goes
        # with the closing of the file.
        if sys.platform != "win32":
            fcntl.lockf(stream, fcntl.LOCK_EX)
        try:
            if self._in_place(stream):
                self._shift()
        finally:
            self._leave(stream)

    def _shift(self) -> None:
        path = self.baseFilename
        if self.backups < 1:
            os.remove(path)
            return
        for number in range(self.backups - 1, 0, -1):
            if os.path.exists(f"{path}.{number}"):
                os.replace(f"{path}.{number}", f"{path}.{number + 1}")
        os.replace(path, f"{path}.1")


_plain_id = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch


def reopen_files() -> None:
    """Let every log file of the process be opened anew at its next record: it was renamed."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    handlers = {handler for logger in loggers for handler in handlers_above(logger)}
    for handler in handlers:
        # One that empties its file when it opens it goes on with the old one.
        if isinstance(handler, logging.FileHandler) and handler.mode != "w":
            with handler.lock or nullcontext():
                stream, handler.stream = handler.stream, None  # `emit` opens
                if stream is not None:
                    stream.close()


def request_id(request: Request) -> str | None:
    """Return the id of *request*: its attribute ``request_id`` if something set one, else the
    header ``X-Request-ID``.

    SECURITY: the header is the client's word. Only short, plain ids are taken, so that it
    cannot write into the log what was not logged.
    """
    own = getattr(request, "request_id", None)
    if own:
        return str(own)
    given = request.headers.get("X-Request-ID", "")
    return given if _plain_id(given) else None


class RequestIdFilter(logging.Filter):
    """Gives every record a ``request_id`` for formats; outside a request `g.request_id`, or ``-``.

    *source* says what the id of a request is; `request_id` by default.
    """

    def __init__(self, source: Callable[[Request], str | None] = request_id) -> None:
        super().__init__()
        self.source = source

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.request_id``; let every record through."""
        ctx = request_var.get(None)
        if ctx is not None:
            found = self.source(ctx.request)
        else:
            # Work that a request asked for, such as a task, may run without it.
            app_ctx = app_var.get(None)
            found = None if app_ctx is None else app_ctx.g.get("request_id")
        record.request_id = found or "-"
        return True
