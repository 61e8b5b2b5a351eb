"""A rule: a matcher of requests, and their target."""

from __future__ import annotations

from collections.abc import Sequence
from re import Pattern
from typing import Any, TypeAlias

from ...import_paths import load
from ...observed import Revision
from ...typing import Kwargs
from ..util import import_object
from .matchers import Matcher, PathMatches

__all__ = ["Rule", "URLSpec"]


class Rule:
    """Leads requests that *matcher* matches to *target*.

    *target* is what the router knows how to ask: a request handler's class, another router, a
    `HTTPServerConnectionDelegate`, a list of rules, a callable, or the import path of one of
    these. *target_kwargs* go to it, *name* is for `reverse_url`.
    """

    _waterspout_users: tuple[Revision, ...] = ()

    def __init__(
        self,
        matcher: Matcher,
        target: Any,
        target_kwargs: Kwargs | None = None,
        name: str | None = None,
    ) -> None:
        self.matcher = matcher
        self.target = import_object(target) if isinstance(target, str) else target
        if isinstance(self.target, type):
            _refuse_peer(self.target)
        self.target_kwargs = target_kwargs or {}
        self.name = name

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        for revision in self._waterspout_users:
            revision.advance()

    def waterspout_use(self, revision: Revision) -> None:
        """Advance *revision* when an attribute is set: a router has sorted the rule by them."""
        if revision not in self._waterspout_users:
            super().__setattr__("_waterspout_users", (*self._waterspout_users, revision))

    def reverse(self, *args: object) -> str | None:
        """Return the URL of the rule (`Matcher.reverse`)."""
        return self.matcher.reverse(*args)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.matcher!r}, {self.target},"
            f" kwargs={self.target_kwargs!r}, name={self.name!r})"
        )


def _refuse_peer(kind: type) -> None:
    if any(base.__module__ == "tornado.web" for base in kind.__mro__):
        load("waterspout.dropin.hints:refuse_peer")(kind, "the handler of a rule here")


class URLSpec(Rule):
    """A rule by path: requests for *pattern* go to *handler*, whose ``initialize`` gets
    *kwargs*. ``tornado.web`` calls it ``url`` too."""

    def __init__(
        self,
        pattern: str | Pattern[str],
        handler: object,
        kwargs: Kwargs | None = None,
        name: str | None = None,
    ) -> None:
        matcher = PathMatches(pattern)
        super().__init__(matcher, handler, kwargs, name)
        self.regex = matcher.regex
        self.handler_class = self.target
        self.kwargs = kwargs

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.regex.pattern!r}, {self.handler_class},"
            f" kwargs={self.kwargs!r}, name={self.name!r})"
        )


# What a router takes for rules: Rule objects, or the arguments of one, with a str in place of
# a PathMatches.
_RuleList: TypeAlias = Sequence[Rule | Sequence[Any]]
