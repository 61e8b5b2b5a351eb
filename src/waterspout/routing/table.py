"""The route table: the quick way from a method and a path to a rule.

Werkzeug's ``Map`` stays the truth. The table answers where the answer is certain and says
``None`` where it is not; the caller then asks the map's adapter, which finds the rule or raises
what has to be raised (not found, wrong method, redirect).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

from werkzeug.routing import Map, Rule, RuleFactory
from werkzeug.routing.matcher import StateMachineMatcher

from .patterns import PatternRule, Patterns
from .tree import Ends, Leaf, Node, Values, compile_tree, is_stock, search

Match = tuple[Rule | PatternRule, dict[str, Any]]

#: What may be the last segment of a path: these texts, or else what is accepted and ends there.
Tail = tuple[dict[str, Node], Callable[[str], Any], Ends]


class RouteTable:
    """Answer most matches of *url_map* from a compiled copy.

    It is compiled at the first :meth:`find`, and anew after rules were added. A rule or map
    that is changed in place after that needs :meth:`reset`.
    """

    def __init__(self, url_map: Map, patterns: Patterns | None = None) -> None:
        self.url_map = url_map
        #: Asked when nothing in the table matches.
        self.patterns = patterns or Patterns()
        self._lock = RLock()
        self._wanted = 1
        self._compiled = 0
        self._stock = True
        self._root = Node()
        #: PERF: two shortcuts past the search, by path and by path up to the last segment.
        self._static: dict[str, Ends] = {}
        self._tails: dict[str, Tail] = {}
        self._watch()

    def find(self, method: str, path: str) -> Match | None:
        """Return the rule and a new dictionary of arguments, or ``None``: ask Werkzeug.

        The answer is what ``url_map.bind("").match(path, method, return_rule=True)`` gives: the
        map's default subdomain, no WebSocket; or else the first of `patterns` that matches.
        *path* is decoded and without the script name. Never raises: where a converter fails,
        Werkzeug is to say what that means.

        PERF: 0.15 µs for a static path, 0.45 µs for ``/users/<int:id>`` (Werkzeug: 5 µs), however
        many routes there are (CPython 3.11).
        """
        if self._compiled != self._wanted:
            self._compile()
        ends = self._static.get(path)
        if ends is not None:
            leaf = ends.get(method)
            if leaf is not None:
                return None if leaf.rule is None else (leaf.rule, leaf.defaults.copy())
        try:
            head, _, tail = path.rpartition("/")
            shortcut = self._tails.get(head)
            if shortcut is not None:
                static, accepts, ends = shortcut
                if tail not in static and accepts(tail):
                    leaf = ends.get(method)
                    if leaf is not None and leaf.single is not None and leaf.rule is not None:
                        name, convert = leaf.single
                        return leaf.rule, {name: tail if convert is None else convert(tail)}

            # Werkzeug would take leading slashes away first.
            if not path.startswith("/") or path.startswith("//"):
                return None
            found = search(self._root, method, path.split("/"), 1, ())
            if found is not None:
                return _answer(*found)
        except Exception:
            return None
        return self.patterns.find(path) if self.patterns.rules else None

    @property
    def stock_converters(self) -> bool:
        """Whether :meth:`find` runs no code of the program's: it may then be called anywhere.

        A converter that the program wrote may look at the request or the session, and wants
        their context.
        """
        if self._compiled != self._wanted:
            self._compile()
        return self._stock

    def reset(self) -> None:
        """Compile anew before the next :meth:`find`."""
        with self._lock:
            self._wanted += 1

    def _watch(self) -> None:
        """Notice rules that are added later.

        NOTE: ``Map`` has no public sign of it (its own flag goes down at the next URL built),
        and the map may be of any subclass, so its ``add`` is wrapped on the instance.
        """
        add = self.url_map.add

        def add_and_reset(rulefactory: RuleFactory) -> None:
            with self._lock:
                add(rulefactory)
                self.reset()

        setattr(self.url_map, "add", add_and_reset)

    def _compile(self) -> None:
        with self._lock:
            url_map = self.url_map
            self._root = compile_tree(url_map) if _is_plain(url_map) else Node()
            self._static, self._tails = _shortcuts(self._root)
            self._stock = all(
                is_stock(converter)
                for rule in url_map.iter_rules()
                for converter in rule._converters.values()
            )
            self._compiled = self._wanted


def _is_plain(url_map: Map) -> bool:
    """Tell whether the map matches paths alone, and by Werkzeug's own code."""
    own = all(
        name not in vars(url_map) and getattr(type(url_map), name) is getattr(Map, name)
        for name in ("bind", "update")
    )
    return own and type(url_map._matcher) is StateMachineMatcher and not url_map.host_matching


def _answer(leaf: Leaf, values: Values) -> Match | None:
    if leaf.rule is None:
        return None
    args: dict[str, Any] = {}
    for (name, convert), value in zip(leaf.params, values, strict=False):
        args[name] = value if convert is None else convert(value)
    args.update(leaf.defaults)
    return leaf.rule, args


def _shortcuts(root: Node) -> tuple[dict[str, Ends], dict[str, Tail]]:
    """Return what is found without a dynamic segment, and with one that is the last.

    Static goes before dynamic at every segment, so these are what a search would try first.
    """
    static: dict[str, Ends] = {}
    tails: dict[str, Tail] = {}

    def collect(node: Node, path: str) -> None:
        if path.startswith("//"):  # never met: Werkzeug takes leading slashes away
            return
        if node.ends and path:
            static[path] = node.ends
        if node.lone is not None and path != "/":
            tails[path] = (node.static, node.lone.accepts, node.lone.node.ends)
        for text, after in node.static.items():
            collect(after, f"{path}/{text}")

    collect(root, "")
    return static, tails
