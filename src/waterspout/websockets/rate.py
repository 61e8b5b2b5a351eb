"""A limit on how often something may happen, averaged over some seconds."""

from __future__ import annotations

__all__ = ["Rate"]

#: Seconds that a rate is averaged over.
_AVERAGED = 10.0


class Rate:
    """Counts events against *per_second*. A new one has the full allowance."""

    __slots__ = ("_due", "_every")

    def __init__(self, per_second: float) -> None:
        self._every = 1 / per_second
        # The time at which all events so far would have been within the rate.
        self._due = float("-inf")

    def is_exceeded(self, now: float) -> bool:
        """Count an event at *now*, in seconds of any clock; True if it is one too many."""
        self._due = max(self._due, now - _AVERAGED) + self._every
        return self._due > now
