"""What is kept of compiled templates: never what Flask works out for each rendering."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import jinja2
import pytest

import waterspout.flask
from waterspout import App, render_template_string
from waterspout.templating.jinja import Environment


@pytest.fixture
def app() -> Iterator[App]:
    app = App("strings", root_path=".")
    with app.app_context():
        yield app


def counting() -> Callable[..., int]:
    calls = iter(range(10))
    return lambda *args: next(calls)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a'|count_up }}",
        "{{ ('a' ~ 'b')|count_up }}",
        "{{ 'a'|count_up|string }}",
        "{% if true %}{{ 'a'|upper|count_up }}{% endif %}",
        "{{ 'a'|default('b'|count_up, true) if false else 'a'|count_up }}",
    ],
)
def test_a_filter_of_constants_runs_for_each_rendering(app: App, source: str) -> None:
    app.jinja_env.filters["count_up"] = counting()
    assert render_template_string(source) != render_template_string(source)


def test_a_test_of_constants_runs_for_each_rendering(app: App) -> None:
    count_up = counting()
    app.jinja_env.tests["new"] = lambda value: count_up() == 0
    assert [render_template_string("{{ 'a' is new }}") for _ in "ab"] == ["True", "False"]


def test_finalize_runs_for_each_rendering(app: App) -> None:
    app.jinja_env.finalize = counting()
    assert [render_template_string("{{ 'a' }}") for _ in "ab"] == ["0", "1"]


@pytest.mark.parametrize("source", ["{{ name|count_up }}", "{{ 'a'|upper }}", "{{ 1 is odd }}"])
def test_other_text_is_compiled_once(app: App, source: str) -> None:
    app.jinja_env.filters["count_up"] = counting()
    render_template_string(source, name="a")
    kept = dict(app.jinja_env.compiled_strings)
    render_template_string(source, name="a")
    assert list(kept) == [source]
    assert app.jinja_env.compiled_strings == kept


CHANGES: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "autoescape": ("{{ a }}", "<", lambda env: setattr(env, "autoescape", False)),
    "variable_start_string": (
        "{{ a }}",
        "{{ a }}",
        lambda env: setattr(env, "variable_start_string", "{["),
    ),
    "undefined": (
        "{{ b }}",
        "{{ b }}",
        lambda env: setattr(env, "undefined", jinja2.DebugUndefined),
    ),
    "trim_blocks": (
        "{% if 1 %}\n{{ a }}{% endif %}",
        "&lt;",
        lambda env: setattr(env, "trim_blocks", True),
    ),
    "extension": (
        "{% for i in [1] %}{% if a %}x{% endif %}{% endfor %}",
        "x",
        lambda env: env.add_extension("jinja2.ext.loopcontrols"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_option_set_later_holds_for_text_compiled_before(app: App, name: str) -> None:
    source, expected, change = CHANGES[name]
    before = render_template_string(source, a="<")
    change(app.jinja_env)
    assert not app.jinja_env.compiled_strings
    assert render_template_string(source, a="<") == expected
    assert name == "extension" or before != expected


def test_a_bytecode_cache_is_shared_with_programs_on_flask(tmp_path: Path) -> None:
    """Each finds its own code in it, in any order."""
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "page.html").write_text("{{ row.name }}: {{ loop }}")
    cache = tmp_path / "cache"
    cache.mkdir()
    for framework in (waterspout.flask, flask, waterspout.flask, flask):
        app: Any = framework.Flask("shared", root_path=str(tmp_path))
        app.jinja_env.bytecode_cache = jinja2.FileSystemBytecodeCache(str(cache))
        with app.app_context():
            page = framework.render_template("page.html", row={"name": "<"}, loop=1)
        assert page == "&lt;: 1"
    assert len(list(cache.iterdir())) == 2


def test_with_another_jinja_its_own_compiler_is_used(app: App) -> None:
    class Plain(Environment):
        code_generator_class = jinja2.compiler.CodeGenerator

    app.jinja_environment = Plain
    assert render_template_string("{{ row.name }}", row={"name": "<"}) == "&lt;"
