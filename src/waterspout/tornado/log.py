"""Tornado's ``log``: its three loggers, the format of their lines, the logging options.

``tornado.access`` has a line for each request, ``tornado.application`` the errors of the
program, ``tornado.general`` everything else. They are ordinary loggers.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..peers.imported_names import imported_names
from ..tracebacks import fold_in_log
from .option_parser import options as process_options

__all__ = [
    "LogFormatter",
    "access_log",
    "app_log",
    "define_logging_options",
    "enable_pretty_logging",
    "gen_log",
]

access_log = logging.getLogger("tornado.access")
app_log = logging.getLogger("tornado.application")
fold_in_log(app_log)
gen_log = logging.getLogger("tornado.general")


def _stderr_supports_color() -> bool:
    try:
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except Exception:  # whatever stands there in place of a stream
        return False


class LogFormatter(logging.Formatter):
    """Writes a record as ``[I 260102 15:04:05 app:12] message``, the part in brackets in
    colour on a terminal.

    *fmt* may use ``color`` and ``end_color``, which are empty where *color* is false or
    stderr is no terminal; *colors* maps levels to terminal colours (0 to 7). The lines of
    a message after its first are indented, so that no message can pass for another record.
    """

    DEFAULT_FORMAT = (
        "%(color)s[%(levelname)1.1s %(asctime)s %(module)s:%(lineno)d]%(end_color)s %(message)s"
    )
    DEFAULT_DATE_FORMAT = "%y%m%d %H:%M:%S"
    DEFAULT_COLORS = {
        logging.DEBUG: 4,
        logging.INFO: 2,
        logging.WARNING: 3,
        logging.ERROR: 1,
        logging.CRITICAL: 5,
    }

    def __init__(
        self,
        fmt: str = DEFAULT_FORMAT,
        datefmt: str = DEFAULT_DATE_FORMAT,
        style: Literal["%", "{", "$"] = "%",
        color: bool = True,
        colors: Mapping[int, int] = DEFAULT_COLORS,
    ) -> None:
        super().__init__(fmt, datefmt, style, validate=False)
        self._colors: dict[int, str] = {}
        self._normal = ""
        if color and _stderr_supports_color():
            self._colors = {level: f"\033[3{number}m" for level, number in colors.items()}
            self._normal = "\033[0m"

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of *record*; a message that cannot be made is shown, not raised."""
        try:
            record.message = record.getMessage()
        except Exception as error:
            record.message = f"Bad message ({error!r}): {record.__dict__!r}"
        color = self._colors.get(record.levelno, "")
        record.asctime = self.formatTime(record, self.datefmt)
        vars(record).update(color=color, end_color=self._normal if color else "")
        text = self.formatMessage(record)
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            text = f"{text.rstrip()}\n{record.exc_text}"
        return text.replace("\n", "\n    ")


def enable_pretty_logging(options: Any = None, logger: logging.Logger | None = None) -> None:
    """Set up *logger* (by default the root) as the logging options say.

    Called when options have been parsed. Raises ValueError for an unknown
    ``log_rotate_mode``.
    """
    options = process_options if options is None else options
    if options.logging is None or options.logging.lower() == "none":
        return
    logger = logger or logging.getLogger()
    logger.setLevel(options.logging.upper())
    if options.log_file_prefix:
        file_handler = _file_handler(options)
        file_handler.setFormatter(LogFormatter(color=False))
        logger.addHandler(file_handler)
    to_stderr = options.log_to_stderr
    if to_stderr or (to_stderr is None and not logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(LogFormatter())
        logger.addHandler(handler)


def _file_handler(options: Any) -> logging.Handler:
    common = {
        "filename": options.log_file_prefix,
        "backupCount": options.log_file_num_backups,
        "encoding": "utf-8",
    }
    match options.log_rotate_mode:
        case "size":
            return logging.handlers.RotatingFileHandler(
                maxBytes=options.log_file_max_size, **common
            )
        case "time":
            return logging.handlers.TimedRotatingFileHandler(
                when=options.log_rotate_when, interval=options.log_rotate_interval, **common
            )
        case mode:
            raise ValueError(
                f'The value of log_rotate_mode option should be "size" or "time", not "{mode}".'
            )


def define_logging_options(options: Any = None) -> None:
    """Add the logging options to *options*, and have the logging set up once they are parsed.

    The process's own options have them already.
    """
    options = process_options if options is None else options
    define = options.define
    define(
        "logging",
        default="info",
        metavar="debug|info|warning|error|none",
        help="level of the Python logging; 'none' leaves the logging alone",
    )
    define(
        "log_to_stderr",
        type=bool,
        help="log to stderr, in colour on a terminal; by default if there is no"
        " --log_file_prefix and no other logging",
    )
    define(
        "log_file_prefix",
        type=str,
        metavar="PATH",
        help="log to this file; several processes need a file each (put the port into the name)",
    )
    define(
        "log_file_max_size",
        type=int,
        default=100_000_000,
        help="bytes after which a new file is begun",
    )
    define("log_file_num_backups", type=int, default=10, help="number of old files to keep")
    define(
        "log_rotate_when",
        type=str,
        default="midnight",
        help="unit of the interval after which a new file is begun: S, M, H, D, W0 to W6, midnight",
    )
    define("log_rotate_interval", type=int, default=1, help="number of those units")
    define(
        "log_rotate_mode",
        type=str,
        default="size",
        help="begin a new file by 'size' or by 'time'",
    )
    options.add_parse_callback(lambda: enable_pretty_logging(options))


define_logging_options(process_options)


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.log",
        __package__,
        """
        import curses
        from typing import cast
        from .escape import _unicode
        from .util import basestring_type, unicode_type
        """,
    )
