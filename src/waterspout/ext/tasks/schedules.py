"""When periodic tasks are due: `Every` so many seconds, or by a `Cron` expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

from .. import needs_extra

with needs_extra("tasks"):
    import pycron  # type: ignore[import-untyped]

__all__ = ["Cron", "Every", "Schedule", "zone_named"]

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART = r"(\*|\d+|[A-Za-z]{3,9})(-(\d+|[A-Za-z]{3,9}))?(/[1-9]\d*)?"
_FIELD = re.compile(rf"{_PART}(,{_PART})*")


class Schedule(Protocol):
    """Ticks in time, the same ones in every process. Times are seconds since the epoch."""

    @property
    def apart(self) -> float:
        """Seconds between two ticks."""

    def next_tick(self, now: float) -> float:
        """Return the first tick after *now*."""

    def is_due(self, tick: float, zone: tzinfo) -> bool:
        """Tell whether the task runs at *tick*."""


@dataclass(frozen=True)
class Every:
    """Due every *seconds*, counted from the epoch, so that all hosts agree."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0.1:
            raise ValueError(f"A task cannot run every {self.seconds!r} seconds; at least 0.1.")

    @property
    def apart(self) -> float:
        """Seconds between two ticks."""
        return self.seconds

    def next_tick(self, now: float) -> float:
        """Return the first multiple of the interval after *now*."""
        return (now // self.seconds + 1) * self.seconds

    def is_due(self, tick: float, zone: tzinfo) -> bool:
        """Tell whether the task runs at *tick*: at each."""
        return True


@dataclass(frozen=True)
class Cron:
    """Due at the minutes that a cron *expression* of five fields describes, in the time zone of
    TASKS_TIMEZONE."""

    expression: str
    apart: float = 60.0

    def __post_init__(self) -> None:
        fields = self.expression.split()
        if len(fields) != 5:
            raise ValueError(
                f"A cron expression has five fields (minute, hour, day, month, weekday), unlike"
                f" {self.expression!r}."
            )
        for field, (name, least, most) in zip(fields, _FIELDS, strict=True):
            numbers = [int(number) for number in re.findall(r"(?<!/)\b\d+", field)]
            if not _FIELD.fullmatch(field) or not all(least <= one <= most for one in numbers):
                raise ValueError(
                    f"{field!r} is no {name} of a cron expression; expected '*' or numbers from"
                    f" {least} to {most}, with ',', '-' and '/'."
                )

    def next_tick(self, now: float) -> float:
        """Return the next full minute."""
        return (now // 60 + 1) * 60

    def is_due(self, tick: float, zone: tzinfo) -> bool:
        """Tell whether the expression describes the minute of *tick*."""
        # Sunday is 0, and 7 as well, which pycron does not know.
        first, weekday = self.expression.rsplit(None, 1)
        weekday = re.sub(r"\b7\b", "0", re.sub(r"(\d)-7\b", r"\1-6,0", weekday))
        matches: object = pycron.is_now(f"{first} {weekday}", datetime.fromtimestamp(tick, zone))
        return bool(matches)


def zone_named(name: str) -> tzinfo:
    """Return a time zone. Raises `ValueError` if there is none of that name."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"TASKS_TIMEZONE is {name!r}: there is no such time zone.") from None
