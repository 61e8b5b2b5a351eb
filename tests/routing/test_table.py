"""The route table answers as Werkzeug's map does, or not at all."""

from __future__ import annotations

import contextlib
import gc
import random
import re
import threading
import weakref
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, BuildError, Map, ValidationError
from werkzeug.routing import Rule as WerkzeugRule

from waterspout.routing import RouteTable, Rule


class Even(BaseConverter):
    regex = r"\d+"

    def to_python(self, value: str) -> Any:
        if int(value) % 2:
            raise ValidationError
        return ("even", int(value))


class Grouped(BaseConverter):
    """Has groups of its own, one of them named."""

    regex = r"(?P<letter>x|y)(z?)"


class MayBeEmpty(BaseConverter):
    regex = r"\w*"
    weight = 30


class Breaks(BaseConverter):
    weight = 20

    def to_python(self, value: str) -> Any:
        raise LookupError(value)


class Slashed(BaseConverter):
    regex = r"[ab](?:/[ab])*"


class LooksDefault(BaseConverter):
    """Same expression as the default converter, but may span segments."""

    regex = "[^/]{1,}"


CONVERTERS = {
    "even": Even,
    "grouped": Grouped,
    "empty": MayBeEmpty,
    "breaks": Breaks,
    "slashed": Slashed,
    "looks": LooksDefault,
}
STATIC = ("a", "b", "7", "x", "ü", "a.b", "12")
DYNAMIC = (
    "<{n}>",
    "<{n}>",
    "<int:{n}>",
    "<int:{n}>",
    "<int(min=5):{n}>",
    "<int(fixed_digits=2):{n}>",
    "<int(signed=True):{n}>",
    "<float:{n}>",
    "<any(a, b):{n}>",
    "<string(length=2):{n}>",
    "<string(minlength=2):{n}>",
    "<uuid:{n}>",
    "<path:{n}>",
    "<even:{n}>",
    "<grouped:{n}>",
    "<empty:{n}>",
    "<breaks:{n}>",
    "<slashed:{n}>",
    "<looks:{n}>",
    "v<int:{n}>",
    "<{n}>.txt",
    "<int:{n}>-<m{n}>",
)
PLAIN = ("<{n}>", "<int:{n}>", "<float:{n}>", "<any(a, b):{n}>", "<uuid:{n}>")
UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TEXTS = (*STATIC, "", "0", "13", "-4", "4.5", UUID, "v3", "xz", "zz", "n.txt", "3-q", "٣", "a\nb")
METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")


def random_path(rng: random.Random, dynamic: tuple[str, ...], share: float = 0.4) -> str:
    parts = []
    for number in range(rng.randint(0, 4)):
        if rng.random() < share:
            parts.append(rng.choice(dynamic).format(n=f"p{number}"))
        else:
            parts.append(rng.choice(STATIC))
    path = "/" + "/".join(parts)
    return path + "/" if parts and rng.random() < 0.3 else path


def random_rule(rng: random.Random, wild: bool) -> Rule:
    options: dict[str, Any] = {"endpoint": rng.choice("efghij")}
    if rng.random() < 0.9:
        options["methods"] = rng.sample(METHODS, rng.randint(1, 3))
    rare = rng.random() if wild else 1.0
    path = random_path(rng, DYNAMIC)
    if rare < 0.05:
        options["websocket"] = True
        options["methods"] = ["GET"]
    elif rare < 0.10:
        options["build_only"] = True
    elif rare < 0.15:
        options["redirect_to"] = "a/b"
    elif rare < 0.20:
        options["alias"] = True
    elif rare < 0.30:
        options["defaults"] = {rng.choice(("p0", "p1", "extra")): rng.choice((1, "a"))}
    elif rare < 0.35:
        options["subdomain"] = rng.choice(("www", "<sub>", "<empty:sub>"))
    elif rare < 0.45:
        options["strict_slashes"] = False
    elif rare < 0.50:
        options["merge_slashes"] = False
        path = path.replace("/a", rng.choice(("//a", "/a")))
    return Rule(path, **options)


def random_map(rng: random.Random, wild: bool) -> Map:
    options: dict[str, Any] = {"converters": CONVERTERS}
    if wild:
        options["strict_slashes"] = rng.random() < 0.8
        options["merge_slashes"] = rng.random() < 0.8
        options["redirect_defaults"] = rng.random() < 0.8
        options["default_subdomain"] = rng.choice(("", "", "", "www"))
        options["host_matching"] = rng.random() < 0.03
    url_map = Map(**options)
    for _ in range(rng.randint(1, 12)):
        # A default that its converter cannot write into a URL is refused.
        with contextlib.suppress(ValueError):
            url_map.add(random_rule(rng, wild))
    return url_map


def random_target(rng: random.Random) -> str:
    path = "/" + "/".join(rng.choice(TEXTS) for _ in range(rng.randint(0, 5)))
    return rng.choice(("", "/", "/a")) + path if rng.random() < 0.05 else path


