"""The language of a response: the user's choice, else what the browser asks for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .. import locale
from ..translations import closest

if TYPE_CHECKING:
    from .interfaces import Handler

__all__ = ["get_browser_locale", "get_user_locale"]

_LONGEST = 1024  # characters of Accept-Language that are looked at


def choose(self: Handler) -> locale.Locale:
    """Return the language of the response."""
    return self.get_user_locale() or self.get_browser_locale()


def get_user_locale(self: Handler) -> locale.Locale | None:
    """Return the user's locale, None to let the browser decide. Programs override it."""
    return None


def get_browser_locale(self: Handler, default: str = "en_US") -> locale.Locale:
    """Return the supported locale that Accept-Language likes best, *default* without the field."""
    accepted = self.request.waterspout_field(b"accept-language") or ""
    supported, fallback = locale.choices()
    return locale.Locale.get(_choose(accepted[:_LONGEST], default, supported, fallback))


@lru_cache(256)
def _choose(accepted: str, default: str, supported: frozenset[str], fallback: str) -> str:
    # PERF: browsers send a handful of different values; 0.5 us instead of 4 in all.
    return closest(_preferred(accepted) or (default,), supported, fallback)


def _preferred(accepted: str) -> tuple[str, ...]:
    """Return the codes in an Accept-Language field (RFC 9110 §12.5.4), the best first.

    Those of quality 0, or with a quality that is no number of 0 or more, are left out.
    """
    weighted = []
    for item in accepted.split(","):
        code, *parameters = item.strip().split(";")
        if not code:
            continue
        quality = 1.0
        parameter = parameters[0].strip() if parameters else ""
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                quality = 0.0
        if quality > 0:
            weighted.append((quality, code))
    weighted.sort(key=lambda pair: -pair[0])
    return tuple(code for _, code in weighted)
