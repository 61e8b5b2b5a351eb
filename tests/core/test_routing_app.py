"""Routes, converters and URLs of an application, as its visitors see them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from core_ways import Way
from werkzeug.routing import BaseConverter, BuildError, ValidationError

from waterspout import App, Blueprint, current_app, g, redirect, request, url_for

KEY = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def echo(**values: Any) -> dict[str, str]:
    return {name: f"{type(value).__name__} {value}" for name, value in values.items()}


class ListConverter(BaseConverter):
    """Values joined by ``+``."""

    part_isolating = False

    def to_python(self, value: str) -> list[str]:
        if value == "none":
            raise ValidationError
        return value.split("+")

    def to_url(self, value: Any) -> str:
        return "+".join(super(ListConverter, self).to_url(one) for one in value)


class Digits(BaseConverter):
    regex = r"\d{3}"


RULES = [
    "/string/<x>",
    "/length/<string(length=2):x>",
    "/int/<int:x>",
    "/signed/<int(signed=True):x>",
    "/limited/<int(min=2, max=9):x>",
    "/float/<float:x>",
    "/path/<path:x>/end",
    "/uuid/<uuid:x>",
    "/any/<any(red, green):x>",
    "/list/<list:x>",
    "/digits/<digits:x>",
    "/two/<int:y>-<x>.html",
]

MATCHED: list[tuple[str, dict[str, str] | int]] = [
    ("/string/a%20b", {"x": "str a b"}),
    ("/string/%E4%BD%A0", {"x": "str 你"}),
    ("/string/a/b", 404),
    ("/length/ab", {"x": "str ab"}),
    ("/length/abc", 404),
    ("/int/007", {"x": "int 7"}),
    ("/int/-7", 404),
    ("/int/x", 404),
    ("/signed/-7", {"x": "int -7"}),
    ("/limited/9", {"x": "int 9"}),
    ("/limited/10", 404),
    ("/float/1.50", {"x": "float 1.5"}),
    ("/float/1", 404),
    ("/path/a/b/c/end", {"x": "str a/b/c"}),
    (f"/uuid/{KEY}", {"x": f"UUID {KEY}"}),
    ("/uuid/6ba7b810", 404),
    ("/any/green", {"x": "str green"}),
    ("/any/blue", 404),
    ("/list/a+b", {"x": "list ['a', 'b']"}),
    ("/list/none", 404),
    ("/digits/012", {"x": "str 012"}),
    ("/digits/12", 404),
    ("/two/3-name.html", {"y": "int 3", "x": "str name"}),
]


@pytest.fixture
def converters(app: App, way: Way) -> App:
    """An application with one route for each converter, its own ones included."""
    app.url_map.converters["list"] = ListConverter
    app.url_map.converters["digits"] = Digits
    for rule in RULES:
        app.add_url_rule(rule, rule.split("/")[1], way.fn(echo))
    return app


def test_converters(converters: App, way: Way) -> None:
    """What fits comes as the converter's type, what does not is a 404."""
    ask = way.serve(converters)
    said = []
    for path, _ in MATCHED:
        answer = ask(path)
        said.append((path, converters.json.loads(answer.body) if answer.status == 200 else 404))
    assert said == MATCHED


def test_values_become_urls_again(converters: App, way: Way) -> None:
    """`url_for` gives the URL that matches with the same values."""

    @converters.get("/build")
    @way.fn
    def build() -> dict[str, str]:
        return {
            "list": url_for("list", x=["a", "b c"]),
            "uuid": url_for("uuid", x=KEY),
            "path": url_for("path", x="a/b c"),
            "float": url_for("float", x=1.5),
            "string": url_for("string", x="a?你"),
            "two": url_for("two", x="n", y=4),
        }

    assert converters.json.loads(way.serve(converters)("/build").body) == {
        "list": "/list/a+b%20c",
        "uuid": f"/uuid/{KEY}",
        "path": "/path/a/b%20c/end",
        "float": "/float/1.5",
        "string": "/string/a%3F%E4%BD%A0",
        "two": "/two/4-n.html",
    }