def by_werkzeug(url_map: Map, method: str, path: str) -> tuple[WerkzeugRule, dict[str, Any]] | None:
    """Return Werkzeug's match, or ``None`` where it raises.

    Besides HTTP errors: what converters raise, here and in building the URL of an alias, and
    two of their expressions that do not go together in one segment.
    """
    try:
        rule, args = url_map.bind("").match(path, method, return_rule=True)
    except (HTTPException, BuildError, LookupError, ValueError, re.error):
        return None
    return rule, dict(args)


def check(table: RouteTable, method: str, path: str) -> tuple[bool, bool]:
    """Compare the two; return whether each has a match."""
    expected = by_werkzeug(table.url_map, method, path)
    found = table.find(method, path)
    if found is not None:
        assert expected is not None, (table.url_map, method, path, found)
        assert found[0] is expected[0], (table.url_map, method, path)
        assert list(found[1].items()) == list(expected[1].items())
        assert list(map(type, found[1].values())) == list(map(type, expected[1].values()))
    return expected is not None, found is not None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("wild", [False, True])
def test_equal_to_werkzeug_or_none(seed: int, wild: bool) -> None:
    """Over thousands of maps, paths and methods the table is never wrong."""
    rng = random.Random(f"{seed} {wild}")
    answered = 0
    for _ in range(120):
        table = RouteTable(random_map(rng, wild))
        for _ in range(60):
            method = rng.choice((*METHODS, "GET", "GET", "get", "Post"))
            answered += check(table, method, random_target(rng))[1]
    assert answered > 300


@pytest.mark.parametrize("seed", range(4))
def test_always_answers_on_plain_maps(seed: int) -> None:
    """Where nothing is out of the ordinary, whatever Werkzeug matches the table finds."""
    rng = random.Random(seed)
    matches = 0
    for _ in range(60):
        url_map = Map()
        for number in range(rng.randint(1, 12)):
            path = random_path(rng, PLAIN)
            url_map.add(Rule(path, endpoint=number, methods=rng.sample(METHODS, 2)))
        table = RouteTable(url_map)
        for _ in range(60):
            path = "/" + random_target(rng).lstrip("/")
            expected, found = check(table, rng.choice(METHODS), path)
            assert expected == found, (url_map, path)
            matches += expected
    assert matches > 100


def one(path: str, *rules: WerkzeugRule, method: str = "GET", **options: Any) -> Any:
    """Return endpoint and arguments the table finds for *path*, checked against Werkzeug."""
    table = RouteTable(Map(rules, **options))
    check(table, method, path)
    found = table.find(method, path)
    return None if found is None else (found[0].endpoint, found[1])


def test_static_goes_before_dynamic() -> None:
    rules = [Rule("/<name>", endpoint="any"), Rule("/me", endpoint="me", methods=["GET"])]
    assert one("/me", *[rule.empty() for rule in rules]) == ("me", {})
    assert one("/me", *[rule.empty() for rule in rules], method="HEAD") == ("me", {})
    assert one("/me", *rules, method="POST") == ("any", {"name": "me"})


def test_goes_back_where_a_branch_fails() -> None:
    rules = [
        Rule("/a/<int:n>/x", endpoint=1),
        Rule("/<name>/<int:n>/y", endpoint=2),
        Rule("/<name>/<other>/z", endpoint=3),
    ]
    assert one("/a/7/y", *[rule.empty() for rule in rules]) == (2, {"name": "a", "n": 7})
    assert one("/a/7/z", *rules) == (3, {"name": "a", "other": "7"})


def test_several_arguments_and_defaults() -> None:
    rule = Rule("/<int:y>/<m>/<uuid:u>", endpoint="e", defaults={"fmt": "html"})
    endpoint, args = one(f"/2024/may/{UUID}", rule)
    assert endpoint == "e"
    assert args["y"] == 2024
    assert args["m"] == "may"
    assert str(args["u"]) == UUID
    assert args["fmt"] == "html"


def test_files_below_a_path() -> None:
    rule = Rule("/static/<path:filename>", endpoint="static")
    assert one("/static/css/site.css", rule) == ("static", {"filename": "css/site.css"})


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/a", Rule("/a/")),
        ("/x/a", Rule("/<x>/a/")),
        ("/p/a", Rule("/p/<path:p>/")),
        ("//a", Rule("/a")),
        ("/a//b", Rule("/a/b")),
        ("/a", Rule("/a", redirect_to="b")),
        ("/a", Rule("/a", methods=["POST"])),
        ("/b", Rule("/a")),
        ("", Rule("/")),
        ("/3", Rule("/<int(min=5):n>")),
        ("/" + "9" * 5000, Rule("/<int:n>")),
        ("/a", Rule("/a", websocket=True)),
        ("/a", Rule("/a", subdomain="www")),
        ("/a", Rule("/a", build_only=True)),
    ],
)
def test_leaves_to_werkzeug_what_is_no_plain_match(path: str, rule: Rule) -> None:
    url_map = Map()
    url_map.add(rule)
    table = RouteTable(url_map)
    check(table, "GET", path)
    assert table.find("GET", path) is None


