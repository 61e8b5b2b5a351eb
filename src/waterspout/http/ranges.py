"""Range requests: which part of a representation is asked for (RFC 9110 section 14)."""

from __future__ import annotations

import re

__all__ = ["usable_range"]

_BYTES = re.compile(r"bytes=(?:([0-9]+)-([0-9]*)|-([0-9]+))\Z")
_LONGEST = 19  # digits; no file is longer


def usable_range(value: str | None, size: int) -> str | None:
    """Return the value of a Range field that is honoured for *size* bytes, None to send all.

    A field is ignored, as section 14.2 asks, if its unit is unknown or its syntax invalid, and if
    it names several ranges. A suffix longer than the representation means all of it; an empty
    suffix cannot be satisfied (section 14.1.2), so it becomes a range behind the end.
    """
    if value is None or len(value) > 64:
        return None
    found = _BYTES.match(value.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if max(len(digits or "") for digits in found.groups()) > _LONGEST:
        return None
    if suffix is not None:
        if not int(suffix):
            return f"bytes={size}-"
        return "bytes=0-" if int(suffix) >= size > 0 else value
    if last and int(last) < int(first):
        return None
    return value
