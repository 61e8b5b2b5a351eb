"""The router of an application, whose targets may be handler classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from re import Match

from ...observed import Revision
from ...typing import Kwargs
from ..httputil import HTTPMessageDelegate, HTTPServerRequest
from ..replaced_methods import NotesReplaced
from ..routing import (
    AnyMatches,
    HostMatches,
    PathMatches,
    ReversibleRuleRouter,
    Rule,
    RuleRouter,
    _RuleList,
    _unquote_or_none,
)
from ..routing.index import RuleIndex
from .handler import RequestHandler
from .interfaces import HandlerSite

#: An application, one of its handlers' classes, and what that is given: arguments for
#: ``initialize``, what a path has for the method by position, and by name.
Target = tuple[
    HandlerSite, type[RequestHandler], Kwargs, Sequence[bytes | None], Mapping[str, bytes | None]
]

_Match = Callable[[str], Match[str] | None]

_encode = str.encode

# NOTE: shared by all requests without such arguments, and so never changed.
_NONE: Kwargs = {}


# As shipped: while routers have these methods, `waterspout_match` does the same as they.
_find_handler = RuleRouter.find_handler
_get_target_delegate = RuleRouter.get_target_delegate
_match_path = PathMatches.match


class _ApplicationRouter(NotesReplaced, ReversibleRuleRouter):
    """A router by rules whose targets may also be handler classes, and lists of rules."""

    _waterspout_watched = frozenset({"find_handler", "get_target_delegate"})

    def __init__(self, application: HandlerSite, rules: _RuleList | None = None) -> None:
        self.application = application
        self._waterspout_direct: dict[str, Rule] = {}
        self._waterspout_alone: dict[str, tuple[Rule, _Match]] = {}
        self._waterspout_only = RuleIndex(())
        self._waterspout_known = -1
        super().__init__(rules)

    def _waterspout_new_revision(self) -> Revision:
        return self.application.waterspout_routes

    def process_rule(self, rule: Rule) -> Rule:
        rule = super().process_rule(rule)
        if isinstance(rule.target, list | tuple):
            rule.target = _ApplicationRouter(self.application, rule.target)
        return rule

    def waterspout_may_match(self) -> bool:
        """Whether no overridden method decides about requests, so that `waterspout_match` does;
        its tables are up to date then."""
        if (
            RuleRouter.find_handler is not _find_handler
            or RuleRouter.get_target_delegate is not _get_target_delegate
            or PathMatches.match is not _match_path
            or self.waterspout_replaced
        ):
            return False
        if self._waterspout_known != self.waterspout_revision.number:
            self._waterspout_known = self.waterspout_revision.number
            self._waterspout_direct = self._waterspout_direct_rules()
            self._waterspout_only = self._waterspout_only_index()
            self._waterspout_alone = self._waterspout_lone_rules()
        return True

    def waterspout_match(self, request: HTTPServerRequest) -> Target | None:
        """Return the handler for *request*, where `waterspout_may_match`; None if `find_handler`
        has to be called. Saves a dozen calls."""
        path = request.path
        rule = self._waterspout_direct.get(path)
        if rule is not None:
            return self.application, rule.target, rule.target_kwargs, (), _NONE
        lone = self._waterspout_alone.get(path[1 : path.find("/", 1)])  # `first_segment`
        if lone is not None:
            rule, match = lone
            matched = match(path)
            if matched is None:
                return None
            groups = matched.groups()
            read = _unquote_or_none if "%" in path or None in groups else _encode
            return self.application, rule.target, rule.target_kwargs, [*map(read, groups)], _NONE
        for rule in self._waterspout_only.candidates(path):
            matcher = rule.matcher
            if type(matcher) is not PathMatches:
                break
            found = matcher.waterspout_arguments(path)
            if found is not None:
                if not _is_handler(rule.target):
                    break
                return self.application, rule.target, rule.target_kwargs, *found
        return None

    def find_handler(
        self, request: HTTPServerRequest, **kwargs: object
    ) -> HTTPMessageDelegate | None:
        found = self.waterspout_match(request) if self.waterspout_may_match() else None
        if found is not None:
            application, *target = found
            return application.get_handler_delegate(request, *target)
        return super().find_handler(request, **kwargs)

    def get_target_delegate(
        self, target: object, request: HTTPServerRequest, **target_params: object
    ) -> HTTPMessageDelegate | None:
        if _is_handler(target):
            return self.application.get_handler_delegate(request, target, **target_params)
        return super().get_target_delegate(target, request, **target_params)

    def _waterspout_direct_rules(self) -> dict[str, Rule]:
        """Return, by path, the rules for handlers that no other rule may come before."""
        inner = _inner(self.rules[0]) if self.rules else None
        if inner is not None:
            return inner._waterspout_direct_rules()
        return {
            path: rule
            for path, rule in self._waterspout_sorted.first.items()
            if _is_handler(rule.target)
        }

    def _waterspout_lone_rules(self) -> dict[str, tuple[Rule, _Match]]:
        """Return, by first segment, the rules for handlers that are the only ones below it and give
        what they match by position, each with what matches."""
        return {
            segment: (rule, rule.matcher.regex.match)
            for segment, rule in self._waterspout_only.alone(self._waterspout_direct).items()
            if type(rule.matcher) is PathMatches
            and not rule.matcher.regex.groupindex
            and _is_handler(rule.target)
        }

    def _waterspout_only_index(self) -> RuleIndex:
        """Return the rules that decide here: those of another router if all requests go there."""
        inner = _inner(self.rules[0]) if len(self.rules) == 1 else None
        return self._waterspout_sorted if inner is None else inner._waterspout_only_index()


def _is_handler(target: object) -> bool:
    return isinstance(target, type) and issubclass(target, RequestHandler)


def _inner(rule: Rule) -> _ApplicationRouter | None:
    """Return the router that *rule* leads every request to, if it does."""
    matcher = rule.matcher
    everything = type(matcher) is AnyMatches or (
        type(matcher) is HostMatches and matcher.host_pattern.pattern == ".*$"
    )
    target = rule.target
    if everything and isinstance(target, _ApplicationRouter) and not rule.target_kwargs:
        return target
    return None