def test_leaves_default_redirects_to_werkzeug() -> None:
    """Werkzeug sends /all/page/1 to /all/; /all/page/2 is there, but needs the same look."""
    table = RouteTable(
        Map(
            [
                Rule("/all/", defaults={"page": 1}, endpoint="all"),
                Rule("/all/page/<int:page>", endpoint="all"),
            ]
        )
    )
    assert table.find("GET", "/all/page/1") is None
    assert table.find("GET", "/all/page/2") is None
    found = table.find("GET", "/all/")
    assert found is not None
    assert found[1] == {"page": 1}


def test_host_matching_is_left_to_werkzeug() -> None:
    assert one("/a", Rule("/a", host="example.org"), host_matching=True) is None


def test_a_map_of_the_programs_own_making_is_left_to_it() -> None:
    class Bilingual(Map):
        def bind(self, *args: Any, **kwargs: Any) -> Any:
            return super().bind(*args, **kwargs)

    assert RouteTable(Bilingual([Rule("/a")])).find("GET", "/a") is None


def test_the_default_subdomain_is_the_one_searched() -> None:
    rules = [Rule("/a", endpoint="www"), Rule("/a", endpoint="bare", subdomain="")]
    assert one("/a", *rules, default_subdomain="www") == ("www", {})


def test_a_rule_for_any_method_takes_capitals_only() -> None:
    """Werkzeug puts the method in capitals; the table does not guess what it would find then."""
    rules = [Rule("/<x>", endpoint="get", methods=["GET"]), Rule("/<x>", endpoint="rest")]
    assert one("/a", *[rule.empty() for rule in rules]) == ("get", {"x": "a"})
    assert one("/a", *[rule.empty() for rule in rules], method="BREW") == ("rest", {"x": "a"})
    assert one("/a", *rules, method="get") is None


def test_arguments_are_a_new_dictionary_each_time() -> None:
    """A url_value_preprocessor may take values out."""
    rules = [Rule("/a", defaults={"lang": "en"}, endpoint="a"), Rule("/<lang>/b", endpoint="b")]
    table = RouteTable(Map(rules))
    for path in ("/a", "/en/b"):
        first = table.find("GET", path)
        assert first is not None
        assert first[1].pop("lang") == "en"
        second = table.find("GET", path)
        assert second is not None
        assert second[1] == {"lang": "en"}


def test_rules_added_later_are_noticed() -> None:
    """Also when Werkzeug has put the map in order in between, by building a URL."""
    url_map = Map([Rule("/<name>", endpoint="any")])
    table = RouteTable(url_map)
    before = table.find("GET", "/me")
    url_map.add(Rule("/me", endpoint="me"))
    assert url_map.bind("").build("me") == "/me"
    after = table.find("GET", "/me")
    assert before is not None
    assert after is not None
    assert (before[0].endpoint, after[0].endpoint) == ("any", "me")


def test_converters_replaced_later_count_for_rules_added_later() -> None:
    """As in Werkzeug, a rule keeps the converters it was added with."""
    url_map = Map([Rule("/old/<int:n>")])
    table = RouteTable(url_map)
    assert table.stock_converters
    url_map.converters["int"] = Even
    url_map.add(Rule("/new/<int:n>"))
    old, new = table.find("GET", "/old/3"), table.find("GET", "/new/4")
    assert old is not None
    assert old[1] == {"n": 3}
    assert new is not None
    assert new[1] == {"n": ("even", 4)}
    assert table.find("GET", "/new/3") is None
    assert not table.stock_converters


def test_what_is_changed_in_place_counts_after_reset() -> None:
    rule = Rule("/a", methods=["GET"])
    table = RouteTable(Map([rule]))
    assert table.find("POST", "/a") is None
    assert rule.methods is not None
    rule.methods.add("POST")
    table.reset()
    assert table.find("POST", "/a") is not None


def test_rules_added_while_others_look() -> None:
    """Threads that match while rules are added see each rule as soon as it is there."""
    url_map = Map([Rule("/<name>", endpoint=-1)])
    table = RouteTable(url_map)
    done = threading.Event()
    errors: list[Any] = []

    def look() -> None:
        while not done.is_set():
            if table.find("GET", "/elsewhere") is None:
                errors.append("lost")

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(100):
        url_map.add(Rule(f"/r{number}", endpoint=number))
        found = table.find("GET", f"/r{number}")
        if found is None or found[0].endpoint != number:
            errors.append(number)
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_owner_of_a_table_is_freed_at_once() -> None:
    """The map and its table know each other; whoever holds them is in no circle."""

    class Owner:
        def __init__(self) -> None:
            self.url_map = Map([Rule("/a")])
            self.table = RouteTable(self.url_map)

    owner = Owner()
    owner.table.find("GET", "/a")
    gone = weakref.ref(owner)
    gc.disable()
    try:
        del owner
        assert gone() is None
    finally:
        gc.enable()
