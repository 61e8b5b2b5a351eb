"""Jinja templates, rendered whole and as a stream, in `def` and `async def` views."""

from __future__ import annotations

import asyncio
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import DictLoader, TemplateNotFound
from markupsafe import Markup

from waterspout import (
    App,
    Blueprint,
    flash,
    g,
    get_template_attribute,
    render_template,
    render_template_string,
    request,
    session,
    stream_template,
    stream_template_string,
)
from waterspout.signals import before_render_template, template_rendered
from waterspout.templating import Environment

Write = Callable[[str, str], Any]


def test_a_template_is_found_in_the_folder_and_sees_its_values(app: App, write: Write) -> None:
    write("templates/hello.html", "Hello {{ name }}!")
    with app.app_context():
        assert render_template("hello.html", name="<Ann>") == "Hello &lt;Ann&gt;!"


@pytest.mark.parametrize("suffix", ["html", "htm", "xml", "xhtml", "svg"])
def test_markup_is_escaped_by_suffix(app: App, write: Write, suffix: str) -> None:
    write(f"templates/a.{suffix}", "{{ text }}{{ markup }}")
    write("templates/a.txt", "{{ text }}")
    with app.app_context():
        assert render_template(f"a.{suffix}", text="<", markup=Markup("<")) == "&lt;<"
        assert render_template("a.txt", text="<") == "<"


def test_the_first_existing_of_several_is_rendered(app: App, write: Write) -> None:
    write("templates/b.html", "b")
    with app.app_context():
        assert render_template(["a.html", "b.html"]) == "b"
        with pytest.raises(TemplateNotFound):
            render_template(["a.html", "c.html"])


def test_templates_know_the_request_and_the_application(app: App, client: Any) -> None:
    @app.get("/page")
    def page() -> str:
        g.colour = "blue"
        session["n"] = 3
        flash("saved")
        return render_template_string(
            "{{ request.path }} {{ g.colour }} {{ session.n }} {{ config.TESTING }}"
            " {{ url_for('page', q=1) }} {{ get_flashed_messages()[0] }}"
        )

    assert client.get("/page").text == "/page blue 3 True /page?q=1 saved"


def test_given_values_win_over_processors_and_blueprints_over_the_app(
    app: App, client: Any
) -> None:
    outer = Blueprint("outer", "upper", url_prefix="/o")
    inner = Blueprint("inner", "upper")
    app.context_processor(lambda: {"a": "app", "b": "app", "c": "app", "config": "app"})
    outer.context_processor(lambda: {"b": "outer", "c": "outer"})
    inner.context_processor(lambda: {"c": "inner"})
    text = "{{ a }} {{ b }} {{ c }}"
    inner.add_url_rule("/", view_func=lambda: render_template_string(text))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.add_url_rule("/", view_func=lambda: render_template_string(text, c="given"))

    assert client.get("/o/").text == "app outer inner"
    assert client.get("/").text == "app app given"


@pytest.mark.parametrize("view_is_async", [False, True])
def test_context_processors_may_be_async(app: App, client: Any, view_is_async: bool) -> None:
    async def processor() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"who": "async"}

    app.context_processor(processor)

    def view() -> str:
        return render_template_string("{{ who }}")

    async def async_view() -> str:
        return await render_template_string("{{ who }}")

    async def async_stream() -> Any:
        return stream_template_string("{{ who }}")

    app.add_url_rule("/", view_func=async_view if view_is_async else view)
    app.add_url_rule("/stream", view_func=async_stream)
    assert client.get("/").text == "async"
    assert client.get("/stream").text == "async"


def test_filters_tests_and_globals_are_registered(app: App) -> None:
    app.template_filter()(lambda: None)  # a name is not needed
    app.add_template_filter(lambda text: text[::-1], "mirror")
    app.add_template_test(lambda value: value > 3, "big")
    app.add_template_global(lambda: 42, "answer")
    with app.app_context():
        text = "{{ 'abc'|mirror }} {{ 4 is big }} {{ answer() }}"
        assert render_template_string(text) == "cba True 42"


def test_macros_can_be_called_from_python(app: App, write: Write) -> None:
    write("templates/_m.html", "{% macro hello(name) %}Hello {{ name }}!{% endmacro %}")
    with app.test_request_context():
        assert get_template_attribute("_m.html", "hello")("World") == "Hello World!"


def test_blueprints_bring_templates_and_the_application_goes_first(app: App, write: Write) -> None:
    write("bp/templates/only.html", "blueprint")
    write("bp/templates/both.html", "blueprint")
    write("templates/both.html", "application")
    folder = app.root_path + "/bp"
    app.register_blueprint(Blueprint("bp", "upper", root_path=folder, template_folder="templates"))
    with app.app_context():
        assert render_template("only.html") == "blueprint"
        assert render_template("both.html") == "application"
        assert app.jinja_env.list_templates() == ["both.html", "only.html"]


def test_a_template_name_does_not_leave_its_folder(app: App, write: Write) -> None:
    write("secret.txt", "secret")
    write("templates/a.html", "a")
    with app.app_context():
        for name in ("../secret.txt", "/etc/passwd", "x/../../secret.txt"):
            with pytest.raises(TemplateNotFound):
                render_template(name)


def test_a_loader_or_environment_of_ones_own_is_used() -> None:
    class Own(Environment):
        pass

    class OwnApp(App):
        jinja_environment = Own

        def create_global_jinja_loader(self) -> Any:
            return DictLoader({"x.html": "own"})

    app = OwnApp("upper")
    assert isinstance(app.jinja_env, Own)
    with app.app_context():
        assert render_template("x.html") == "own"


