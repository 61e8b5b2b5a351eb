"""The tree behind the route table: a read-only copy of Werkzeug's state machine.

Theory of operation. ``Map`` keeps its rules in a state machine whose transitions are the
segments of a path: static ones in a dictionary, dynamic ones (a regular expression) in a list
sorted by weight. Its ``match`` tries static before dynamic at every state and goes back where a
branch fails; the first rule found that allows the method is the result. `compile_tree` turns each
state into a `Node` and keeps that order exactly, but computes in advance what does not depend on
the request:

- which rule answers a method at the end of a path (``Node.ends``), its own or the one that a
  non-strict trailing slash leads to;
- which rules need more than a match (a redirect, an alias): their `Leaf` has no rule, and
  the caller has to ask Werkzeug;
- how a segment is tested and its value converted, without a regular expression where the
  converter is one of the two common ones.

Domains are outside: the tree is that of the map's default subdomain.

This file reads private parts of Werkzeug 3 (``_matcher``, ``State``, ``RulePart``,
``Rule._converters``); tests/routing compares the outcome with ``MapAdapter.match`` at random.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from sys import intern
from typing import Any

from werkzeug.routing import BaseConverter, IntegerConverter, Map, Rule, UnicodeConverter
from werkzeug.routing.converters import NumberConverter
from werkzeug.routing.matcher import State
from werkzeug.routing.rules import RulePart

from ..typing import Values

#: The texts of the dynamic segments, in the order of the path.
Texts = tuple[str, ...]

#: An argument's name, and the conversion of its text (``None``: none).
Param = tuple[str, Callable[[str], object] | None]

_GROUP = "__werkzeug_"


class Leaf:
    """The end of a path: a rule, or ``None`` if Werkzeug has to be asked."""

    __slots__ = ("defaults", "params", "rule", "single")

    def __init__(self, rule: Rule | None) -> None:
        self.rule = rule
        #: Names of the arguments and the conversions of their texts.
        self.params: tuple[Param, ...] = ()
        #: The only argument, if there is one and no defaults.
        self.single: Param | None = None
        self.defaults: Values | None = None
        if rule is not None:
            if not hasattr(rule, "plan"):  # it is of Werkzeug's class
                rule.plan = None  # type: ignore[attr-defined]
            # Interned like a function's own names, which makes keyword arguments cheaper to match.
            self.params = tuple((intern(n), _conversion(c)) for n, c in rule._converters.items())
            self.defaults = dict(rule.defaults) if rule.defaults else None
            if len(self.params) == 1 and not self.defaults:
                self.single = self.params[0]


#: The path needs more than a match; Werkzeug has to be asked.
UNSURE = Leaf(None)

#: Leaves by method. The key ``None`` is a rule that takes any method.
Ends = dict[str | None, Leaf]

#: The result of a search.
Found = tuple[Leaf, Texts] | None


class Edge:
    """A dynamic segment, and the node after it."""

    __slots__ = ("accepts", "final", "groups", "node", "suffixed", "whole")

    def __init__(self, part: RulePart, node: Node) -> None:
        self.node = node
        #: The segment is the rest of the path (a converter that matches slashes).
        self.final = part.final
        #: The rule ends in a slash that the path may lack.
        self.suffixed = part.suffixed
        #: The segment is tested without a regular expression, and its text is the value.
        self.whole = not part.final and part.content in _WITHOUT_REGEX
        #: Names of the groups of the regular expression that are values.
        self.groups: tuple[str, ...] = ()
        #: Returns True, or a match, for a segment that fits.
        self.accepts: Callable[[str], Any]

        if self.whole:
            self.accepts = _WITHOUT_REGEX[part.content]
            return
        try:
            pattern = re.compile(part.content)
        except re.error:  # a converter of the program; Werkzeug raises this when it tries it
            self.accepts = lambda target: re.match(part.content, target)
            return
        self.accepts = pattern.match
        names = [name for name in pattern.groupindex if name.startswith(_GROUP)]
        self.groups = tuple(sorted(names, key=lambda name: int(name[len(_GROUP) :])))


class Node:
    """A state: the segments that may follow, and the rules of a path that ends here."""

    __slots__ = ("edges", "ends", "lone", "loose", "static")

    def __init__(self) -> None:
        self.static: dict[str, Node] = {}
        self.edges: tuple[Edge, ...] = ()
        #: The only edge, where there is no other choice and its text is the value.
        self.lone: Edge | None = None
        #: By method, the rules of a path that ends here.
        self.ends: Ends = {}
        #: The same for a path with only a trailing slash left, of rules that are not strict about
        #: it.
        self.loose: Ends = {}


def compile_tree(url_map: Map) -> Node:
    """Return the node after the first slash of a path, of the map's default subdomain."""
    url_map.update()
    domain = url_map._matcher._root.static.get(url_map.default_subdomain)
    start = None if domain is None else domain.static.get("")
    return Node() if start is None else _compile_state(start, url_map)


