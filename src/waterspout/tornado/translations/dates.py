"""A point in time in words: English patterns, which a language translates."""

from __future__ import annotations

import datetime
from typing import NamedTuple, Self

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_ALMOST_A_YEAR = 334  # days; from here on the same month would be last year's
_SKEW = datetime.timedelta(minutes=1)  # clocks differ: so far ahead still counts as now


class Ago(NamedTuple):
    """A distance in time: its singular, its plural, and the number as the patterns call it."""

    one: str
    many: str
    unit: str
    number: int


class Moment(NamedTuple):
    """A point in time seen from now, and as the user's clock shows it."""

    local: datetime.datetime
    local_now: datetime.datetime
    age: datetime.timedelta

    @classmethod
    def of(cls, date: float | datetime.datetime, gmt_offset: int, relative: bool) -> Self:
        """Look at *date* from now, by the clock of someone *gmt_offset* minutes behind UTC."""
        if isinstance(date, int | float):
            date = datetime.datetime.fromtimestamp(date, datetime.UTC)
        elif date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        now = datetime.datetime.now(datetime.UTC)
        if relative and now < date < now + _SKEW:
            date = now
        offset = datetime.timedelta(minutes=gmt_offset)
        return cls(date - offset, now - offset, now - date)

    def ago(self) -> Ago | None:
        """Return how long ago it was, None unless that was within a day."""
        if self.age.days != 0:
            return None
        seconds = self.age.seconds
        if seconds < 50:
            return Ago("1 second ago", "%(seconds)d seconds ago", "seconds", seconds)
        if seconds < 50 * 60:
            minutes = round(seconds / 60)
            return Ago("1 minute ago", "%(minutes)d minutes ago", "minutes", minutes)
        hours = round(seconds / 3600)
        return Ago("1 hour ago", "%(hours)d hours ago", "hours", hours)

    def pattern(self, relative: bool, shorter: bool, full: bool) -> str:
        """Return the pattern for this moment: the nearer, the fewer words."""
        days = self.age.days
        yesterday = self.local_now - datetime.timedelta(days=1)
        if full or days < 0 or days >= _ALMOST_A_YEAR:
            day = "%(month_name)s %(day)s, %(year)s"
        elif days == 0:
            return "%(time)s"
        elif days == 1 and relative and self.local.day == yesterday.day:
            day = "yesterday"
        elif days < 5:
            day = "%(weekday)s"
        else:
            day = "%(month_name)s %(day)s"
        return day if shorter else f"{day} at %(time)s"


def clock(code: str, local: datetime.datetime) -> str:
    """Return the time of day as the locale *code* writes it: 18:35, 6:35 pm or 下午6:35."""
    if code not in ("en", "en_US", "zh_CN"):
        return f"{local.hour}:{local.minute:02}"
    twelve = f"{local.hour % 12 or 12}:{local.minute:02}"
    afternoon = local.hour >= 12
    if code == "zh_CN":
        return ("下午" if afternoon else "上午") + twelve
    return f"{twelve} {'pm' if afternoon else 'am'}"
