"""Bytes of a body that wait in memory, in the order received.

SECURITY: a client chooses the sizes of the pieces. Each piece is handled once and each byte is
copied once more at the most, and pieces of a few bytes are joined, so that they do not take thirty
times their size (an object of one byte has 34).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..memory_budget import Budget

__all__ = ["BodyBuffer"]

#: Bytes below which a piece is joined with the one before it, unless that has so many.
_SMALL = 4 * 1024
_JOINED = 64 * 1024


class BodyBuffer:
    """Bytes that are put in at one end and taken at the other, or all at once.

    They are counted in *budget*, until they are taken or the buffer is given up.
    """

    __slots__ = ("_budget", "_pieces", "size")

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget
        self._pieces: deque[bytes | bytearray] = deque()
        #: How many bytes wait.
        self.size = 0

    def __del__(self) -> None:
        self._give_back(self.size)

    def _give_back(self, size: int) -> None:
        if self._budget is not None:
            self._budget.used -= size

    @property
    def pieces(self) -> int:
        """How many objects the bytes are kept in."""
        return len(self._pieces)

    def add(self, data: bytes) -> None:
        """Put *data* behind what waits."""
        size = len(data)
        self.size += size
        if self._budget is not None:
            self._budget.used += size
        pieces = self._pieces
        if size < _SMALL and pieces:
            last = pieces[-1]
            if len(last) < _JOINED:
                if not isinstance(last, bytearray):
                    last = pieces[-1] = bytearray(last)
                last += data
                return
        pieces.append(data)

    def take_piece(self) -> bytes:
        """Return the first piece, and forget it. Raises `IndexError` if nothing waits."""
        piece = self._pieces.popleft()
        self.size -= len(piece)
        self._give_back(len(piece))
        return bytes(piece)

    def take_pieces(self) -> list[bytes]:
        """Return everything that waits, piece by piece, and forget it."""
        pieces = self._pieces
        self._pieces = deque()
        self._give_back(self.size)
        self.size = 0
        return [bytes(piece) for piece in pieces]

    def take_all(self) -> bytes:
        """Return everything that waits, and forget it."""
        pieces = self._pieces
        self._pieces = deque()
        self._give_back(self.size)
        self.size = 0
        # Most bodies are one piece, which is not copied.
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
