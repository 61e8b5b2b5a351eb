"""Where lines are written: a file that rotates, standard error. Called from the queue's thread."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress

from waterspout.log import RotatingLogFile

__all__ = ["LogFile", "StandardError"]

#: Seconds between two complaints on standard error that lines cannot be written.
_QUIET = 60.0


class LogFile(RotatingLogFile):
    """A `RotatingLogFile` that says once in a while that it cannot be written (a full disk, a
    folder that is gone), instead of a traceback for each line."""

    lost = 0
    _last_said = float("-inf")

    def close(self) -> None:
        """Close the file; what a full disk did not take is lost."""
        with suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:
        """Count the line as lost; say so on standard error, at most once a minute."""
        self.lost += 1
        now = time.monotonic()
        if now - self._last_said >= _QUIET:
            self._last_said = now
            error = sys.exc_info()[1]
            sys.stderr.write(
                f"Cannot write the log file {self.baseFilename}: {error}; lines lost so far:"
                f" {self.lost}\n"
            )


class StandardError(logging.StreamHandler):  # type: ignore[type-arg]  # not subscriptable at run time
    """Writes to whatever `sys.stderr` is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of *record*."""
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Forget the line: there is no other place to complain at."""
