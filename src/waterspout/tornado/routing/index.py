"""An index of rules: find those that may match a path, without trying every one.

Rules are matched in order and the first match counts. But a rule whose expression is a
plain path can match that path only, and one that begins with ``/name/`` only the paths
below it. So the rules are sorted beforehand, by whole path and by first segment; each list
keeps the order, with the rules in it that might match anything.

So the cost of a request does not grow with the rules for the rest of the site.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from .matchers import PathMatches
from .rules import Rule

_PLAIN = r"(?:[^\\.^$*+?{}\[\]|()]|\\[^a-zA-Z0-9])"
# Groups may be in it: the rules for /robots.txt have one, and would be asked for every path.
_PLAIN_PATH = re.compile(rf"\^?((?:{_PLAIN}|\({_PLAIN}*\))*)\$")
# The first segment between two slashes, the second of which has to be there.
_FIRST_SEGMENT = re.compile(rf"\^?/((?:(?!\\?/){_PLAIN})*)/(?![*?{{])")
_ESCAPE_OR_GROUP = re.compile(r"\\(.)|[()]", re.DOTALL)
_ESCAPE_OR_SET = re.compile(r"\\.|\[[^\]]*\]", re.DOTALL)
_INNER_GROUP = re.compile(r"\([^()]*\)")


class RuleIndex:
    """The rules of one router, sorted by what they can match. *revision* is that of the list
    they were read from."""

    def __init__(self, rules: Iterable[Rule], revision: int = 0) -> None:
        self.revision = revision
        #: By path: the first rule that may match it, where that rule matches nothing else and
        #: has no groups.
        self.first: dict[str, Rule] = {}
        self._by_path: dict[str, list[Rule]] = {}
        self._by_segment: dict[str, list[Rule]] = {}
        self._anywhere: list[Rule] = []
        for rule in rules:
            self._put(rule)

    def candidates(self, path: str) -> list[Rule]:
        """Return, in order, the rules that may match *path*; not to be changed."""
        found = self._by_path.get(path)
        if found is None:
            found = self._by_segment.get(first_segment(path), self._anywhere)
        return found

    def alone(self, others: Container[str]) -> dict[str, Rule]:
        """Return, by first segment, the rules that are the only ones for all the paths below it,
        but for *others*."""
        crowded = {first_segment(path) for path in self._by_path if path not in others}
        return {
            segment: rules[0]
            for segment, rules in self._by_segment.items()
            if len(rules) == 1 and segment not in crowded
        }

    def _put(self, rule: Rule) -> None:
        path, segment = _reach(rule)
        if path is not None:
            if path not in self._by_path:
                self._by_path[path] = earlier = self.candidates(path).copy()
                if not (earlier or _has_groups(rule)):
                    self.first[path] = rule
            self._by_path[path].append(rule)
        elif segment is not None:
            if segment not in self._by_segment:
                self._by_segment[segment] = self._anywhere.copy()
            self._by_segment[segment].append(rule)
            for known, rules in self._by_path.items():
                if first_segment(known) == segment:
                    rules.append(rule)
        else:
            for rules in (*self._by_path.values(), *self._by_segment.values(), self._anywhere):
                rules.append(rule)


def first_segment(path: str) -> str:
    """Return what stands between the first two slashes of *path*.

    Without a second slash it is of no use what is returned: no rule for a segment matches.
    """
    return path[1 : path.find("/", 1)]


def _reach(rule: Rule) -> tuple[str | None, str | None]:
    """Return the one path that *rule* can match, or else the first segment of all those that
    it can match; Nones if neither can be told."""
    matcher = rule.matcher
    if not isinstance(matcher, PathMatches) or type(matcher).match is not PathMatches.match:
        return None, None
    pattern, flags = matcher.regex.pattern, matcher.regex.flags
    if flags != re.UNICODE or _has_alternatives(pattern):
        return None, None
    if found := _PLAIN_PATH.fullmatch(pattern):
        return _ESCAPE_OR_GROUP.sub(r"\1", found[1]), None
    if found := _FIRST_SEGMENT.match(pattern):
        return None, _ESCAPE_OR_GROUP.sub(r"\1", found[1])
    return None, None


def _has_groups(rule: Rule) -> bool:
    return isinstance(rule.matcher, PathMatches) and rule.matcher.regex.groups > 0


def _has_alternatives(pattern: str) -> bool:
    """Whether there is a ``|`` outside of all groups, or may be."""
    left, found = _ESCAPE_OR_SET.sub("", pattern), 1
    while found:
        left, found = _INNER_GROUP.subn("", left)
    return "|" in left
