"""Matchers of requests: by path, by host, any."""

from __future__ import annotations

import re
from re import Pattern
from typing import Any

from ...typing import Kwargs
from ..escape import url_escape, url_unescape, utf8
from ..httputil import HTTPServerRequest
from ..util import re_unescape

__all__ = ["AnyMatches", "DefaultHostMatches", "HostMatches", "Matcher", "PathMatches"]


class Matcher:
    """Decides whether a rule is for a request."""

    def match(self, request: HTTPServerRequest) -> Kwargs | None:
        """Return None if it is not, else the parameters for the target: a dict, often empty,
        or for request handlers with *path_args* or *path_kwargs*."""
        raise NotImplementedError

    def reverse(self, *args: object) -> str | None:
        """Return the URL that is matched with *args* in its groups, None if there is none."""
        return None


class AnyMatches(Matcher):
    """Every request."""

    def match(self, request: HTTPServerRequest) -> Kwargs | None:
        """Return no parameters."""
        return {}


class HostMatches(Matcher):
    """Requests to a host whose name, without the port, a pattern matches to its end."""

    def __init__(self, host_pattern: str | Pattern[str]) -> None:
        self.host_pattern = _compiled(host_pattern)

    def match(self, request: HTTPServerRequest) -> Kwargs | None:
        """Match the Host of the request."""
        return {} if self.host_pattern.match(request.host_name) else None


class DefaultHostMatches(Matcher):
    """All requests, if the application's *default_host* matches; but none that came through
    a proxy, which says so with ``X-Real-Ip``."""

    def __init__(self, application: Any, host_pattern: Pattern[str]) -> None:
        self.application = application
        self.host_pattern = host_pattern

    def match(self, request: HTTPServerRequest) -> Kwargs | None:
        """Match the default host."""
        direct = "X-Real-Ip" not in request.headers
        return {} if direct and self.host_pattern.match(self.application.default_host) else None


class PathMatches(Matcher):
    """Requests whose path, as it was sent, a regular expression matches to its end.

    What its groups match is unquoted, and goes to the handler as bytes: all by position, or
    all by name.
    """

    def __init__(self, path_pattern: str | Pattern[str]) -> None:
        self.regex = _compiled(path_pattern)
        assert len(self.regex.groupindex) in (0, self.regex.groups), (
            "groups in url regexes must either be all named or all"
            f" positional: {self.regex.pattern!r}"
        )
        self._path, self._group_count = self._find_groups()

    def match(self, request: HTTPServerRequest) -> Kwargs | None:
        """Match the path; the parameters hold *path_args* and *path_kwargs* if there are
        groups."""
        found = self.waterspout_arguments(request.path)
        if found is None:
            return None
        args, kwargs = found
        return {"path_args": args, "path_kwargs": kwargs} if self.regex.groups else {}

    def waterspout_arguments(
        self, path: str
    ) -> tuple[list[bytes | None], dict[str, bytes | None]] | None:
        """Return what the groups match, by position and by name; None if the path does not."""
        regex = self.regex
        found = regex.match(path)
        if found is None:
            return None
        if regex.groupindex:
            named = {name: _unquote_or_none(value) for name, value in found.groupdict().items()}
            return [], named
        return [_unquote_or_none(value) for value in found.groups()], {}

    def reverse(self, *args: object) -> str | None:
        """Return the path with *args*, quoted, in place of the groups. Raises ValueError if
        the expression is not a plain path with groups in it."""
        if self._path is None:
            raise ValueError(f"Cannot reverse url regex {self.regex.pattern}")
        assert len(args) == self._group_count, "required number of arguments not found"
        if not args:
            return self._path
        return self._path % tuple(
            url_escape(utf8(arg if isinstance(arg, str | bytes) else str(arg)), plus=False)
            for arg in args
        )

    def _find_groups(self) -> tuple[str | None, int | None]:
        """Return the path with ``%s`` for each group, and their number; Nones if the text
        between the groups is more than plain characters."""
        pattern = self.regex.pattern.removeprefix("^").removesuffix("$")
        if self.regex.groups != pattern.count("("):
            return None, None  # groups that do not count, or brackets that are no groups
        before, *rest = pattern.split("(")
        pieces = [before]
        for piece in rest:
            _, closed, after = piece.partition(")")
            if not closed or ")" in after:
                return None, None  # a group in a group
            pieces.append(after)
        try:
            return "%s".join(re_unescape(piece) for piece in pieces), self.regex.groups
        except ValueError:
            return None, None


def _compiled(pattern: str | Pattern[str]) -> Pattern[str]:
    if not isinstance(pattern, str):
        return pattern
    return re.compile(pattern if pattern.endswith("$") else pattern + "$")


def _unquote_or_none(s: str | None) -> bytes | None:
    """Unquote what a group matched: as bytes, whose encoding is the handler's to know; None
    for a group that took no part in the match."""
    if s is None:
        return None
    return url_unescape(s, encoding=None, plus=False) if "%" in s else s.encode()
