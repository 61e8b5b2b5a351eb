"""Routers: find the delegate of a request, by rules or by a program's own code."""

from __future__ import annotations

from functools import partial

from ...application.handlers import Joining
from ...observed import HookList, Revision
from ..httputil import (
    HTTPConnection,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
)
from ..log import app_log
from .delegates import _CallableAdapter, _RoutingDelegate
from .index import RuleIndex
from .matchers import PathMatches
from .rules import Rule, _RuleList

__all__ = ["ReversibleRouter", "ReversibleRuleRouter", "Router", "RuleRouter"]


class Router(HTTPServerConnectionDelegate):
    """Finds who takes a request. A server can be given one."""

    def find_handler(
        self, request: HTTPServerRequest, **kwargs: object
    ) -> HTTPMessageDelegate | None:
        """Return the delegate that takes *request*, None if nobody does.

        *kwargs* is what an outer router passes on.
        """
        raise NotImplementedError

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return a delegate that asks `find_handler` once the headers are there."""
        return _RoutingDelegate(self, server_conn, request_conn)


class ReversibleRouter(Router):
    """A router that can also make URLs."""

    def reverse_url(self, name: str, *args: object) -> str | None:
        """Return the URL of the route *name* with *args* in it, None if there is no such
        route."""
        raise NotImplementedError


class RuleRouter(Router):
    """Finds the first rule that matches and whose target takes the request.

    *rules* are `Rule` objects or tuples ``(matcher, target, target_kwargs, name)`` without the
    last or the last two; a str for the matcher is the expression of a `PathMatches`. *rules*
    of a router may be changed at any time.
    """

    def __init__(self, rules: _RuleList | None = None) -> None:
        self.waterspout_revision = self._waterspout_new_revision()
        self._waterspout_index: RuleIndex | None = None
        self.rules = []
        if rules:
            self.add_rules(rules)

    def _waterspout_new_revision(self) -> Revision:
        """Return what counts the changes of the rules; routers may share one."""
        return Revision()

    @property
    def rules(self) -> list[Rule]:
        """The rules in order."""
        return self._waterspout_rules

    @rules.setter
    def rules(self, rules: list[Rule]) -> None:
        self._waterspout_rules = HookList(self.waterspout_revision)
        self._waterspout_rules.extend(rules)

    def add_rules(self, rules: _RuleList) -> None:
        """Put *rules* after those that are there."""
        for rule in rules:
            if not isinstance(rule, Rule):
                assert len(rule) in (2, 3, 4), "a rule has a matcher, a target, kwargs and a name"
                matcher, *rest = rule
                rule = Rule(PathMatches(matcher) if isinstance(matcher, str) else matcher, *rest)
            self.rules.append(self.process_rule(rule))

    def process_rule(self, rule: Rule) -> Rule:
        """Return the rule to add in place of *rule*: for subclasses.

        Raises TypeError for an application of the core, which answers by itself.
        """
        if isinstance(rule.target, Joining):
            raise TypeError(
                "An App is no target of a rule: use Application.mount(prefix, app), or for a part"
                " of its URLs WSGIContainer(app)."
            )
        return rule

    @property
    def _waterspout_sorted(self) -> RuleIndex:
        """The rules as they are now, sorted."""
        index = self._waterspout_index
        if index is None or index.revision != self.waterspout_revision.number:
            index = self._waterspout_index = RuleIndex(
                self._waterspout_rules, self.waterspout_revision.number
            )
            for rule in self._waterspout_rules:
                rule.waterspout_use(self.waterspout_revision)
        return index

    def find_handler(
        self, request: HTTPServerRequest, **kwargs: object
    ) -> HTTPMessageDelegate | None:
        """Return the delegate of the first rule that matches."""
        for rule in self._waterspout_sorted.candidates(request.path):
            params = rule.matcher.match(request)
            if params is None:
                continue
            if rule.target_kwargs:
                params["target_kwargs"] = rule.target_kwargs
            delegate = self.get_target_delegate(rule.target, request, **params)
            if delegate is not None:
                return delegate
        return None

    def get_target_delegate(
        self, target: object, request: HTTPServerRequest, **target_params: object
    ) -> HTTPMessageDelegate | None:
        """Return what takes *request* for the *target* of a rule that matched, None if nothing
        does, and the next rules are tried. Subclasses know more kinds of target."""
        if isinstance(target, Router):
            return target.find_handler(request, **target_params)
        if isinstance(target, HTTPServerConnectionDelegate):
            return target.start_request(request.server_connection, request.connection)
        if callable(target):
            return _CallableAdapter(partial(target, **target_params), request.connection)
        return None


class ReversibleRuleRouter(ReversibleRouter, RuleRouter):
    """A router by rules that makes the URLs of those with a name."""

    def __init__(self, rules: _RuleList | None = None) -> None:
        self.named_rules: dict[str, Rule] = {}
        super().__init__(rules)

    def process_rule(self, rule: Rule) -> Rule:
        """Note the name of *rule*; the last one of a name counts."""
        added = super().process_rule(rule)
        name = added.name
        if name and name in self.named_rules:
            app_log.warning("Multiple handlers named %s; replacing previous value", name)
        if name:
            self.named_rules[name] = added
        return added

    def reverse_url(self, name: str, *args: object) -> str | None:
        """Return the URL of the rule *name* here or in a router that a rule leads to."""
        known = self.named_rules.get(name)
        if known is not None:
            return known.matcher.reverse(*args)
        targets = (rule.target for rule in self.rules)
        inner = (target for target in targets if isinstance(target, ReversibleRouter))
        urls = (router.reverse_url(name, *args) for router in inner)
        return next((url for url in urls if url is not None), None)
