"""Conditional requests: preconditions and If-Range (RFC 9110 section 13), for views and handlers.

The order is that of section 13.2.2: If-Match, else If-Unmodified-Since (412 if false); then
If-None-Match, else If-Modified-Since (304 if false); then Range, if If-Range allows it. A client
that resumes a download must never get a part of another version than the one it has.

Fields and ETags are text as sent. A field that is empty, or a date that is none, counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = [
    "failed",
    "http_date_of",
    "names",
    "not_modified",
    "precondition_status",
    "range_applies",
]

Field = Callable[[str], str | None]  # the value of a header field by its name
Moment = datetime | str | None

#: One tag of a list: weak or strong, or without quotes.
_TAG = re.compile(r'([Ww]/)?"([^"]*)"|([^\s,"]+)')


def failed(field: Field, etag: str | None, modified: Moment) -> bool:
    """Tell whether If-Match or If-Unmodified-Since forbids to answer: 412.

    *etag* and *modified* are those of what the server has, which exists.
    """
    wanted = field("If-Match")
    if wanted:
        return not names(wanted, etag, weakly=False)
    then, now = http_date_of(field("If-Unmodified-Since")), http_date_of(modified)
    return then is not None and now is not None and now > then


def not_modified(field: Field, etag: str | None, modified: Moment) -> bool:
    """Tell whether the client of a GET or HEAD has what the server has: 304."""
    had = field("If-None-Match")
    if had:
        return names(had, etag, weakly=True)
    then, now = http_date_of(field("If-Modified-Since")), http_date_of(modified)
    return then is not None and now is not None and now <= then


def precondition_status(field: Field, etag: str | None, modified: Moment) -> int:
    """Return the status that the preconditions of a GET or HEAD ask for: 412, 304, or 200."""
    if failed(field, etag, modified):
        return 412
    return 304 if not_modified(field, etag, modified) else 200


def range_applies(if_range: str | None, etag: str | None, modified: Moment) -> bool:
    """Tell whether a Range belongs to what the server has (section 13.1.5): there is no If-Range,
    or it is the strong ETag or exactly the date."""
    if if_range is None:
        return True
    wanted = if_range.strip()
    if '"' in wanted:
        return names(wanted, etag, weakly=False)
    then = http_date_of(wanted)
    if then is not None:
        return then == http_date_of(modified)
    return bool(wanted) and wanted != "*" and names(wanted, etag, weakly=False)


def names(tags: str, etag: str | None, *, weakly: bool, unquoted: bool = True) -> bool:
    """Tell whether the list *tags*, or ``*``, names *etag*; by weak comparison a weak tag is like
    a strong one, by strong comparison it equals nothing (section 8.8.3.2). *unquoted* says that a
    tag may lack its quotes, as Werkzeug takes it."""
    if tags.strip() == "*":
        return True
    own = None if etag is None else _TAG.match(etag)
    if own is None or (own[1] and not weakly):
        return False
    opaque = _opaque(own)
    for tag in _TAG.finditer(tags):
        if _opaque(tag) == opaque and (weakly or not tag[1]) and (unquoted or tag[3] is None):
            return True
    return False


def _opaque(tag: re.Match[str]) -> str:
    return tag[3] if tag[2] is None else tag[2]


def http_date_of(value: Moment) -> datetime | None:
    """Return a date as HTTP compares it: in UTC, to the second; None for text that is none."""
    if isinstance(value, str):
        try:
            value = parsedate_to_datetime(value)
        except (TypeError, ValueError, OverflowError):
            return None
    if value is None:
        return None
    value = value if value.tzinfo else value.replace(tzinfo=UTC)
    return value.replace(microsecond=0)
