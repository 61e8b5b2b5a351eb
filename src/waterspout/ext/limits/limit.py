"""One limit: how many requests, whose, of which routes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from waterspout import request

from .. import needs_extra

with needs_extra("limits"):
    from limits import RateLimitItem, WindowStats, parse_many

__all__ = ["ApplicationLimit", "Limit", "MetaLimit", "RequestLimit"]


@dataclass(frozen=True)
class Limit:
    """A limit as it is written: ``"5/minute"``, ``"100 per hour; 5/second"``, or a function that
    returns such a str, asked at each request.

    The options are those of `Limiter.limit`.
    """

    limit_provider: str | Callable[[], str]
    key_function: Callable[[], str] | None = None
    scope: str | Callable[[str], str] | None = None
    cost: int | Callable[[], int] = 1
    shared: bool = False
    methods: Sequence[str] | None = None
    per_method: bool = False
    error_message: str | Callable[[], str] | None = None
    exempt_when: Callable[[], bool] | None = None
    override_defaults: bool = True
    deduct_when: Callable[[Any], bool] | None = None
    on_breach: Callable[[RequestLimit], Any] | None = None
    #: How often this one may be exceeded: a str, a function, a `MetaLimit`, or several.
    meta_limits: Any = None
    #: One of the limits that are written.
    limit: RateLimitItem | None = None

    def items(self) -> Iterator[Limit]:
        """Yield a limit for each one that is written.

        Raises:
            ValueError: It cannot be read.
        """
        provider = self.limit_provider
        written = provider() if callable(provider) else provider
        if not written and callable(provider):
            return  # the program says: no limit for this request
        for item in parse_many(written):
            yield replace(self, limit=item)

    def metas(self) -> list[Limit]:
        """Return the limits of how often this one may be exceeded, by the same client."""
        found = limits_of(self.meta_limits, MetaLimit)
        key = self.key_function
        return [one if one.key_function else replace(one, key_function=key) for one in found]

    def covers_method(self) -> bool:
        """Whether the current request's method is one of those that count."""
        methods = self.methods
        return methods is None or request.method.lower() in {one.lower() for one in methods}

    def applies(self) -> bool:
        """Whether the current request counts."""
        return self.covers_method() and not (self.exempt_when and self.exempt_when())

    def amount(self) -> int:
        """Return how many requests this one counts as."""
        return self.cost() if callable(self.cost) else self.cost

    def scope_for(self, endpoint: str) -> str:
        """Return what is counted together: one endpoint's requests, unless it is shared."""
        own = self.scope(request.endpoint or "") if callable(self.scope) else self.scope
        scope = (own if self.shared else f"{endpoint}:{own}") if own else endpoint
        return f"{scope}:{request.method}" if self.per_method else scope


@dataclass(frozen=True)
class ApplicationLimit(Limit):
    """A limit of all routes together."""

    scope: str | Callable[[str], str] | None = "global"
    shared: bool = True


@dataclass(frozen=True)
class MetaLimit(Limit):
    """A limit of how often a client may exceed its limits."""

    scope: str | Callable[[str], str] | None = "meta"
    shared: bool = True


@dataclass
class RequestLimit:
    """A limit as the current request met it."""

    limit: RateLimitItem
    #: What it was counted under.
    request_args: list[str]
    breached: bool
    shared: bool
    #: Reads the window from the storage.
    read: Callable[[], WindowStats]
    seen: WindowStats | None = None

    @property
    def key(self) -> str:
        """What it was counted under, in the storage."""
        return self.limit.key_for(*self.request_args)

    @property
    def window(self) -> WindowStats:
        """When the window ends (seconds since 1970), and how many requests are left."""
        if self.seen is None:
            self.seen = self.read()
        return self.seen

    @property
    def reset_at(self) -> int:
        """When the window ends, in whole seconds since 1970."""
        return int(self.window.reset_time + 1)

    @property
    def remaining(self) -> int:
        """How many requests are left."""
        return int(self.window.remaining)

    @property
    def retry_after(self) -> int:
        """Seconds until another request may be allowed, 1 at least."""
        return max(1, int(self.reset_at - time.time()))


def limits_of(written: Any, kind: type[Limit], **options: Any) -> list[Limit]:
    """Return limits of what a program gives: a str, a function, a `Limit`, or several."""
    if written is None:
        return []
    if isinstance(written, str | Limit) or callable(written):
        written = [written]
    given: Iterable[Any] = written
    return [one if isinstance(one, Limit) else kind(one, **options) for one in given]
