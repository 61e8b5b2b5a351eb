"""Routes of Tornado's kind: matchers, rules, routers, and the index over them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from waterspout.tornado.core_adapter import app_of
from waterspout.tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from waterspout.tornado.routing import (
    AnyMatches,
    HostMatches,
    Matcher,
    PathMatches,
    ReversibleRouter,
    ReversibleRuleRouter,
    Router,
    Rule,
    RuleRouter,
    URLSpec,
)
from waterspout.tornado.routing.index import RuleIndex
from waterspout.tornado.web import Application, RequestHandler


def request(path: str, host: str = "localhost") -> HTTPServerRequest:
    return HTTPServerRequest(uri=path, host=host)


class Named(HTTPMessageDelegate):
    """A delegate that answers with a name."""

    def __init__(self, name: str, connection: Any = None) -> None:
        self.name, self.connection = name, connection

    def finish(self) -> None:
        body = self.name.encode()
        headers = HTTPHeaders({"Content-Length": str(len(body))})
        self.connection.write_headers(ResponseStartLine("", 200, "OK"), headers, body)
        self.connection.finish()


class Names(Router):
    """Takes requests below a path."""

    def __init__(self, name: str, below: str = "/") -> None:
        self.name, self.below = name, below

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Named | None:
        found = request.path.startswith(self.below)
        return Named(self.name, request.connection) if found else None


# -- matchers --------------------------------------------------------------------------------------


def test_paths_are_matched_as_sent_and_to_their_end() -> None:
    """Groups are unquoted bytes, by position or by name; None for one without a part."""
    match = PathMatches(r"/a/([^/]+)(/x)?").match
    assert match(request("/a/%2F%ff+?q=1")) == {"path_args": [b"/\xff+", None], "path_kwargs": {}}
    assert match(request("/a/b/c")) is None
    assert PathMatches("/a").match(request("/a")) == {}
    assert PathMatches("/a").match(request("/ab")) is None
    assert PathMatches(re.compile("/a")).match(request("/ab")) == {}
    named = PathMatches(r"/(?P<one>\w+)").match(request("/b"))
    assert named == {"path_args": [], "path_kwargs": {"one": b"b"}}


def test_groups_are_all_named_or_none() -> None:
    """A mixture cannot be handed on."""
    with pytest.raises(AssertionError, match="must either be all named or all positional"):
        PathMatches(r"/(a)/(?P<b>b)")


@pytest.mark.parametrize(
    ("pattern", "arguments", "url"),
    [
        ("/a", (), "/a"),
        ("^/a$", (), "/a"),
        (r"/a\.b/([0-9]+)/c", (7,), "/a.b/7/c"),
        ("/(.*)/(.*)", ("é /", b"\xff"), "/%C3%A9%20//%FF"),
        ("/(?P<one>.*)", ("x",), "/x"),
    ],
)
def test_urls_from_patterns(pattern: str, arguments: tuple[Any, ...], url: str) -> None:
    """Arguments are quoted in place of the groups."""
    assert PathMatches(pattern).reverse(*arguments) == url
    assert URLSpec(pattern, object).reverse(*arguments) == url


@pytest.mark.parametrize("pattern", [r"/\d+", r"/a(b(c))", r"/a\(b", r"/(?:a)"])
def test_patterns_without_a_url(pattern: str) -> None:
    """Reverse says so."""
    with pytest.raises(ValueError, match="Cannot reverse url regex"):
        PathMatches(pattern).reverse()


def test_a_url_needs_all_arguments() -> None:
    """Neither fewer nor more."""
    for arguments in ((), ("a", "b")):
        with pytest.raises(AssertionError, match="required number of arguments not found"):
            PathMatches("/(.*)").reverse(*arguments)


def test_hosts() -> None:
    """The name without the port, in lower case."""
    match = HostMatches(r"(www\.)?example\.com").match
    assert match(request("/", "WWW.example.com:8000")) == {}
    assert match(request("/", "example.com.evil")) is None


# -- routers ---------------------------------------------------------------------------------------


def test_the_first_rule_that_takes_the_request() -> None:
    """A target that takes nothing leaves it to the next rule."""
    router = RuleRouter(
        [
            ("/a/.*", Names("narrow", "/a/b")),
            (HostMatches("other"), Names("other host")),
            Rule(PathMatches("/a/.*"), Names("wide")),
        ]
    )

    def found(path: str, host: str = "localhost") -> str | None:
        delegate = router.find_handler(request(path, host))
        return delegate.name if isinstance(delegate, Named) else None

    assert [found("/a/b"), found("/a/c"), found("/c")] == ["narrow", "wide", None]
    assert found("/a/c", "other") == "other host"


def test_rules_may_change_at_any_time() -> None:
    """Added, inserted, replaced: the next request knows."""
    router = RuleRouter([("/a", Names("first"))])

    def found() -> str | None:
        delegate = router.find_handler(request("/a"))
        return delegate.name if isinstance(delegate, Named) else None

    assert found() == "first"
    router.rules.insert(0, Rule(AnyMatches(), Names("inserted")))
    assert found() == "inserted"
    router.rules[0] = Rule(AnyMatches(), Names("replaced"))
    assert found() == "replaced"
    router.rules = []
    assert found() is None
    router.add_rules([("/a", Names("added"))])
    assert found() == "added"


def test_urls_from_names(caplog: pytest.LogCaptureFixture) -> None:
    """Of the router's own rules, and of routers they lead to; the last of a name counts."""
    inner = ReversibleRuleRouter([("/inner/(.*)", object, {}, "inner")])
    router = ReversibleRuleRouter(
        [("/outer", object, {}, "outer"), (AnyMatches(), inner), ("/b", object, {}, "outer")]
    )
    assert router.reverse_url("inner", "x") == "/inner/x"
    assert router.reverse_url("outer") == "/b"
    assert router.reverse_url("none") is None
    assert "Multiple handlers named outer; replacing previous value" in caplog.text


