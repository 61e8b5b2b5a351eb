"""The memory that all clients of a process together may use.

Limits of one client do not add up: a thousand clients may each be within theirs. Counted are
request bodies that wait in memory, and written bytes that clients have not read.
"""

from __future__ import annotations

__all__ = ["Budget"]


class Budget:
    """Bytes in use, and their limit."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def is_spent(self) -> bool:
        """Whether the limit is reached: further requests get 503."""
        return self.used > self.limit