def _compile_state(state: State, url_map: Map) -> Node:
    node = Node()
    node.static = {text: _compile_state(after, url_map) for text, after in state.static.items()}
    node.edges = tuple(Edge(part, _compile_state(after, url_map)) for part, after in state.dynamic)

    for rule in state.rules:
        _add(node.ends, rule, _leaf(rule, url_map))
        if not rule.strict_slashes:
            _add(node.loose, rule, _leaf(rule, url_map))
    if len(node.edges) == 1 and node.edges[0].whole and not node.loose:
        node.lone = node.edges[0]
    branch = state.static.get("")
    for rule in branch.rules if branch is not None else ():
        _add(node.ends, rule, UNSURE if rule.strict_slashes else _leaf(rule, url_map))
    return node


def _add(ends: Ends, rule: Rule, leaf: Leaf) -> None:
    """Enter *leaf* for those methods of *rule* that no earlier rule has."""
    if rule.websocket or None in ends:
        return
    for method in rule.methods if rule.methods is not None else (None,):
        ends.setdefault(method, leaf)


def _leaf(rule: Rule, url_map: Map) -> Leaf:
    if rule.redirect_to is not None:
        return UNSURE
    if url_map.redirect_defaults:
        if rule.alias:
            return UNSURE
        siblings = url_map._rules_by_endpoint.get(rule.endpoint, ())
        ahead = takewhile(lambda other: other is not rule, siblings)
        if any(other.provides_defaults_for(rule) for other in ahead):
            return UNSURE
    return Leaf(rule)


def is_stock(converter: BaseConverter) -> bool:
    """Tell whether the conversion of a value is Werkzeug's own code."""
    module = getattr(type(converter).to_python, "__module__", None)
    return module == "werkzeug.routing.converters" and "to_python" not in vars(converter)


def _conversion(converter: BaseConverter) -> Callable[[str], object] | None:
    """Return the conversion of a segment's text to the view's value, or ``None`` if there is
    none."""
    if is_stock(converter):
        method = type(converter).to_python
        if method is BaseConverter.to_python:
            return None
        if method is NumberConverter.to_python and _is_plain_int(converter):
            return int
    return converter.to_python


def _is_plain_int(converter: BaseConverter) -> bool:
    return (
        isinstance(converter, NumberConverter)
        and converter.num_convert is int
        and not converter.fixed_digits
        and converter.min is None
        and converter.max is None
    )


def _segment(converter: BaseConverter) -> str:
    """Return the regular expression that Werkzeug makes of a segment that is one converter."""
    return rf"(?P<{_GROUP}0>{converter.regex})\Z"


# PERF: 20 % of the regular expression's time. `isdecimal` tests for Unicode category Nd, as
# `\d` does; a segment contains no slash, so `[^/]{1,}` asks only that it is not empty.
_WITHOUT_REGEX: dict[str, Callable[[str], object]] = {
    _segment(UnicodeConverter(Map())): len,
    _segment(IntegerConverter(Map())): str.isdecimal,
}


def search(node: Node, method: str, parts: Sequence[str], at: int, values: Texts) -> Found:
    """Return the end that ``parts[at:]`` leads to from *node*; ``None`` if there is none.

    *values* are the texts found on the way to *node*. No node is visited twice.
    """
    last = len(parts)
    while at < last:
        part = parts[at]
        after = node.static.get(part)
        if after is not None:
            # Only a fork needs the recursion.
            if not node.edges and not node.loose:
                node = after
                at += 1
                continue
            found = search(after, method, parts, at + 1, values)
            if found is not None:
                return found
        lone = node.lone
        if lone is not None:
            if not lone.accepts(part):
                return None
            values += (part,)
            node = lone.node
            at += 1
            continue
        for edge in node.edges:
            found = _follow(edge, method, parts, at, values)
            if found is not None:
                return found
        return None if part or at + 1 < last else _pick(node.loose, method, values)
    return _pick(node.ends, method, values)


def _follow(edge: Edge, method: str, parts: Sequence[str], at: int, values: Texts) -> Found:
    target = "/".join(parts[at:]) if edge.final else parts[at]
    match = edge.accepts(target)
    if not match:
        return None
    values += (target,) if edge.whole else tuple([match[name] for name in edge.groups])
    if not edge.final:
        return search(edge.node, method, parts, at + 1, values)
    # The last group of a suffixed expression is the slash at the end, or nothing.
    rest = ("",) if edge.suffixed and match[match.re.groups] == "/" else ()
    return search(edge.node, method, rest, 0, values)


def _pick(ends: Ends, method: str, values: Texts) -> Found:
    leaf = ends.get(method)
    if leaf is None:
        if None not in ends:
            return None
        # Werkzeug uppercases the method first, and might then find another rule.
        leaf = ends[None] if method.isupper() else UNSURE
    return leaf, values
