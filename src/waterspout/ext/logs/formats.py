"""Log records as lines.

SECURITY: what is logged may come from a stranger. In either format a record stays one record,
whatever its text holds: no character ends the line or commands a terminal (CVE-2025-48432).
"""

from __future__ import annotations

import json
import logging
import time

from waterspout.log import printable

__all__ = ["JsonFormatter", "TextFormatter"]

#: Attributes that every record has; others came by ``extra=``.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "request_id", "taskName"),
}


def _stamp(record: logging.LogRecord) -> str:
    """Return the record's time in UTC with milliseconds (RFC 3339)."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _request_id(record: logging.LogRecord) -> str:
    return getattr(record, "request_id", None) or "-"


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


class TextFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER [REQUEST ID] MESSAGE``; a traceback follows, each line indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of *record*, joined by ``\\n``; only the first is not indented."""
        place = f"{_stamp(record)} {record.levelname} {record.name} [{_request_id(record)}]"
        lines = [f"{place} {printable(record.getMessage())}"]
        for text in self._more(record):
            lines += [f"    {printable(line)}" for line in text.splitlines()]
        return "\n".join(lines)

    def _more(self, record: logging.LogRecord) -> list[str]:
        found = [record.exc_text or ""]
        if record.exc_info and not record.exc_text:
            found = [self.formatException(record.exc_info)]
        if record.stack_info:
            found.append(self.formatStack(record.stack_info))
        return found


class JsonFormatter(TextFormatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, ``request_id``,
    ``process``, ``at`` (module and line), ``exception`` (the traceback), and what the program gave
    by ``extra=``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object of *record*; values that JSON has not are written as text."""
        fields: dict[str, object] = {
            "time": _stamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "-"),
            "process": record.process,
            "at": f"{record.module}:{record.lineno}",
        }
        if more := "\n".join(filter(None, self._more(record))):
            fields["exception"] = more
        fields = {**_extra(record), **fields}
        try:
            line = json.dumps(fields, ensure_ascii=False, skipkeys=True, default=_spoken)
        except ValueError:  # a value that contains itself
            line = json.dumps({name: _spoken(value) for name, value in fields.items()})
        if line.isprintable():
            return line
        # Only within strings, where an escape means the same.
        return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def _spoken(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"
