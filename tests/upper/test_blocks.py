"""`render_block`, one block of a page, byte-equal to what the page shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from waterspout import App, render_block, render_template
from waterspout.signals import template_rendered

Write = Callable[[str, str], Any]

LAYOUT = """{% set site = "Site" %}<!doctype html>
<title>{% block title %}{{ site }}{% endblock %}</title>
<header>{{ user.name }}</header>
<main>{% block main %}nothing{% endblock %}</main>
"""
PAGE = """{% extends "layout.html" %}
{% import "macros.html" as macros %}
{% set unit = "kg" %}
{% block title %}Page - {{ super() }}{% endblock %}
{% block main %}<ul>{% for n in numbers %}{{ macros.item(n, unit) }}{% endfor %}</ul>
{%- block foot %}<p>{{ numbers|length }}</p>{% endblock %}{% endblock %}
"""
MACROS = "{% macro item(n, unit) %}<li>{{ n }} {{ unit }}{% endmacro %}"


@pytest.fixture(autouse=True)
def templates(write: Write) -> None:
    write("templates/layout.html", LAYOUT)
    write("templates/page.html", PAGE)
    write("templates/macros.html", MACROS)


@pytest.mark.parametrize("block", ["main", "foot"])
def test_a_block_is_what_the_page_shows(app: App, block: str) -> None:
    with app.app_context():
        page = render_template("page.html", numbers=[1, 2], user={"name": "Ann"})
        part = render_block("page.html", block, numbers=[1, 2])
    assert part in page
    assert part.endswith("<p>2</p>")
    assert ("<li>1 kg<li>2 kg" in part) is (block == "main")


def test_super_and_the_assignments_of_the_parent_work(app: App) -> None:
    with app.app_context():
        assert render_block("page.html", "title") == "Page - Site"


def test_a_block_that_only_the_parent_has_is_found(app: App, write: Write) -> None:
    write("templates/bare.html", '{% extends "layout.html" %}')
    with app.app_context():
        assert render_block("bare.html", "main") == "nothing"


def test_the_rest_of_the_page_needs_no_values(app: App, write: Write) -> None:
    write("templates/strict.html", "{{ user.name.first }}{% block b %}b{% endblock %}")
    with app.app_context():
        assert render_block("strict.html", "b") == "b"


def test_context_processors_escaping_and_signals_are_as_for_a_page(
    app: App, client: Any, write: Write
) -> None:
    write("templates/b.html", "{% block b %}{{ who }}{{ request.path }}{% endblock %}")
    app.context_processor(lambda: {"who": "<"})
    rendered: list[str] = []

    def note(sender: App, template: Any, **extra: Any) -> None:
        rendered.append(template.name)

    app.add_url_rule("/b", view_func=lambda: render_block("b.html", "b"))
    with template_rendered.connected_to(note, app):
        assert client.get("/b").text == "&lt;/b"
    assert rendered == ["b.html"]


def test_a_missing_block_is_an_error_that_names_the_others(app: App) -> None:
    with app.app_context(), pytest.raises(LookupError, match=r"no block 'x'.*foot, main, title"):
        render_block("page.html", "x")


def test_an_error_in_a_block_points_into_the_template(app: App, write: Write) -> None:
    write("templates/bad.html", "top\n{% block b %}\n{{ 1 // 0 }}{% endblock %}")
    with app.app_context(), pytest.raises(ZeroDivisionError) as caught:
        render_block("bad.html", "b")
    last = caught.traceback[-1]
    assert str(last.path).endswith("bad.html")
    assert last.lineno + 1 == 3


def test_a_block_may_be_awaited_also_with_async_templates(app: App, write: Write) -> None:
    async def value() -> int:
        await asyncio.sleep(0)
        return 7

    async def render() -> str:
        with app.app_context():
            return await render_block("v.html", "b", value=value)

    app.jinja_options = {"enable_async": True}
    write("templates/v.html", "{% set x = 1 %}{% block b %}{{ value() }}{{ x }}{% endblock %}")
    assert asyncio.run(render()) == "71"
    with app.app_context():
        assert render_block("v.html", "b", value=value) == "71"
