"""Blueprints and what they share with applications."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import waterspout
from waterspout import Blueprint, g, render_template_string, request, session, url_for
from waterspout.application.scaffold import Scaffold
from waterspout.blueprints import BlueprintSetupState
from waterspout.flask import Flask


@pytest.fixture(params=[waterspout.App, Flask])
def app(request: pytest.FixtureRequest) -> Any:
    app = request.param("program", root_path="/nowhere", static_folder=None)
    app.testing = True
    return app


def text(app: Any, path: str, status: int = 200, method: str = "GET") -> str:
    response = app.test_client().open(path, method=method)
    assert response.status_code == status
    body: str = response.get_data(as_text=True)
    return body


def rules(app: Any) -> dict[str, str]:
    return {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}


# -- routes --------------------------------------------------------------------------


def test_prefix_and_name_go_before_rule_and_endpoint(app: Any) -> None:
    bp = Blueprint("shop", __name__, url_prefix="/shop/")

    @bp.route("/item/<int:number>")
    async def item(number: int) -> str:
        return f"{number} {request.endpoint} {request.blueprint} {url_for('.item', number=7)}"

    @bp.route("")
    def index() -> str:
        return url_for("shop.index")

    app.register_blueprint(bp)
    assert rules(app) == {"shop.item": "/shop/item/<int:number>", "shop.index": "/shop/"}
    assert text(app, "/shop/item/3") == "3 shop.item shop /shop/item/7"
    assert text(app, "/shop/") == "/shop/"


def test_registering_may_give_another_name_prefix_and_defaults(app: Any) -> None:
    """One blueprint, three times."""
    bp = Blueprint("page", __name__, url_prefix="/a", url_defaults={"lang": "en", "size": "s"})

    @bp.get("/")
    def show(lang: str, size: str) -> str:
        return f"{request.endpoint} {lang} {size}"

    app.register_blueprint(bp)
    app.register_blueprint(bp, name="de", url_prefix="/b", url_defaults={"lang": "de"})
    app.register_blueprint(bp, name="top", url_prefix="/")
    assert text(app, "/a/") == "page.show en s"
    assert text(app, "/b/") == "de.show de s"
    assert text(app, "/") == "top.show en s"


def test_a_rules_own_defaults_win(app: Any) -> None:
    bp = Blueprint("page", __name__, url_defaults={"lang": "en", "size": "s"})

    @bp.get("/", defaults={"lang": "fr"})
    def show(lang: str, size: str) -> str:
        return lang + size

    app.register_blueprint(bp)
    assert text(app, "/") == "frs"


def test_route_options_reach_the_rule(app: Any) -> None:
    """Werkzeug's and our own."""
    bp = Blueprint("jobs", __name__, url_prefix="/jobs")

    @bp.post("/", timeout=5, on_disconnect="cancel", max_content_length=10, strict_slashes=False)
    def add() -> str:
        return "added"

    @bp.get("/big", stream=True, endpoint="large")
    async def big() -> str:
        return "big"

    app.register_blueprint(bp)
    by_endpoint = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    rule = by_endpoint["jobs.add"]
    assert rule.methods == {"POST", "OPTIONS"}
    assert (rule.timeout, rule.on_disconnect, rule.max_content_length) == (5, "cancel", 10)
    assert rule.strict_slashes is False
    assert by_endpoint["jobs.large"].stream is True


def test_a_method_shortcut_takes_no_methods(app: Any) -> None:
    for shortcut in (app.get, app.post, app.put, app.delete, app.patch):
        with pytest.raises(TypeError, match="Use the 'route' decorator"):
            shortcut("/", methods=["GET"])


