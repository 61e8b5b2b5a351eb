"""The logger "werkzeug", to which `run_simple` logs its start and its requests.

Programs know it from Werkzeug's server: they set its level, or add filters and
handlers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from .access_log import Record, escape_word, request_line
from .serving import Server

logger = logging.getLogger("werkzeug")


def announce(server: Server) -> None:
    """Write the start lines in Werkzeug's format, which tools wait for."""
    for url in server.urls:
        logger.info(" * Running on %s", url)
    logger.info("Press CTRL+C to quit")


class LoggerSink:
    """Writes access records as Werkzeug's server does: the line, then status and size as
    arguments."""

    def write(self, records: Iterable[Record], /) -> None:
        """Log each record, if the logger's level takes it."""
        if not logger.isEnabledFor(logging.INFO):
            return
        for record in records:
            stamp = time.strftime("%d/%b/%Y %H:%M:%S", time.localtime(record.time))
            client = (escape_word(record.client) or "-").replace("%", "%%")
            logger.info(
                f'{client} - - [{stamp}] "%s" %s %s', request_line(record), str(record.status), "-"
            )

    def reopen(self) -> None:
        """Do nothing: the handlers' files are the program's."""

    def close(self) -> None:
        """Do nothing: the handlers are the program's."""
