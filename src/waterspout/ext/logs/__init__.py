"""Log lines of the whole process by settings: text or JSON, with the request's id, in files that
rotate and that several workers share.

    logs = Logs(app)        # LOG_FILE, LOG_FORMAT = "json", …: see docs/logs.md

Records of every logger that passes them on to the root logger are taken. The thread that logs
makes the line and puts it into a queue; a thread of its own writes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from waterspout import App, Response
from waterspout.log import RequestIdFilter, RotatingLogFile, default_handler

from .formats import JsonFormatter, TextFormatter
from .queueing import LogQueue
from .request_ids import id_of, request_id
from .sinks import LogFile, StandardError

__all__ = ["JsonFormatter", "LogQueue", "Logs", "TextFormatter", "request_id"]

_FORMATS: Mapping[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


class Logs:
    """The log of an application; made with it, or by `init_app` later.

    Raises:
        ValueError: LOG_FORMAT is neither "text" nor "json", or a level has no such name.
    """

    def __init__(self, app: App | None = None) -> None:
        self.queue: LogQueue | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: App) -> None:
        """Read the settings of *app*, and log as they say from now on.

        Raises `ValueError` for a LOG_FORMAT that is neither 'text' nor 'json'.
        """
        config = app.config
        kind = config.get("LOG_FORMAT") or "text"
        if kind not in _FORMATS:
            raise ValueError(f"LOG_FORMAT is {kind!r}; expected 'text' or 'json'.")
        queue = LogQueue(
            _sinks(app), config.get("LOG_QUEUE", 10_000), config.get("LOG_FLUSH_SECONDS", 5.0)
        )
        queue.setFormatter(_FORMATS[kind]())
        queue.addFilter(RequestIdFilter(id_of))
        _install(queue, logging.getLogger(app.name))
        self.queue = queue
        logging.getLogger().setLevel(_level(config.get("LOG_LEVEL") or "INFO"))
        for name, level in (config.get("LOG_LEVELS") or {}).items():
            logging.getLogger(name).setLevel(_level(level))
        app.extensions["logs"] = self
        app.before_send(_tell)

    def flush(self) -> bool:
        """Wait until what was logged is written; tell whether it was, within LOG_FLUSH_SECONDS."""
        return self.queue is None or self.queue.drain()

    def close(self) -> None:
        """Write what was logged, and log no more. The end of the process does this by itself."""
        if self.queue is not None:
            logging.getLogger().removeHandler(self.queue)
            self.queue.close()
            self.queue = None


def _sinks(app: App) -> list[logging.Handler]:
    config = app.config
    sinks: list[logging.Handler] = []
    if config.get("LOG_FILE"):
        path = os.path.abspath(os.path.join(app.instance_path, config["LOG_FILE"]))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        size, backups = config["LOG_FILE_MAX_BYTES"], config["LOG_FILE_BACKUPS"]
        sinks.append(LogFile(path, size, backups))
    to_stderr = config.get("LOG_STDERR")
    if not sinks or (app.debug if to_stderr is None else to_stderr):
        sinks.append(StandardError())
    return sinks


def _install(queue: LogQueue, of_app: logging.Logger) -> None:
    """Put *queue* on the root logger, in place of one that writes to the same place, and of what
    the application's own logger has written itself until now."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LogQueue) and handler.places == queue.places:
            root.removeHandler(handler)
            handler.close()
    root.addHandler(queue)
    of_app.removeHandler(default_handler)
    for handler in of_app.handlers[:]:
        if isinstance(handler, RotatingLogFile) and handler.baseFilename in queue.places:
            of_app.removeHandler(handler)
            handler.close()


def _level(level: object) -> int:
    """Return a level as a number.

    Raises:
        ValueError: There is no level of that name.
    """
    if isinstance(level, int):
        return level
    known = logging.getLevelNamesMapping()
    if str(level).upper() not in known:
        raise ValueError(f"There is no log level {level!r}; there are {', '.join(known)}.")
    return known[str(level).upper()]


def _tell(response: Response) -> None:
    """Send the request's id back."""
    response.headers["X-Request-ID"] = request_id() or ""
