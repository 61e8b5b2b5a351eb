"""What our compiled templates do by themselves says what Jinja's own would."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import jinja2
import pytest
from jinja2.sandbox import SandboxedEnvironment, SecurityError
from markupsafe import Markup

from waterspout import App, render_template_string
from waterspout.templating import Environment


class Dict(dict[str, Any]):
    """A dict whose attributes, and whose own reading of items, go before its items."""

    name = "attribute <n>"

    def __getitem__(self, key: str) -> Any:
        return f"own {key}"


class Point:
    x = "<x>"

    def __getitem__(self, key: str) -> str:
        return f"item {key}"

    def __str__(self) -> str:
        return "<point>"


class Html:
    def __html__(self) -> str:
        return "<b>html</b>"


class Text(str):
    def __str__(self) -> str:
        return "<text>"


class Number(int):
    def __str__(self) -> str:
        return "<number>"


VALUES: dict[str, Any] = {
    "text": "<&>",
    "number": 3,
    "real": 1e20,
    "flag": True,
    "none": None,
    "markup": Markup("<i>"),
    "html": Html(),
    "subtext": Text("a"),
    "subnumber": Number(1),
    "kind": Point,
    "row": {"name": "<row>", "items": "shadowed", "in": {"deep": {"x": "<deep>"}}, "zero": 0},
    "dict": Dict(name="n", other="o"),
    "point": Point(),
    "rows": [{"name": "a", "in": [1, 2]}, {"name": "<b>", "in": []}, {}],
    "tree": [{"name": "a", "in": [{"name": "<b>", "in": []}]}],
    "call": lambda *args, **kwargs: [*args, *sorted(kwargs.items())],
}

SOURCES = [
    "{{ text }}|{{ number }}|{{ real }}|{{ flag }}|{{ none }}|{{ markup }}|{{ html }}",
    "{{ subtext }}{{ subnumber }}{{ point }}{{ kind }}{{ missing }}{{ missing|default('<d>') }}",
    "{{ row.name }}{{ row.zero }}{{ row.nothing }}{{ row.in.deep.x }}{{ row.in.no.x is defined }}",
    "{{ row.items }}{{ row.keys()|list }}{{ row.get('name') }}{{ row['name'] }}",
    "{{ dict.name }}{{ dict.other }}{{ point.x }}{{ point.y }}{{ text.upper() }}{{ none.x }}",
    "{{ 'a <b>' }}{{ {'x': '<c>'}.x }}{{ [row][0].name }}{{ (row if flag else none).name }}",
    "{{ call(row.name, row.in.deep.x, key=row.name) }}{{ row.name ~ row.zero ~ '<' }}",
    (
        "{% for row in rows %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}"
        "{{ loop.length }}{{ loop.revindex }}{{ loop.nope }}{{ row.name }}"
        "{% for n in row.in %}{{ n }}{{ loop.index }}{{ loop.depth }}{% else %}none{% endfor %}"
        "{% endfor %}"
    ),
    "{% for row in rows if row.name %}{{ loop.index }}{{ row.name }}{% endfor %}{{ loop.index }}",
    "{% for row in tree recursive %}{{ row.name }}{{ loop.index }}{{ loop(row.in) }}{% endfor %}",
    "{% set loop = row %}{{ loop.index }}{{ loop.name }}{{ loop.zero }}",
    (
        "{% macro m(x, y=row.name, loop=row) %}{{ x }}{{ y }}{{ loop.first }}{{ caller() }}"
        "{{ row.name }}{% endmacro %}{% call m(row.name) %}{{ row.zero }}<br>{% endcall %}"
    ),
    (
        "{% set ns = namespace(n=0) %}{% for row in rows %}{% set ns.n = ns.n + 1 %}{{ ns.n }}"
        "{% if row.name == 'a' %}{{ row.name }}{% elif row.name %}<{{ row.name }}>{% else %}-"
        "{% endif %}{% endfor %}{{ ns.n }}"
    ),
    (
        "{% set part %}{{ row.name }}<br>{% endset %}{{ part }}{% filter upper %}{{ row.name }}"
        "{% endfilter %}"
    ),
    (
        "{% autoescape false %}{{ row.name }}{{ text }}{% endautoescape %}{{ text }}"
        "{% autoescape flag %}{{ row.name }}{% endautoescape %}"
    ),
    (
        "{% block a scoped %}{{ row.name }}{% for row in rows %}{% block b scoped %}"
        "{{ loop.index }}{{ row.name }}{% endblock %}{% endfor %}{% endblock %}{{ self.a() }}"
    ),
    "{% with it = row.name, out = row.zero, read = text %}{{ it }}{{ out }}{{ read }}{% endwith %}",
    "{{ rows|map(attribute='name')|join(',') }}{{ row|attr('name') }}{{ number + row.zero }}",
]


def pairs(app: App, **options: Any) -> tuple[jinja2.Environment, jinja2.Environment]:
    """Make our environment and Jinja's, alike."""
    loader = jinja2.DictLoader({})
    return (
        Environment(app, loader=loader, autoescape=True, **options),
        jinja2.Environment(loader=loader, autoescape=True, **options),
    )


