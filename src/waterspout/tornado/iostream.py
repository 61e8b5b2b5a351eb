"""Tornado's ``iostream``, as far as web programs name it: the error of a client that left.

Under the drop-in the installed Tornado's module takes this one's place.
"""

from __future__ import annotations

__all__ = ["StreamClosedError"]


class StreamClosedError(IOError):
    """The other side has closed the connection. *real_error* is why, if that is known."""

    def __init__(self, real_error: BaseException | None = None) -> None:
        super().__init__("Stream is closed")
        self.real_error = real_error
