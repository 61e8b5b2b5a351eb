"""Responses of programs that write HTTP by hand: status line, fields and body as bytes.

The interface of Tornado before 4.0, which `HTTPServer` with a plain function still has.
"""

from __future__ import annotations

from .httputil import HTTPHeaders, HTTPOutputError, ResponseStartLine, parse_response_start_line

__all__ = ["LegacyHead"]

#: Bytes that a head may have before its end has to come.
_MAX_HEAD = 64 * 1024


class LegacyHead:
    """The head of a response as it is written, in any cut."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> tuple[ResponseStartLine, HTTPHeaders, bytes] | None:
        """Return the head and what follows it, once it is complete.

        Raises `HTTPOutputError` for what is no head of a response, `HTTPInputError` for a line
        in it that is malformed.
        """
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not self._data.startswith(b"HTTP/"[: len(self._data)]) or len(head) > _MAX_HEAD:
            raise HTTPOutputError("A body belongs between the head of an answer and its end")
        if not end:
            return None
        line, _, fields = head.decode("latin-1").partition("\r\n")
        return parse_response_start_line(line), HTTPHeaders.parse(fields), body