def test_shortcuts_go_through_method_route() -> None:
    """Apiflask overrides it."""
    seen = []

    class Recording(Blueprint):
        def _method_route(self, method: str, rule: str, options: dict[str, Any]) -> Any:
            seen.append((method, rule, options))
            return super()._method_route(method, rule, options)

    bp = Recording("r", __name__)
    for shortcut in (bp.get, bp.post, bp.put, bp.delete, bp.patch):
        shortcut("/x", endpoint="e")(lambda: "")
    assert [method for method, _, _ in seen] == ["GET", "POST", "PUT", "DELETE", "PATCH"]
    assert seen[0] == ("GET", "/x", {"endpoint": "e"})


def test_a_view_may_follow_its_rule(app: Any) -> None:
    bp = Blueprint("late", __name__)
    bp.add_url_rule("/x", endpoint="x")
    app.register_blueprint(bp)

    @app.endpoint("late.x")
    def view() -> str:
        return "here"

    assert text(app, "/x") == "here"


def test_names_with_dots_are_refused() -> None:
    """A dot parts the names of nested blueprints."""
    with pytest.raises(ValueError, match="'name' may not contain a dot"):
        Blueprint("a.b", __name__)
    with pytest.raises(ValueError, match="'name' may not be empty"):
        Blueprint("", __name__)
    bp = Blueprint("a", __name__)

    def view() -> str:
        return ""

    with pytest.raises(ValueError, match="'endpoint' may not contain a dot"):
        bp.add_url_rule("/", endpoint="a.b", view_func=view)
    view.__name__ = "a.b"
    with pytest.raises(ValueError, match="'view_func' name may not contain a dot"):
        bp.add_url_rule("/", view_func=view)


def test_an_endpoint_needs_a_name(app: Any) -> None:
    with pytest.raises(AssertionError, match="expected view func"):
        app.add_url_rule("/")


# -- nesting -------------------------------------------------------------------------


def nest(*path: tuple[str, str | None, dict[str, Any]]) -> Blueprint:
    """Return blueprints within each other, each (name, prefix, options), each with one view."""
    (name, prefix, _), *below = path
    bp = Blueprint(name, __name__, url_prefix=prefix)
    bp.add_url_rule("/here", "here", lambda: str(request.blueprints))
    if below:
        bp.register_blueprint(nest(*below), **below[0][2])
    return bp


def test_nested_prefixes_and_names_are_joined(app: Any) -> None:
    app.register_blueprint(nest(("a", "/a", {}), ("b", "/b/", {}), ("c", None, {})))
    assert rules(app) == {"a.here": "/a/here", "a.b.here": "/a/b/here", "a.b.c.here": "/a/b/here"}
    assert list(app.blueprints) == ["a", "a.b", "a.b.c"]
    assert text(app, "/a/here") == "['a']"
    assert text(app, "/a/b/here") == "['a.b', 'a']"


def test_nesting_may_give_another_name_and_prefix(app: Any) -> None:
    app.register_blueprint(
        nest(("a", "/a", {}), ("b", "/b", {"name": "x", "url_prefix": "/y"})), url_prefix="/top"
    )
    assert rules(app) == {"a.here": "/top/here", "a.x.here": "/top/y/here"}


def test_nested_subdomains_are_joined() -> None:
    app = waterspout.App("program", root_path="/nowhere", static_folder=None)
    inner = Blueprint("inner", __name__, subdomain="api")
    inner.add_url_rule("/", "index", lambda: "")
    outer = Blueprint("outer", __name__)
    outer.register_blueprint(inner)
    outer.add_url_rule("/", "index", lambda: "")
    app.register_blueprint(outer, subdomain="shop")
    assert {rule.endpoint: rule.subdomain for rule in app.url_map.iter_rules()} == {
        "outer.index": "shop",
        "outer.inner.index": "api.shop",
    }


def test_a_name_is_taken_once(app: Any) -> None:
    app.register_blueprint(nest(("a", "/a", {}), ("b", "/b", {})))
    with pytest.raises(ValueError, match="'a' is already registered for a different blueprint"):
        app.register_blueprint(Blueprint("a", __name__))
    with pytest.raises(ValueError, match=r"'b' is already .* for this blueprint 'a.b'"):
        app.register_blueprint(app.blueprints["a.b"], name_prefix="a")