def test_methods_head_options_and_405(app: App, way: Way) -> None:
    """Shortcuts, several methods and rules for a view, HEAD and OPTIONS by themselves."""
    for verb in ("get", "post", "put", "patch", "delete"):
        getattr(app, verb)("/verb", endpoint=verb)(way.fn(lambda verb=verb: verb))
    app.add_url_rule("/many", "many", way.fn(lambda: request.method), methods=["GET", "REPORT"])
    app.route("/one")(app.route("/other")(way.fn(lambda: str(request.url_rule))))
    no_options = way.fn(lambda: "x")
    app.add_url_rule("/mute", "mute", no_options, provide_automatic_options=False)
    ask = way.serve(app)
    for verb in ("get", "post", "put", "patch", "delete"):
        assert ask("/verb", verb.upper()).text == verb
    assert ask("/many", "REPORT").text == "REPORT"
    assert (ask("/one").text, ask("/other").text) == ("/one", "/other")
    head = ask("/many", "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "4")
    options = ask("/verb", "OPTIONS")
    assert set(options.headers["Allow"].split(", ")) == {
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    }
    refused = ask("/many", "DELETE")
    assert refused.status == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "REPORT"}
    assert ask("/mute", "OPTIONS").status == 405


def test_slashes_defaults_and_redirects(app: App, way: Way) -> None:
    """The trailing slash, doubled slashes, `strict_slashes`, `defaults`, `redirect_to`."""
    show = way.fn(lambda **values: f"{request.path} {sorted(values.items())}")
    app.add_url_rule("/folder/", "folder", show)
    app.add_url_rule("/loose/", "loose", show, strict_slashes=False)
    app.add_url_rule("/page/", "page", show, defaults={"number": 1})
    app.add_url_rule("/page/<int:number>", "page", show)
    app.add_url_rule("/old/<int:number>", "old", redirect_to="page/<number>")
    app.add_url_rule("/merge/<x>/end", "merge", show)
    ask = way.serve(app)
    moved = {
        "/folder?a=b": (308, "/folder/?a=b"),
        "/page/1": (308, "/page/"),
        "/old/3": (308, "/page/3"),
        "/merge//x//end": (308, "/merge/x/end"),
    }
    for path, (status, where) in moved.items():
        said = ask(path)
        found = said.headers["Location"]
        assert (said.status, "/" + found.split("/", 3)[3] if "//" in found else found) == (
            status,
            where,
        )
    assert ask("/folder/").text == "/folder/ []"
    assert ask("/loose").text == "/loose []"
    assert ask("/page/").text == "/page/ [('number', 1)]"
    assert ask("/page/2").text == "/page/2 [('number', 2)]"


def test_hosts_and_subdomains(way: Way) -> None:
    """`host=` with host matching, `subdomain=` below SERVER_NAME."""
    hosted = App("hosted", host_matching=True, static_host="static.test")
    hosted.add_url_rule("/", "a", way.fn(lambda: "a"), host="a.test")
    hosted.add_url_rule("/", "any", way.fn(lambda name: f"any {name}"), host="<name>.b.test")
    ask = way.serve(hosted)
    for host, text in (("a.test", "a"), ("x.b.test", "any x")):
        assert ask("/", headers={"Host": host}).text == text
    assert ask("/", headers={"Host": "c.test"}).status == 404

    below = App("below", subdomain_matching=True)
    below.config["SERVER_NAME"] = "site.test"
    below.add_url_rule("/", "index", way.fn(lambda: "index"))
    below.add_url_rule("/", "sub", way.fn(lambda user: f"user {user}"), subdomain="<user>")
    ask = way.serve(below)
    for host, text in (("site.test", "index"), ("me.site.test", "user me")):
        assert ask("/", headers={"Host": host}).text == text


def test_the_map_can_be_read(app: App) -> None:
    """`url_map`, `iter_rules`, and rules added to it directly."""
    app.add_url_rule("/x/<int:n>", "x", echo, methods=["POST"])
    (rule,) = app.url_map.iter_rules("x")
    assert (rule.rule, rule.endpoint, rule.methods) == ("/x/<int:n>", "x", {"POST", "OPTIONS"})
    assert {found.endpoint for found in app.url_map.iter_rules()} == {"static", "x"}
    with pytest.raises(AssertionError, match="overwriting an existing endpoint function: x"):
        app.add_url_rule("/y", "x", lambda: "other")
    with pytest.raises(TypeError, match="list of strings"):
        app.add_url_rule("/z", "z", echo, methods="GET")


