"""Server-sent events: the text/event-stream format of the HTML standard, section 9.2.

An event is a few ``name: value`` lines and an empty line. Lines end at CR, LF or CRLF, so a value
that goes into one line must hold none of them; data of several lines becomes several ``data``
lines, which the browser joins again with LF.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from werkzeug.datastructures import Headers

from ..typing import JSONValue

__all__ = ["COMMENT", "MIMETYPE", "ServerSentEvent", "encode_event", "last_event_id"]

MIMETYPE = "text/event-stream"

#: An empty comment: keeps connections open, and is ignored by the browser.
COMMENT = b":\n\n"

# Not str.splitlines(), which also splits at form feeds, U+2028 and others that are plain text here.
_LINE_END = re.compile(r"\r\n|\r|\n")
_NOT_IN_A_LINE = re.compile(r"[\r\n\0]")

Dumps = Callable[[JSONValue], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event. At least one field must be given.

    *data* is text, UTF-8 bytes, or any other value, which is sent as JSON. *id* comes back in
    ``Last-Event-ID`` when the browser reconnects; *retry* is how many milliseconds it waits before
    that. *comment* is ignored by browsers.
    """

    data: JSONValue = None
    event: str | None = None
    id: str | int | None = None
    retry: int | None = None
    comment: str | None = None

    def encode(self, dumps: Dumps = json.dumps) -> bytes:
        """Return the event as it is sent. Raises `ValueError` for a CR, LF or NUL in *event* or
        *id*, which would start another field, and for a *retry* that is no whole number."""
        lines: list[str] = []
        if self.comment is not None:
            lines += [f": {line}" for line in _LINE_END.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {_one_line('event', self.event)}")
        if self.id is not None:
            lines.append(f"id: {_one_line('id', str(self.id))}")
        if self.retry is not None:
            lines.append(retry_line(self.retry))
        if self.data is not None:
            lines += [f"data: {line}" for line in _LINE_END.split(_text(self.data, dumps))]
        if not lines:
            raise ValueError("an event needs at least one of data, event, id, retry, comment")
        return ("\n".join(lines) + "\n\n").encode()


_FIELDS = frozenset(field.name for field in fields(ServerSentEvent))


def encode_event(item: object, dumps: Dumps = json.dumps) -> bytes:
    """Encode what a generator of events yields: a `ServerSentEvent`, a mapping of its fields, text
    or bytes for its data, or None for an empty comment. Anything else is a `TypeError`."""
    if item is None:
        return COMMENT
    if type(item) is str and "\n" not in item and "\r" not in item:
        return b"data: %b\n\n" % item.encode()
    if isinstance(item, ServerSentEvent):
        return item.encode(dumps)
    if isinstance(item, (str, bytes, bytearray, memoryview)):
        return ServerSentEvent(data=item).encode(dumps)
    if isinstance(item, Mapping):
        unknown = [key for key in item if key not in _FIELDS]
        if unknown:
            raise TypeError(
                f"an event has no field {unknown[0]!r}, only {', '.join(sorted(_FIELDS))};"
                " to send a dict as JSON, yield {'data': your_dict}"
            )
        return ServerSentEvent(**item).encode(dumps)
    raise TypeError(
        "a generator of events yields str, bytes, dict, ServerSentEvent or None, not"
        f" {type(item).__name__}"
    )


def retry_line(milliseconds: int) -> str:
    """Return the line that sets how many milliseconds the browser waits before it reconnects.

    Raises `ValueError` unless *milliseconds* is an int of 0 or more.
    """
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds < 0:
        raise ValueError(f"retry is a whole number of milliseconds, not {milliseconds!r}")
    return f"retry: {milliseconds}"


def last_event_id(headers: Headers) -> str | None:
    """Return the id of the last event a reconnecting browser has seen, None on its first visit."""
    value = headers.get("Last-Event-ID")
    if not value:
        return None
    # The standard sends UTF-8; header text is read as Latin-1.
    return value.encode("latin-1", "replace").decode("utf-8", "replace")


def _one_line(field: str, value: str) -> str:
    if _NOT_IN_A_LINE.search(value):
        raise ValueError(f"the {field} of an event must not contain CR, LF or NUL: {value!r}")
    return value


def _text(data: object, dumps: Dumps) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data).decode()
    return dumps(data)
