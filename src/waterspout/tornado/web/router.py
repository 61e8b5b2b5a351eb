"""The router of an application: its targets are handler classes, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..httputil import HTTPMessageDelegate, HTTPServerRequest
from ..routing import AnyMatches, HostMatches, ReversibleRuleRouter, Rule, _RuleList
from .handler import RequestHandler

if TYPE_CHECKING:
    from ..routing.index import RuleIndex
    from .application import Application


class _ApplicationRouter(ReversibleRuleRouter):
    """A router by rules whose targets may also be handler classes, and lists of rules."""

    def __init__(self, application: Application, rules: _RuleList | None = None) -> None:
        self.application = application
        self._direct: dict[str, Rule] = {}
        self._direct_of: RuleIndex | None = None
        self._inner: _ApplicationRouter | None = None
        super().__init__(rules)

    def process_rule(self, rule: Rule) -> Rule:
        rule = super().process_rule(rule)
        if isinstance(rule.target, list | tuple):
            rule.target = _ApplicationRouter(self.application, rule.target)
        return rule

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        # PERF: for a handler at a plain path one look-up, instead of a dozen calls.
        rule = self._direct_rules().get(request.path)
        if rule is not None:
            handler, arguments = rule.target, rule.target_kwargs
            return self.application.get_handler_delegate(request, handler, arguments)
        return super().find_handler(request, **kwargs)

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        if _is_handler(target):
            return self.application.get_handler_delegate(request, target, **target_params)
        return super().get_target_delegate(target, request, **target_params)

    def _direct_rules(self) -> dict[str, Rule]:
        """Return, by path, the rules for handlers where no other rule comes first."""
        index = self.index
        if self._direct_of is not index:
            self._direct_of = index
            self._direct = {
                path: rule for path, rule in index.first.items() if _is_handler(rule.target)
            }
            self._inner = _inner(self.rules[0]) if self.rules else None
        return self._direct if self._inner is None else self._inner._direct_rules()


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