def test_reprs_tell_the_rule() -> None:
    """For logs and the debugger."""
    assert repr(URLSpec("/a", dict, {"k": 1}, "n")) == (
        "URLSpec('/a$', <class 'dict'>, kwargs={'k': 1}, name='n')"
    )
    assert repr(Rule(AnyMatches(), dict)).endswith("<class 'dict'>, kwargs={}, name=None)")


def test_what_must_be_written_by_a_subclass() -> None:
    """The interfaces."""
    for call in (
        lambda: Router().find_handler(request("/")),
        lambda: ReversibleRouter().reverse_url("a"),
        lambda: Matcher().match(request("/")),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert Matcher().reverse() is None


class Delegate(HTTPServerConnectionDelegate):
    def start_request(self, server_conn: object, request_conn: Any) -> Named:
        return Named("delegate", request_conn)


def called(request: HTTPServerRequest, **kwargs: Any) -> None:
    delegate = Named(f"called {request.body.decode()}", request.connection)
    delegate.finish()


class Hello(RequestHandler):
    def get(self) -> None:
        self.write("handler")


def test_every_kind_of_target_is_served(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers, lists of rules, routers, delegates, functions, applications, import paths;
    404 where there is none."""
    application = Application(
        [
            (HostMatches("list"), [("/in", Hello)]),
            ("/router", Names("router")),
            ("/delegate", Delegate()),
            ("/called", called),
            ("/application/.*", Application([("/application/in", Hello)])),
            ("/path", f"{__name__}.Hello"),
        ]
    )
    client = app_of(application).test_client()
    targets = ["/router", "/delegate", "/application/in", "/path"]
    assert [client.get(target).text for target in targets] == [
        *("router", "delegate", "handler", "handler")
    ]
    assert client.post("/called", data=b"body").text == "called body"
    assert client.get("/in", headers={"Host": "list"}).text == "handler"
    assert client.get("/in").status_code == 404
    assert client.get("/application/out").status_code == 404


def test_a_router_by_itself_is_served(caplog: pytest.LogCaptureFixture) -> None:
    """A server takes any router; what it does not know is 404."""
    client = app_of(RuleRouter([("/a", Names("a"))])).test_client()
    assert client.get("/a").text == "a"
    assert client.get("/b").status_code == 404


# -- the index -------------------------------------------------------------------------------------

PATTERNS = [
    *("/", "/a", "/a/", "/a/b", "/a/(.*)", "/a/b/(.*)", "/a/?", "/a/*", "/a/+", "/a(/.*)?"),
    *("/ab", "/a|/b", "(/a|/b)", "/a/(x|y)", r"/a\.b", "/a.b", r"/a\/b", "/b/.*", "", ".*", "/.*"),
    *(
        "/(.*)",
        "^/a$",
        "^/a/.*",
        "(?i)/a/b",
        "/a/[/]",
        "/a/{2}",
        "/a{1}/b",
        "/é",
        r"/a\/",
        "/a[|]b",
    ),
    *("//b", "/b/", "/ab/.*", "/a/(?:b|c)/d", "/b{0,1}/c"),
]
PATHS = [
    *("", "/", "/a", "/a/", "/a//", "/a/b", "/a/x", "/a/b/c", "/A/B", "/b", "/b/c", "/ab", "/ab/c"),
    *("/a.b", "/axb", "*", "http://x/a", "/é", "//", "//b", "/a|b", "/c", "/a/b/d", "a"),
]


@pytest.mark.parametrize("path", PATHS)
def test_the_index_leaves_no_match_out(path: str) -> None:
    """The rules that match a path are among its candidates, in order."""
    rules = [Rule(PathMatches(pattern), number) for number, pattern in enumerate(PATTERNS)]
    rules.insert(7, Rule(AnyMatches(), None))
    for some in (rules, rules[::-1], rules[::3], rules[1::3], rules[2::3]):
        candidates = RuleIndex(some).candidates(path)
        matching = [rule for rule in some if rule.matcher.match(request(path or "?")) is not None]
        assert [rule for rule in candidates if rule in matching] == matching
        assert candidates == [rule for rule in some if rule in candidates]


def test_the_index_asks_few_rules() -> None:
    """The rules for other paths and other segments are not asked."""
    patterns = [f"/p{n}" for n in range(50)] + [f"/s{n}/(.*)" for n in range(50)]
    index = RuleIndex([Rule(PathMatches(pattern), None) for pattern in patterns])
    assert len(index.candidates("/p7")) == 1
    assert len(index.candidates("/s7/anything")) == 1
    assert index.candidates("/other") == []


def test_a_matcher_of_the_program_is_always_asked() -> None:
    """What a subclass matches cannot be told beforehand."""

    class Anything(PathMatches):
        def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
            return {}

    rule = Rule(Anything("/only/this"), None)
    assert RuleIndex([rule]).candidates("/other") == [rule]
