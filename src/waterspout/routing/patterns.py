"""Rules that are regular expressions over the whole path, in the order they were added.

This is Tornado's way of routing; an application uses it for request handlers and mounted programs.
Patterns are tried after the table's own rules that match exactly, and before Werkzeug's map, which
is left with redirects, path converters and errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..typing import Values

__all__ = ["EVERYTHING", "PatternRule", "Patterns", "is_below"]

#: The pattern of every path.
EVERYTHING = "(?s:.*)"


def is_below(path: str, prefix: str) -> bool:
    """Tell whether *path* is *prefix* or below it."""
    return path.startswith(prefix) and path[len(prefix) :][:1] in ("/", "")


class PatternRule:
    """A rule from paths that match *pattern* as a whole to *endpoint*, for any method.

    Groups with names are the view's keyword arguments; without any, the values of all groups
    are one argument, the tuple ``path_args``. *stream*, *timeout* (seconds), *on_disconnect*,
    *max_content_length* (bytes) and *cross_site* are as in `Rule`. *mounted_at* is the prefix of
    the program that the endpoint passes requests to.
    """

    inline = False
    provide_automatic_options = False
    websocket = False
    # Attributes of Werkzeug's rules, for code that reads `request.url_rule`.
    methods = None
    defaults = None
    subdomain = host = None
    alias = build_only = False
    # What a request to the rule needs (`plan.Plan`); the app sets and renews it.
    plan: Any = None

    def __init__(
        self,
        pattern: str | re.Pattern[str],
        endpoint: str,
        *,
        stream: bool = False,
        timeout: float | None = None,
        on_disconnect: str | None = None,
        max_content_length: int | None = None,
        cross_site: bool = False,
        mounted_at: str | None = None,
    ) -> None:
        self.regex = re.compile(pattern)
        self.endpoint = endpoint
        self.stream = stream
        self.timeout = timeout
        self.on_disconnect = on_disconnect
        self.max_content_length = max_content_length
        self.cross_site = cross_site
        self.mounted_at = mounted_at

    @property
    def rule(self) -> str:
        """The pattern as text."""
        return self.regex.pattern

    @property
    def matches_all(self) -> bool:
        """Whether every path matches, so that later rules are never reached."""
        return self.regex.pattern == EVERYTHING

    @property
    def arguments(self) -> set[str]:
        """The names of the view's arguments."""
        return set(self.regex.groupindex) or ({"path_args"} if self.regex.groups else set())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.rule!r} -> {self.endpoint}>"


class Patterns:
    """An ordered list of pattern rules, of which the first that matches is used."""

    def __init__(self) -> None:
        self.rules: list[PatternRule] = []
        self._prefixes: list[str] = []  # of mounted programs, longer ones first

    def add(self, rule: PatternRule) -> None:
        """Add a rule after the others; that of a mounted program goes before those whose prefix
        its own prefix is below."""
        at = len(self.rules)
        if rule.mounted_at is not None:
            self._prefixes = sorted([rule.mounted_at, *self._prefixes], key=len, reverse=True)
            for number, other in enumerate(self.rules):
                if other.mounted_at is not None and is_below(rule.mounted_at, other.mounted_at):
                    at = number
                    break
        self.rules.insert(at, rule)

    def mounted_at(self, path: str) -> str | None:
        """Return the longest prefix of a mounted program that *path* belongs to."""
        return next((prefix for prefix in self._prefixes if is_below(path, prefix)), None)

    def find(self, path: str) -> tuple[PatternRule, Values] | None:
        """Return the first rule that matches *path* and the view's arguments, or None."""
        for rule in self.rules:
            match = rule.regex.fullmatch(path)
            if match is not None:
                regex = rule.regex
                if not regex.groups:
                    return rule, {}
                named: Mapping[str, object] = match.groupdict()
                return rule, dict(named) if named else {"path_args": match.groups()}
        return None
