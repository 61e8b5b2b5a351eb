"""The route table: the rule of a method and a path, without Werkzeug's search.

Werkzeug's ``Map`` remains authoritative. The table returns a rule where the result is certain and
``None`` where it is not; the caller then asks the map's adapter, which finds the rule or raises
the error (not found, wrong method, redirect).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from threading import RLock

from werkzeug.routing import Map, Rule, RuleFactory
from werkzeug.routing.matcher import StateMachineMatcher

from ..typing import Values
from .patterns import PatternRule, Patterns
from .tree import Leaf, Node, Param, Texts, compile_tree, is_stock, search

Match = tuple[Rule | PatternRule, Values]

#: What the last segment of a path may be: one of these texts, or else a text that is accepted and
#: becomes the only argument of the rule.
Tail = tuple[dict[str, Node], Callable[[str], object], Rule, Param]


#: Shared by all tails without such texts.
_NOTHING: dict[str, Node] = {}


class Shortcuts:
    """The rules that are found for one method without a search.

    PERF: few objects lie on the way to a rule, so that 1,000 of them stay in the caches.
    """

    __slots__ = ("paths", "tails")

    def __init__(self) -> None:
        #: Leaves by path.
        self.paths: dict[str, Leaf] = {}
        #: Tails by the path before them.
        self.tails: dict[str, Tail] = {}


class RouteTable:
    """A compiled copy of *url_map*, which finds most rules without it.

    It is compiled at the first :meth:`find`, and anew after rules were added. A rule or map
    that is changed in place after that needs :meth:`reset`.
    """

    def __init__(self, url_map: Map, patterns: Patterns | None = None) -> None:
        self.url_map = url_map
        #: Tried when nothing in the table matches.
        self.patterns = patterns or Patterns()
        self._lock = RLock()
        self._wanted = 1
        self._compiled = 0
        self._stock = True
        self._root = Node()
        #: By method, the rules found without a search.
        self._shortcuts: dict[str, Shortcuts] = {}
        #: The only rule, where an application is one program, such as Tornado's.
        self._sole: PatternRule | None = None
        self._watch()

    def find(self, method: str, path: str) -> Match | None:
        """Return the rule and a new dictionary of arguments, or ``None``: ask Werkzeug.

        The result is that of ``url_map.bind("").match(path, method, return_rule=True)``: the
        map's default subdomain, no WebSocket; or else the first of `patterns` that matches.
        *path* is decoded and without the script name. Never raises: where a converter fails,
        Werkzeug raises the right error.

        PERF: 0.15 µs for a static path, 0.45 µs for ``/users/<int:id>`` (Werkzeug: 5 µs), however
        many routes there are (CPython 3.11).
        """
        if self._compiled != self._wanted:
            self._compile()
        if self._sole is not None:
            return self._sole, {}
        shortcuts = self._shortcuts.get(method)
        try:
            if shortcuts is not None:
                leaf = shortcuts.paths.get(path)
                if leaf is not None:
                    if leaf.rule is None:
                        return None
                    return leaf.rule, leaf.defaults.copy() if leaf.defaults else {}
                head, _, text = path.rpartition("/")
                tail = shortcuts.tails.get(head)
                if tail is not None:
                    static, accepts, rule, (name, convert) = tail
                    if text not in static and accepts(text):
                        return rule, {name: text if convert is None else convert(text)}

            # Werkzeug would strip leading slashes first.
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
        """Whether :meth:`find` runs no code of the program: it may then be called outside a
        context.

        A converter of the program may read the request or the session, and needs their context.
        """
        if self._compiled != self._wanted:
            self._compile()
        return self._stock

    def add_pattern(self, rule: PatternRule) -> None:
        """Add a rule after the other patterns."""
        with self._lock:
            self.patterns.add(rule)
            self.reset()

    def reset(self) -> None:
        """Compile anew before the next :meth:`find`."""
        with self._lock:
            self._wanted += 1

    def _watch(self) -> None:
        """Notice rules that are added later.

        NOTE: ``Map`` has no public sign of it (its own flag is cleared when a URL is built),
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
            self._shortcuts = _shortcuts(self._root)
            first = self.patterns.rules[0] if self.patterns.rules else None
            alone = first is not None and first.matches_all and not list(url_map.iter_rules())
            self._sole = first if alone else None
            self._stock = all(
                is_stock(converter)
                for rule in url_map.iter_rules()
                for converter in rule._converters.values()
            )
            self._compiled = self._wanted


def _is_plain(url_map: Map) -> bool:
    """Tell whether the map matches by paths alone, with Werkzeug's own code."""
    own = all(
        name not in vars(url_map) and getattr(type(url_map), name) is getattr(Map, name)
        for name in ("bind", "update")
    )
    return own and type(url_map._matcher) is StateMachineMatcher and not url_map.host_matching


def _answer(leaf: Leaf, values: Texts) -> Match | None:
    if leaf.rule is None:
        return None
    args: Values = {}
    for (name, convert), value in zip(leaf.params, values, strict=False):
        args[name] = value if convert is None else convert(value)
    args.update(leaf.defaults or ())
    return leaf.rule, args


def _shortcuts(root: Node) -> dict[str, Shortcuts]:
    """Return, by method, the rules without a dynamic segment, and those whose only one is the last.

    Static goes before dynamic at every segment, so these are what a search would try first.
    """
    made: defaultdict[str, Shortcuts] = defaultdict(Shortcuts)
    params: dict[Param, Param] = {}

    def collect(node: Node, path: str) -> None:
        if path.startswith("//"):  # never matches: Werkzeug strips leading slashes
            return
        for method, leaf in node.ends.items():
            if method is not None and path:
                made[method].paths[path] = leaf
        if node.lone is not None and path != "/":
            for method, leaf in node.lone.node.ends.items():
                if method is not None and leaf.rule is not None and leaf.single is not None:
                    param = params.setdefault(leaf.single, leaf.single)
                    tail = (node.static or _NOTHING, node.lone.accepts, leaf.rule, param)
                    made[method].tails[path] = tail
        for text, after in node.static.items():
            collect(after, f"{path}/{text}")

    collect(root, "")
    return dict(made)
