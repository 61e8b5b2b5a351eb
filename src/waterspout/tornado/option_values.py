"""One option: its type, its value, and how text becomes that value."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from numbers import Integral

from ..typing import SettingValue
from .escape import to_unicode

__all__ = ["Error", "Option"]


class Error(Exception):
    """An option is unknown, defined twice, or given a value it cannot take."""


_UNSET: object = object()


class Option:
    """An option as `OptionParser.define` describes it, with its present value."""

    def __init__(
        self,
        name: str,
        default: object = None,
        type: type[object] | None = None,
        help: str | None = None,
        metavar: str | None = None,
        multiple: bool = False,
        file_name: str | None = None,
        group_name: str | None = None,
        callback: Callable[[SettingValue], None] | None = None,
    ) -> None:
        if type is None:
            raise ValueError("type must not be None")
        self.name = name
        self.type = type
        self.help = help
        self.metavar = metavar
        self.multiple = multiple
        self.file_name = file_name
        self.group_name = group_name
        self.callback = callback
        self.default = [] if default is None and multiple else default
        self._value = _UNSET

    def value(self) -> SettingValue:
        """Return the value, or the default where none was set."""
        return self.default if self._value is _UNSET else self._value

    def parse(self, value: str) -> SettingValue:
        """Set the value from text. Raises `Error`, or what the type itself raises.

        Text for a multiple option is split at commas; among integers ``2:5`` stands for
        2, 3, 4, 5.
        """
        convert = _CONVERTERS.get(self.type, self.type)
        if self.multiple:
            found: SettingValue = []
            for piece in value.split(","):
                if issubclass(self.type, Integral):
                    first, _, last = piece.partition(":")
                    low = convert(first)
                    found.extend(range(low, (convert(last) if last else low) + 1))
                else:
                    found.append(convert(piece))
        else:
            found = convert(value)
        self._change(found)
        return self.value()

    def set(self, value: object) -> None:
        """Set the value, which must be None or of the option's type. Raises `Error`."""
        if self.multiple:
            if not isinstance(value, list) or not all(map(self._fits, value)):
                raise Error(
                    f"Option {self.name!r} is required to be a list of {self.type.__name__}"
                )
        elif not self._fits(value):
            raise Error(
                f"Option {self.name!r} is required to be a {self.type.__name__}"
                f" ({type(value)} given)"
            )
        self._change(value)

    def _fits(self, value: object) -> bool:
        return value is None or isinstance(value, self.type)

    def _change(self, value: object) -> None:
        self._value = value
        if self.callback is not None:
            self.callback(value)


# -- from text -------------------------------------------------------------------------------------

_MOMENT_FORMATS = (
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d %H:%M",
    "%Y-%m-%d",
    "%Y%m%d",
    "%H:%M:%S",
    "%H:%M",
)

_DURATION = re.compile(r"\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)\s*(\w*)\s*", re.IGNORECASE)

_UNITS = {
    "us": "microseconds",
    "ms": "milliseconds",
    "": "seconds",
    "s": "seconds",
    "sec": "seconds",
    "m": "minutes",
    "min": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
}
_UNITS |= {unit: unit for unit in list(_UNITS.values())}


def _to_moment(value: str) -> datetime:
    for pattern in _MOMENT_FORMATS:
        try:
            return datetime.strptime(value, pattern)  # noqa: DTZ007 - naive, as it is written
        except ValueError:
            continue
    raise Error(f"Unrecognized date/time format: {value!r}")


def _to_duration(value: str) -> timedelta:
    """Add up durations such as ``45``, ``2h 30min`` or ``1.5 weeks``."""
    total = timedelta()
    position = 0
    while position < len(value):
        found = _DURATION.match(value, position)
        unit = _UNITS.get(found[2]) if found else None
        if not found or unit is None:
            raise Error(f"Unrecognized duration: {value!r} (expected such as '90s' or '2h 30min')")
        total += timedelta(**{unit: float(found[1])})
        position = found.end()
    return total


def _to_bool(value: str) -> bool:
    return value.lower() not in ("false", "0", "f")


_CONVERTERS: dict[type[object], Callable[[str], SettingValue]] = {
    datetime: _to_moment,
    timedelta: _to_duration,
    bool: _to_bool,
    str: to_unicode,
}
