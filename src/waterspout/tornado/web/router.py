"""The router of an application: its targets are handler classes, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...registries import Revision
from ..httputil import HTTPMessageDelegate, HTTPServerRequest
from ..routing import AnyMatches, HostMatches, ReversibleRuleRouter, Rule, _RuleList
from .handler import RequestHandler

if TYPE_CHECKING:
    from .application import Application


class _ApplicationRouter(ReversibleRuleRouter):
    """A router by rules whose targets may also be handler classes, and lists of rules."""

    def __init__(self, application: Application, rules: _RuleList | None = None) -> None:
        self.application = application
        self._direct: dict[str, Rule] = {}
        self._direct_revision = -1
        self._only: _ApplicationRouter | None = None
        super().__init__(rules)

    def _new_revision(self) -> Revision:
        return self.application._routes

    def process_rule(self, rule: Rule) -> Rule:
        rule = super().process_rule(rule)
        if isinstance(rule.target, list | tuple):
            rule.target = _ApplicationRouter(self.application, rule.target)
        return rule

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        # PERF: for a handler at a plain path one look-up, instead of a dozen calls.
        if self._direct_revision != self._revision.number:
            self._direct_revision = self._revision.number
            self._direct = self._direct_rules()
            self._only = _inner(self.rules[0]) if len(self.rules) == 1 else None
        rule = self._direct.get(request.path)
        if rule is not None:
            handler, arguments = rule.target, rule.target_kwargs
            return self.application.get_handler_delegate(request, handler, arguments)
        if self._only is not None:
            return self._only.find_handler(request)
        return super().find_handler(request, **kwargs)

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        if _is_handler(target):
            return self.application.get_handler_delegate(request, target, **target_params)
        return super().get_target_delegate(target, request, **target_params)

    def _direct_rules(self) -> dict[str, Rule]:
        """Return, by path, the rules for handlers that no other rule may come before."""
        inner = _inner(self.rules[0]) if self.rules else None
        if inner is not None:
            return inner._direct_rules()
        return {path: rule for path, rule in self.index.first.items() if _is_handler(rule.target)}


def _is_handler(target: Any) -> bool:
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