def test_urls_in_a_request(app: App, way: Way) -> None:
    """Path, query, anchor, method, scheme, absolute; relative to the blueprint."""
    blue = Blueprint("blue", __name__, url_prefix="/blue")
    made: dict[str, Any] = {
        "path and query": lambda: url_for("item", id=1, q="a b", tag=["x", "y"], none=None),
        "anchor": lambda: url_for("item", id=1, _anchor="sec tion"),
        "method": lambda: url_for("both", _method="POST", id=3),
        "external": lambda: url_for("item", id=1, _external=True),
        "scheme": lambda: url_for("item", id=1, _scheme="https"),
        "relative": lambda: url_for(".index"),
        "of the app": lambda: url_for("item", id=2),
        "by the app": lambda: current_app.url_for("blue.index"),
        "static": lambda: url_for("static", filename="a/b.css"),
    }
    app.add_url_rule("/item/<int:id>", "item", way.fn(echo))
    app.add_url_rule("/both", "both", way.fn(echo), methods=["GET"])
    app.add_url_rule("/both/<int:id>", "both", methods=["POST"])
    blue.add_url_rule("/", "index", way.fn(lambda: {key: make() for key, make in made.items()}))
    app.register_blueprint(blue)
    said = app.json.loads(way.serve(app)("/blue/", headers={"Host": "me.test:81"}).body)
    assert said == {
        "path and query": "/item/1?q=a+b&tag=x&tag=y",
        "anchor": "/item/1#sec%20tion",
        "method": "/both/3",
        "external": "http://me.test:81/item/1",
        "scheme": "https://me.test:81/item/1",
        "relative": "/blue/",
        "of the app": "/item/2",
        "by the app": "/blue/",
        "static": "/static/a/b.css",
    }


def test_urls_outside_a_request(app: App) -> None:
    """They need SERVER_NAME, and then are absolute; the error says so."""
    app.add_url_rule("/item/<int:id>", "item", echo)
    with app.app_context(), pytest.raises(RuntimeError, match="SERVER_NAME"):
        url_for("item", id=1)
    app.config.update(SERVER_NAME="site.test", PREFERRED_URL_SCHEME="https")
    with app.app_context():
        assert url_for("item", id=1) == "https://site.test/item/1"
        assert url_for("item", id=1, _external=False) == "/item/1"


def test_what_cannot_be_built(app: App, way: Way) -> None:
    """`BuildError` with a hint; handlers of the app may step in."""
    app.add_url_rule("/item/<int:id>", "item", way.fn(echo))

    @app.get("/try")
    @way.fn
    def attempt() -> str:
        with pytest.raises(BuildError, match="Did you mean 'item' instead"):
            url_for("itme", id=1)
        with pytest.raises(BuildError, match=r"Did you forget to specify values \['id'\]"):
            url_for("item")
        app.url_build_error_handlers.append(lambda error, endpoint, values: f"!{endpoint}")
        return url_for("nowhere")

    assert way.serve(app)("/try").text == "!nowhere"


def test_url_defaults_and_preprocessors(app: App, way: Way) -> None:
    """A language code is taken from every URL and put into every one."""
    site = Blueprint("site", __name__, url_prefix="/<lang>")

    @site.url_value_preprocessor
    @way.fn
    def take(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        g.lang = values.pop("lang")

    @site.url_defaults
    def put(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", g.lang)

    site.get("/about", endpoint="about")(way.fn(lambda: f"{g.lang} {url_for('.about')}"))
    site.get("/go", endpoint="go")(way.fn(lambda: redirect(url_for(".about", lang="fr"))))
    app.register_blueprint(site)
    ask = way.serve(app)
    assert ask("/de/about").text == "de /de/about"
    assert ask("/de/go").headers["Location"] == "/fr/about"
