"""The parts of a ``multipart/form-data`` body (RFC 2046 §5.1, RFC 7578).

A body is walked once, from delimiter to delimiter; blank lines before the first and
everything after the closing one are skipped. Of a part's headers two are looked at: its
own Content-Length and Content-Transfer-Encoding mean nothing here, and a multipart inside
a multipart is a value like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .errors import HTTPInputError
from .fields import parse_parameters
from .grammar import CONTROL
from .headers import HTTPHeaders

# RFC 2046 allows 70 characters; no browser sends more, some programs do.
_BOUNDARY = re.compile(rb"[ -~]{0,199}[!-~]")


class Part(NamedTuple):
    """One part: the field's name, the file's name (may be empty), its type, its bytes."""

    name: str
    filename: str
    content_type: str
    body: bytes


def split_parts(
    boundary: bytes, data: bytes, max_parts: int, max_part_header_size: int
) -> list[Part]:
    """Return the parts of *data*. Raises `HTTPInputError` where it breaks the format or a
    limit; the parts are counted while they are found."""
    if not _BOUNDARY.fullmatch(boundary):
        raise HTTPInputError("multipart boundary is malformed")
    parts: list[Part] = []
    start = -2  # as if a line end stood before the body
    for before, after, closes in _delimiters(data, boundary):
        # NOTE: what stands before the first delimiter is skipped if it is blank, else it is
        # a part, as in Tornado: some clients leave the first delimiter out.
        if before > start and (start >= 0 or data[:before].strip(b"\r\n")):
            if len(parts) == max_parts:
                raise HTTPInputError("multipart/form-data has too many parts")
            parts.append(_read_part(data, start, before, max_part_header_size))
        if closes:
            return parts
        start = after
    raise HTTPInputError("Invalid multipart/form-data: no final boundary found")


def _delimiters(data: bytes, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield where each delimiter begins, where it ends, and whether it closes the body.

    One stands at the start of a line, whose line end before it belongs to it, and is
    followed by two dashes or a line end; else it is data that only looks like one.
    """
    marker = b"\r\n--" + boundary
    before = -2 if data.startswith(marker[2:]) else data.find(marker)
    while before != -1:
        after = before + len(marker)
        tail = data[after : after + 2]
        if tail in (b"--", b"\r\n"):
            yield before, after, tail == b"--"
        before = data.find(marker, after)


def _read_part(data: bytes, start: int, end: int, max_header_size: int) -> Part:
    """Read the part between two delimiters, from the line end after the first one."""
    # NOTE: the empty line may end with the line end of the delimiter that follows.
    head_end = data.find(b"\r\n\r\n", max(start, 0), end + 2)
    if head_end <= start:
        raise HTTPInputError("multipart/form-data missing headers")
    if head_end - start > max_header_size:
        raise HTTPInputError("multipart/form-data part header too large")
    try:
        head = data[start + 2 : head_end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPInputError(f"multipart/form-data part header: {error}") from None
    headers = HTTPHeaders.parse(head, _chars_are_bytes=False)
    dispositions = headers.get_list("Content-Disposition")
    main, plain, extended = parse_parameters(dispositions[0] if len(dispositions) == 1 else "")
    if main != "form-data":
        raise HTTPInputError("Invalid multipart/form-data")
    # SECURITY: a field's name is never an extended parameter (RFC 7578 §5.1): what a proxy
    # read as one field must not be another one here (GHSA-vffw-93wf-4j4q). Tornado reads
    # extended filenames, and so do we.
    name = plain.get("name")
    if not name:
        raise HTTPInputError("multipart/form-data missing name")
    filename = extended.get("filename") or plain.get("filename", "")
    if CONTROL.search(filename):  # decoded from its extended form
        raise HTTPInputError(f"Invalid header value {filename!r}")
    content_type = headers.get("Content-Type", "application/unknown")
    return Part(name, filename, content_type, data[head_end + 4 : end])