def test_signals_tell_what_is_rendered(app: App) -> None:
    seen: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        return lambda sender, template, context, **extra: seen.append((name, context["x"]))

    before, after = note("before"), note("after")
    with (
        app.app_context(),
        before_render_template.connected_to(before, app),
        template_rendered.connected_to(after, app),
    ):
        render_template_string("{{ x }}", x=1)
        assert seen == [("before", 1), ("after", 1)]
        pieces = stream_template_string("{{ x }}", x=2)
        assert seen[2:] == [("before", 2)]
        assert "".join(pieces) == "2"
        assert seen[2:] == [("before", 2), ("after", 2)]


def test_a_stream_keeps_the_request(app: App, client: Any, write: Write) -> None:
    write("templates/s.html", "{{ request.args.name }}|{{ session.n }}|{{ g.x }}")

    @app.get("/")
    def index() -> Any:
        session["n"], g.x = 1, 2
        return stream_template("s.html")

    response = client.get("/?name=Ann")
    assert response.is_streamed
    assert response.text == "Ann|1|2"


def test_a_stream_outside_a_request_has_its_application(app: App) -> None:
    with app.app_context():
        pieces = stream_template_string("{{ config.TESTING }} {{ g }}")
    assert "".join(pieces).startswith("True")


def test_without_an_application_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="outside of application context"):
        render_template_string("x")


# -- await ------------------------------------------------------------------------------------


def test_rendering_may_be_awaited_in_an_async_view(app: App, client: Any, write: Write) -> None:
    """Code written for Quart runs, and so does code that does not await."""
    write("templates/a.html", "{{ request.path }}")

    @app.get("/awaited")
    async def awaited() -> str:
        return await render_template("a.html")

    @app.get("/plain")
    async def plain() -> str:
        return render_template("a.html")

    @app.get("/stream")
    async def stream() -> Any:
        return stream_template("a.html")

    @app.get("/stream-awaited")
    async def stream_awaited() -> Any:
        return await stream_template("a.html")  # type: ignore[misc]

    for path in ("/awaited", "/plain", "/stream", "/stream-awaited"):
        assert client.get(path).text == path


def test_rendered_text_is_an_exact_str_in_synchronous_code(app: App) -> None:
    with app.app_context():
        assert type(render_template_string("x")) is str


def test_awaitable_text_is_a_str_like_any_other(app: App) -> None:
    async def render() -> str:
        with app.app_context():
            return render_template_string("<b>")

    text = asyncio.run(render())
    assert isinstance(text, str)
    assert text == "<b>"
    assert json.dumps(text) == '"<b>"'
    assert Markup(text) == Markup("<b>")
    assert str(Markup.escape(text)) == "&lt;b&gt;"
    assert pickle.loads(pickle.dumps(text)) == "<b>"
    with app.app_context():
        assert app.json.loads(app.json.dumps({"html": text})) == {"html": "<b>"}


def test_async_templates_run_on_the_loop_of_the_view(app: App, client: Any) -> None:
    """Awaitables in templates work, with Jinja's enable_async."""
    app.jinja_options = {"enable_async": True}

    async def load() -> str:
        await asyncio.sleep(0)
        return f"loaded {request.path}"

    @app.get("/async")
    async def awaited() -> str:
        return await render_template_string("{{ load() }}", load=load)

    @app.get("/sync")
    def plain() -> str:
        return render_template_string("{{ load() }}", load=load)

    @app.get("/stream")
    async def stream() -> Any:
        return stream_template_string("{{ load() }}", load=load)

    @app.get("/sync-stream")
    def sync_stream() -> Any:
        return stream_template_string("{{ load() }}", load=load)

    for path in ("/async", "/sync", "/stream", "/sync-stream"):
        assert client.get(path).text == f"loaded {path}"


# -- text templates are compiled once ------------------------------------------------------------


def test_text_is_compiled_once_per_environment(app: App) -> None:
    templates: list[Any] = []

    def note(sender: App, template: Any, **extra: Any) -> None:
        templates.append(template)

    with app.app_context(), template_rendered.connected_to(note, app):
        assert render_template_string("{{ x }}", x="<") == "&lt;"
        assert render_template_string("{{ x }}", x=2) == "2"
        app.jinja_env = app.jinja_env.overlay(autoescape=False)
        assert render_template_string("{{ x }}", x="<") == "<"
    assert templates[0] is templates[1]
    assert templates[2] is not templates[0]


def test_a_flood_of_texts_is_not_kept(app: App) -> None:
    with app.app_context():
        for number in range(1000):
            render_template_string(f"{number}")
    assert len(app.jinja_env.compiled_strings) <= 128


def test_an_error_among_several_values_is_told_with_its_own_line() -> None:
    """What stands between two statements is joined, and keeps its lines."""
    app = App(__name__)
    with app.app_context(), pytest.raises(ZeroDivisionError) as caught:
        render_template_string("{{ a }}\n{{ a }} and\n\n{{ 1 // zero }}\n{{ a }}", a=1, zero=0)
    lines = [
        entry.lineno for entry in traceback.extract_tb(caught.tb) if "<template>" in entry.filename
    ]
    assert lines == [4]


def test_what_stands_between_statements_is_streamed_as_one_piece() -> None:
    app = App(__name__)
    with app.app_context():
        text = "a {{ x }} b{% for n in (1, 2) %} {{ n }}, {% endfor %}c"
        assert list(stream_template_string(text, x=0)) == ["a 0 b", " 1, ", " 2, ", "c"]
