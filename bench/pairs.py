"""Two servers compared round by round.

A shared machine drifts by a third within minutes. The measurements of one round lie seconds apart,
so each round gives a ratio of its own, and the median of these ratios is judged: a median for each
server, divided afterwards, would set the slow minutes of one against the fast ones of the other.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Pairs:
    """A figure of ours divided by the same figure of theirs, for each round."""

    ratios: tuple[float, ...]

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> Self:
        """Pair two lists that have one figure for each round, in the same order."""
        return cls(tuple(our / their for our, their in zip(ours, theirs, strict=True)))

    def median(self) -> float:
        """Return the ratio that is judged."""
        return statistics.median(self.ratios)

    def spread(self) -> str:
        """Return the lowest and the highest ratio."""
        return f"{min(self.ratios):.2f}…{max(self.ratios):.2f}"


def forth_and_back(turn_takers: Sequence[T], turn: int) -> Sequence[T]:
    """Return those who take turns as they stand, or backwards in every second turn: then a drift
    within the rounds is for nobody and against nobody."""
    return turn_takers[::-1] if turn % 2 else turn_takers
