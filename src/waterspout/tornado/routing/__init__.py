"""Tornado's ``routing``: which delegate takes a request.

A `Router` finds one; a `RuleRouter` does it by `Rule`, each a `Matcher` and a target; a
`ReversibleRouter` also makes URLs from names. ``tornado.web`` is built on this.
"""

from __future__ import annotations

from .delegates import _CallableAdapter, _DefaultMessageDelegate, _RoutingDelegate
from .matchers import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
    _unquote_or_none,
)
from .routers import ReversibleRouter, ReversibleRuleRouter, Router, RuleRouter
from .rules import Rule, URLSpec, _RuleList

__all__ = [
    "AnyMatches",
    "DefaultHostMatches",
    "HostMatches",
    "Matcher",
    "PathMatches",
    "ReversibleRouter",
    "ReversibleRuleRouter",
    "Router",
    "Rule",
    "RuleRouter",
    "URLSpec",
    "_CallableAdapter",
    "_DefaultMessageDelegate",
    "_RoutingDelegate",
    "_RuleList",
    "_unquote_or_none",
]