def test_a_blueprint_is_not_nested_in_itself() -> None:
    bp = Blueprint("a", __name__)
    with pytest.raises(ValueError, match="Cannot register a blueprint on itself"):
        bp.register_blueprint(bp)


# -- hooks and handlers ----------------------------------------------------------------


def test_hooks_see_the_views_of_their_blueprint(app: Any) -> None:
    """From outside in before the view, from inside out after it; def and async def."""
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    log: list[str] = []

    def hooks(target: Any, name: str) -> None:
        @target.before_request
        async def before() -> None:
            log.append(f"before {name}")

        @target.after_request
        def after(response: Any) -> Any:
            log.append(f"after {name}")
            return response

        @target.teardown_request
        async def teardown(error: BaseException | None) -> None:
            log.append(f"teardown {name}")

    for target, name in ((app, "app"), (outer, "outer"), (inner, "inner")):
        hooks(target, name)
    app.add_url_rule("/", "index", lambda: "")
    inner.add_url_rule("/inner", "index", lambda: "")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    text(app, "/")
    assert log == ["before app", "after app", "teardown app"]
    log.clear()
    text(app, "/inner")
    names = ("app", "outer", "inner")
    assert log == [
        *(f"before {name}" for name in names),
        *(f"{stage} {name}" for stage in ("after", "teardown") for name in reversed(names)),
    ]


