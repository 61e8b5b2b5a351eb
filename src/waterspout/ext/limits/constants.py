"""Names of header fields, and what may be exempted (Flask-Limiter's ``constants``)."""

from __future__ import annotations

import enum

__all__ = ["ExemptionScope", "HeaderNames"]


class HeaderNames(enum.Enum):
    """The fields that tell a client of its limits."""

    #: When the window ends, in seconds since 1970.
    RESET = "X-RateLimit-Reset"
    #: Requests that are left in the window.
    REMAINING = "X-RateLimit-Remaining"
    #: Requests that are allowed in a window.
    LIMIT = "X-RateLimit-Limit"
    #: Seconds until another request is allowed.
    RETRY_AFTER = "Retry-After"


class ExemptionScope(enum.Flag):
    """Which limits a route or a blueprint is exempt from."""

    NONE = 0
    APPLICATION = enum.auto()
    META = enum.auto()
    DEFAULT = enum.auto()
    #: Also the blueprints that are nested in it.
    DESCENDENTS = enum.auto()
    #: The limits of the blueprints that it is nested in.
    ANCESTORS = enum.auto()
