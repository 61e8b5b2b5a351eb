"""The memory that all clients of a process together may make it hold.

Limits of one client do not add up: a thousand may each be within theirs. Counted are request bodies
that wait in memory, and what clients have not taken of what was written to them.
"""

from __future__ import annotations

__all__ = ["Budget"]


class Budget:
    """Bytes that are held, against how many may be."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def is_spent(self) -> bool:
        """Whether nothing more should be taken on: requests are answered 503."""
        return self.used > self.limit