def test_app_wide_hooks_of_a_blueprint(app: Any) -> None:
    """Registered once, even if the blueprint is registered twice."""
    bp = Blueprint("bp", __name__)
    log: list[str] = []

    @bp.before_app_request
    def before() -> None:
        log.append("before")

    @bp.after_app_request
    async def after(response: Any) -> Any:
        log.append("after")
        return response

    @bp.teardown_app_request
    def teardown(error: BaseException | None) -> None:
        log.append("teardown")

    @bp.app_url_value_preprocessor
    def take_language(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        g.lang = values.pop("lang", None)

    @bp.app_url_defaults
    def give_language(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", g.lang)

    @bp.app_context_processor
    def shout() -> dict[str, Any]:
        return {"shouted": g.lang.upper()}

    @app.get("/<lang>/")
    def index() -> str:
        return url_for("index") + render_template_string("{{ shouted }}")

    app.register_blueprint(bp)
    app.register_blueprint(bp, name="again")
    assert text(app, "/en/") == "/en/EN"
    assert log == ["before", "after", "teardown"]


def test_url_values_and_defaults_of_a_blueprint(app: Any) -> None:
    """Its own URLs alone."""
    bp = Blueprint("bp", __name__, url_prefix="/<lang>")

    @bp.url_value_preprocessor
    def take(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        g.lang = values.pop("lang")

    @bp.url_defaults
    def give(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", g.lang)

    @bp.context_processor
    def names() -> dict[str, Any]:
        return {"lang": g.lang}

    @bp.get("/")
    def index() -> str:
        return url_for(".index") + url_for("other") + render_template_string("{{ lang }}")

    @app.get("/other")
    def other() -> str:
        return render_template_string("{{ lang is defined }}")

    app.register_blueprint(bp)
    assert text(app, "/fr/") == "/fr//otherfr"
    assert text(app, "/other") == "False"


def test_templates_of_a_blueprint_see_the_standard_names(app: Any) -> None:
    bp = Blueprint("bp", __name__)

    @bp.get("/")
    def index() -> str:
        g.x = 1
        return render_template_string("{{ request.path }} {{ g.x }} {{ session is defined }}")

    app.register_blueprint(bp)
    assert text(app, "/") == "/ 1 True"
    assert session is not None


def test_error_handlers_nearest_first(app: Any) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)

    class Trouble(Exception):
        pass

    @app.errorhandler(Trouble)
    def of_app(error: Exception) -> str:
        return "app"

    @outer.errorhandler(Trouble)
    async def of_outer(error: Exception) -> str:
        return "outer"

    @inner.app_errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        return "none", 404

    def fail() -> str:
        raise Trouble

    for target in (app, outer, inner):
        target.add_url_rule(f"/{target.name}", "fail", fail)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert text(app, "/program") == "app"
    assert text(app, "/outer") == "outer"
    assert text(app, "/inner") == "outer"
    assert text(app, "/nowhere", 404) == "none"


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        (999, ValueError, "'999' is not a recognized HTTP error code"),
        (ValueError("x"), TypeError, "is an instance, not a class"),
        (dict, ValueError, "'dict' is not a subclass of Exception"),
    ],
)
def test_error_handlers_are_for_errors(what: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Blueprint("bp", __name__).register_error_handler(what, lambda error: "")


# -- templates and files ---------------------------------------------------------------


def test_template_functions_with_and_without_parentheses(app: Any) -> None:
    """Filters, tests and globals; once for each application."""
    bp = Blueprint("bp", __name__)

    @bp.app_template_filter
    def backwards(value: str) -> str:
        return value[::-1]

    @bp.app_template_filter("twice")
    def two(value: str) -> str:
        return value * 2

    @bp.app_template_test()
    def short(value: str) -> bool:
        return len(value) < 3

    @bp.app_template_test
    def lengthy(value: str) -> bool:
        return not short(value)

    @bp.app_template_global(name="answer")
    def forty_two() -> int:
        return 42

    @bp.app_template_global
    def one() -> int:
        return 1

    bp.add_app_template_filter(str.upper, "loud")
    bp.add_app_template_test(str.isdigit, "digits")
    bp.add_app_template_global(lambda: 2, "two")
    app.register_blueprint(bp)
    with app.app_context():
        assert (
            render_template_string(
                "{{ 'abc'|backwards|twice|loud }} {{ 'ab' is short }} {{ 'ab' is lengthy }}"
                " {{ '12' is digits }} {{ answer() }} {{ one() + two() }}"
            )
            == "CBACBA True False True 42 3"
        )


def test_folders_of_a_blueprint(app: Any, tmp_path: Path) -> None:
    """Static files, templates and resources below its root path."""
    for folder, name, content in (("files", "a.txt", "static"), ("pages", "p.html", "page")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)

    class Cached(Blueprint):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 100

    bp = Cached(
        "bp",
        __name__,
        root_path=str(tmp_path),
        static_folder=Path("files/"),
        template_folder="pages",
        url_prefix="/bp",
    )
    assert bp.has_static_folder
    assert (bp.static_folder, bp.static_url_path) == (str(tmp_path / "files"), "/files")

    @bp.get("/")
    def index() -> str:
        return waterspout.render_template("p.html") + url_for(".static", filename="a.txt")

    app.register_blueprint(bp)
    assert text(app, "/bp/") == "page/bp/files/a.txt"
    with app.test_client().get("/bp/files/a.txt") as response:
        assert response.get_data() == b"static"
        assert response.cache_control.max_age == 100
    assert text(app, "/bp/files/../pages/p.html", 404)

    with bp.open_resource("files/a.txt") as file:
        assert file.read() == b"static"
    with bp.open_resource("files/a.txt", "r", encoding="utf-8") as file:
        assert file.read() == "static"
    with pytest.raises(ValueError, match="only be opened for reading"):
        bp.open_resource("files/a.txt", "w")


def test_how_long_files_are_kept_is_a_setting(app: Any) -> None:
    """Seconds or a timedelta; by default the client asks each time."""
    bp = Blueprint("bp", __name__)
    with app.app_context():
        assert bp.get_send_file_max_age("a") is None
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 20
        assert bp.get_send_file_max_age("a") == 20


def test_without_a_static_folder() -> None:
    bp = Blueprint("bp", __name__)
    assert (bp.has_static_folder, bp.static_folder, bp.static_url_path) == (False, None, None)
    assert bp.jinja_loader is None
    with pytest.raises(RuntimeError, match="'static_folder' must be set"):
        bp.send_static_file("a.txt")
    bp.static_url_path = "/s/"
    assert bp.static_url_path == "/s"


# -- registration ----------------------------------------------------------------------


def test_what_extensions_record(app: Any) -> None:
    bp = Blueprint("bp", __name__)
    log: list[Any] = []
    bp.record(lambda state: log.append((state.name, state.first_registration, state.options)))
    bp.record_once(lambda state: log.append("once"))
    app.register_blueprint(bp)
    app.register_blueprint(bp, name="again", extra=1)
    assert log == [("bp", True, {}), "once", ("again", False, {"name": "again", "extra": 1})]


def test_set_up_ends_with_registration(app: Any) -> None:
    """And the error says so."""
    bp = Blueprint("bp", __name__)
    app.register_blueprint(bp)
    with pytest.raises(AssertionError, match="'before_request' can no longer be called on the"):
        bp.before_request(lambda: None)
    with pytest.raises(AssertionError, match="'get' can no longer be called"):
        bp.get("/")


def test_the_setup_state_may_be_another_class(app: Any) -> None:
    class State(BlueprintSetupState):
        def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
            super().add_url_rule("/v1" + rule, *args, **options)

    class Versioned(Blueprint):
        def make_setup_state(self, *args: Any, **kwargs: Any) -> State:
            return State(self, *args, **kwargs)

    bp = Versioned("bp", __name__)
    bp.add_url_rule("/x", "x", lambda: "")
    app.register_blueprint(bp)
    assert rules(app) == {"bp.x": "/v1/x"}


def test_add_url_rule_of_the_state_may_be_replaced(app: Any, monkeypatch: Any) -> None:
    """Restx and restful do so, on the instance and keep the old one beside it."""

    def on_instance(state: BlueprintSetupState) -> None:
        original = state.add_url_rule
        state.add_url_rule = lambda rule, *a, **kw: original(  # type: ignore[method-assign]
            rule.replace("x", "y"), *a, **kw
        )

    bp = Blueprint("bp", __name__)
    bp.record(on_instance)
    bp.add_url_rule("/x", "x", lambda: "")
    app.register_blueprint(bp)
    assert rules(app) == {"bp.x": "/y"}


def test_commands_of_blueprints(app: Any) -> None:
    """Below the blueprint's name, another name, or among the application's own."""
    named, renamed = Blueprint("named", __name__), Blueprint("b", __name__, cli_group="other")
    merged, opened = Blueprint("c", __name__, cli_group=None), Blueprint("d", __name__)
    for bp in (named, renamed, merged, opened):
        bp.cli.command(f"do-{bp.name}")(lambda: None)
    app.register_blueprint(named)
    app.register_blueprint(renamed)
    app.register_blueprint(merged)
    app.register_blueprint(opened, cli_group="late")
    assert set(app.cli.commands) == {"named", "other", "do-c", "late"}
    assert set(app.cli.commands["other"].commands) == {"do-b"}
    assert app.cli.name == "program"


def test_the_command_group_may_be_replaced() -> None:
    bp = Blueprint("bp", __name__)
    bp.cli = group = object()  # type: ignore[assignment]
    assert bp.cli is group


def test_click_and_jinja_wait_until_they_are_needed() -> None:
    """An application that has neither commands nor templates imports neither."""
    program = (
        "import sys; from waterspout import App, Blueprint\n"
        "app = App('program', root_path='.'); bp = Blueprint('bp', 'bp', static_folder='s')\n"
        "bp.get('/')(lambda: ''); app.register_blueprint(bp)\n"
        "sys.exit(' '.join({'click', 'jinja2'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_shows_its_name(app: Any) -> None:
    assert repr(Blueprint("bp", __name__)) == "<Blueprint 'bp'>"
    assert repr(app) == f"<{type(app).__name__} 'program'>"
    assert issubclass(Blueprint, Scaffold)