def outcome(env: jinja2.Environment, source: str) -> str:
    """Return what is rendered, or the error."""
    template = env.from_string(source)
    try:
        if env.is_async:
            return asyncio.run(template.render_async(VALUES))
        return template.render(VALUES)
    except jinja2.UndefinedError as error:
        return f"{error!r}"


def shout(value: Any) -> Any:
    return "<finalized>" if value is None else value


@jinja2.pass_context
def shout_in_context(context: Any, value: Any) -> Any:
    return context["text"] if value is None else value


OPTIONS: list[dict[str, Any]] = [
    {},
    {"enable_async": True},
    {"undefined": jinja2.StrictUndefined},
    {"undefined": jinja2.ChainableUndefined},
    {"undefined": jinja2.DebugUndefined},
    {"finalize": shout},
    {"finalize": shout_in_context},
    {"extensions": ["jinja2.ext.i18n", "jinja2.ext.loopcontrols", "jinja2.ext.do"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "plain")
@pytest.mark.parametrize("source", SOURCES)
def test_a_template_says_what_jinja_says(app: App, source: str, options: dict[str, Any]) -> None:
    ours, theirs = pairs(app, **options)
    assert outcome(ours, source) == outcome(theirs, source)


class Reading(Environment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        return f"{attribute}!"


def test_an_environments_own_getattr_is_asked_for_every_attribute(app: App) -> None:
    env = Reading(app, autoescape=True)
    source = "{{ row.name }}{% for row in rows %}{{ loop.index }}{{ row.name }}{% endfor %}"
    assert env.from_string(source).render(VALUES) == "name!" + "index!name!" * 3


def test_a_getattr_that_is_set_later_is_noticed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    env = Environment(app, autoescape=True)
    template = env.from_string("{{ row.name }}{% for n in [0] %}{{ loop.index }}{% endfor %}")
    assert template.render(VALUES) == "&lt;row&gt;1"

    env.getattr = lambda obj, attribute: attribute  # type: ignore[method-assign]
    assert template.render(VALUES) == "nameindex"
    del env.getattr  # type: ignore[method-assign]
    assert template.render(VALUES) == "&lt;row&gt;1"

    for owner in (Environment, jinja2.Environment):
        with monkeypatch.context() as patch:
            patch.setattr(owner, "getattr", lambda self, obj, attribute: "patched")
            assert "patched" in template.render(VALUES)


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_sandbox_guards_every_attribute(app: App, ours_first: bool) -> None:
    bases = (
        (Environment, SandboxedEnvironment) if ours_first else (SandboxedEnvironment, Environment)
    )

    def refuse(self: Any, obj: Any, attr: str, value: Any) -> bool:
        return attr not in ("index", "secret") and not attr.startswith("_")

    sandbox: Any = type("Sandbox", bases, {"is_safe_attribute": refuse})
    env = sandbox(app, autoescape=True)
    point = Point()
    point.secret = "s"  # type: ignore[attr-defined]
    for source in (
        "{{ point.secret }}{{ point.__class__.__mro__ }}",
        "{% for n in [0] %}{{ loop.index + 1 }}{% endfor %}",
        "{{ row.__class__.__mro__ }}",
    ):
        with pytest.raises(SecurityError):
            env.from_string(source).render(point=point, row={})
    assert env.from_string("{{ point.x }}{{ row.name }}").render(VALUES) == "&lt;x&gt;&lt;row&gt;"


def test_an_overlay_reads_as_its_parent_does(app: App) -> None:
    env = Reading(app, autoescape=True).overlay(trim_blocks=True)
    assert env.from_string("{{ row.name }}").render(VALUES) == "name!"
    env = Environment(app, autoescape=True).overlay(autoescape=False)
    assert env.from_string("{{ row.name }}").render(VALUES) == "<row>"


def test_precompiled_templates_run(app: App, tmp_path: Any) -> None:
    source = "{% for row in rows %}{{ loop.index }}{{ row.name }},{% endfor %}"
    env = Environment(app, loader=jinja2.DictLoader({"a.html": source}), autoescape=True)
    env.compile_templates(tmp_path / "made", zip=None)
    env = Environment(app, loader=jinja2.ModuleLoader(tmp_path / "made"), autoescape=True)
    assert env.get_template("a.html").render(VALUES) == "1a,2&lt;b&gt;,3,"


def test_an_error_within_a_condition_is_told_with_its_own_line(app: App) -> None:
    source = "a\n{% if x %}\n{{ x }}\n{{ 1 // zero }}\n{% endif %}\nb"
    with app.app_context(), pytest.raises(ZeroDivisionError) as caught:
        render_template_string(source, x=1, zero=0)
    frames = traceback.extract_tb(caught.tb)
    assert [entry.lineno for entry in frames if "<template>" in entry.filename] == [4]
