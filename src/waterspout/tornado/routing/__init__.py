"""Tornado's ``routing``: routers, rules and matchers.

A `Router` finds one; a `RuleRouter` does it by `Rule`, each a `Matcher` and a target; a
`ReversibleRouter` also makes URLs from names. ``tornado.web`` is built on this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...peers.imported_names import imported_names
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


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.routing",
        __package__,
        """
        import re
        from collections.abc import Awaitable, Sequence
        from functools import partial
        from re import Pattern
        from typing import Any, Union, overload
        from .. import httputil
        from ..escape import url_escape, url_unescape, utf8
        from ..log import app_log
        from ..util import basestring_type, import_object, re_unescape, unicode_type
        """,
    )
