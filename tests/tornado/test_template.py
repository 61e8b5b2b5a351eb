"""Tornado's template language, beside Tornado's own engine."""

from __future__ import annotations

import logging
import re
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tornado.template as theirs
from template_pages import PAGES, SITE, Maker, Modules, values

from waterspout.tornado import template as ours


def upper(text: str | bytes) -> str:
    return (text if isinstance(text, str) else text.decode()).upper()


def outcome(engine: ModuleType, site: dict[str, str], name: str, **options: Any) -> Any:
    """Return the page, or the kind of error and where it came: when loading or when running."""
    try:
        template = engine.DictLoader(site, **options).load(name)
    except Exception as error:
        if isinstance(error, SyntaxError):
            return "not compiled", "SyntaxError", ""
        # A set of names in a message has no order on Tornado.
        said = re.sub(r"\{'.*?'\}", lambda found: "".join(sorted(found[0])), str(error))
        return "not loaded", type(error).__name__, said
    given = {"x": "<x&'>", "y": 0, "z": [1, "<"], "data": b'\xff<b>"', "up": upper}
    try:
        return template.generate(**given, _tt_modules=Modules())
    except Exception as error:
        return "not rendered", type(error).__name__, str(error)


# -- the same bytes ----------------------------------------------------------------------------


@pytest.mark.parametrize("whitespace", [None, "all", "single", "oneline"])
@pytest.mark.parametrize("autoescape", ["xhtml_escape", None])
@pytest.mark.parametrize("page", PAGES)
def test_pages_are_those_of_tornado(
    page: str, autoescape: str | None, whitespace: str | None
) -> None:
    """The whole language gives the same bytes on both engines."""
    pages = [
        engine.DictLoader(SITE, autoescape=autoescape, whitespace=whitespace)
        .load(page)
        .generate(**values())
        for engine in (theirs, ours)
    ]
    assert pages[0] == pages[1]
    assert len(pages[1]) > 100


@pytest.mark.parametrize("seed", range(8))
def test_random_templates_are_those_of_tornado(seed: int, caplog: Any) -> None:
    """Templates made at random give the same bytes, or fail in the same way."""
    caplog.set_level(logging.CRITICAL)
    maker = Maker(seed)
    rendered = 0
    for options in ({}, {"autoescape": None}, {"whitespace": "oneline"}, {"namespace": {"y": 5}}):
        for _ in range(10):
            site = maker.site()
            for name in ("page.html", "page.txt"):
                wanted = outcome(theirs, site, name, **options)
                assert outcome(ours, site, name, **options) == wanted, site[name]
                rendered += isinstance(wanted, bytes)
    assert rendered > 20


@pytest.mark.parametrize(
    "source",
    [
        "{{", "{%", "{#", "a\n{{ b\n", "{{}}", "{{ \n }}", "{% %}", "\n{% end %}", "{% if x %}\n",
        "{% if x %}\n{# c\n #}", "{% else %}", "{% for i in z %}\n{% elif x %}", "{% finally %}",
        "{% block a %}{% else %}{% end %}", "{% break %}", "{% if x %}{% continue %}{% end %}",
        "{% for i in z %}{% apply up %}{% break %}{% end %}{% end %}", "{% nothing\n %}",
        "{% extends %}", "{% include '' %}", "{% import %}", "{% from %}", "{% set %}",
        "{% apply %}\n{% end %}", "{% block %}\n{% end %}", "{% whitespace wide %}",
        "{% if\nx %}", "{%if x%}{%end%}", "{% include 'none.html' %}", "{% extends 'none.html' %}",
        "{{ 1 + }}", "{% if %}x{% end %}", "{% set 1 = 2 %}", "{% try %}x{% end %}", "{% raw %}",
        "{{ unknown }}", "{{ x.unknown }}", "{% raw x.unknown %}", "{{ chr(0xd800) }}",
    ],
)  # fmt: skip
def test_errors_are_those_of_tornado(source: str, caplog: Any) -> None:
    """A faulty template fails with Tornado's type of error, text, file and line."""
    caplog.set_level(logging.CRITICAL)
    wanted = outcome(theirs, {"page.html": source}, "page.html")
    assert outcome(ours, {"page.html": source}, "page.html") == wanted


def test_the_public_names_take_the_same_arguments() -> None:
    """Each loader, the template and the filter have Tornado's parameters."""
    import inspect

    for name in ours.__all__:
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(other).parameters)
    for name in ("load", "reset", "resolve_path"):
        mine, other = getattr(ours.Loader, name), getattr(theirs.Loader, name)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(other).parameters)


# -- where an error is ---------------------------------------------------------------------------


def test_a_traceback_shows_file_and_line_through_extends_and_include() -> None:
    """The generated line says the template's file and line, and by what way it was reached."""
    loader = ours.DictLoader(
        {
            "base.html": "<p>\n{% block body %}{% end %}",
            "page.html": "{% extends 'base.html' %}\n\n{% block body %}\n"
            "{% include 'part.html' %}{% end %}",
            "part.html": "\n\n{{ missing }}",
        }
    )
    with pytest.raises(NameError) as caught:
        loader.load("page.html").generate()
    shown = "".join(traceback.format_exception(caught.value))
    assert "_tt_tmp = missing  # part.html:3 (via page.html:4, base.html:2)" in shown


def test_a_traceback_shows_the_template_that_ran() -> None:
    """Of two templates of one name, the traceback shows the one with the error."""
    for source, wanted in (("{{ first }}", "first"), ("\n{{ other }}", "other")):
        both = ours.Template(source), ours.Template("something else")
        with pytest.raises(NameError) as caught:
            both[0].generate()
        shown = "".join(traceback.format_exception(caught.value))
        assert f"_tt_tmp = {wanted}  # <string>:" in shown


def test_python_that_does_not_compile_is_told_by_file_and_line(caplog: Any) -> None:
    """It is a ParseError and a SyntaxError, placed in the template; the code goes to the log."""
    loader = ours.DictLoader({"page.html": "{% include 'part.html' %}", "part.html": "\n{{ 1 + }}"})
    with pytest.raises(ours.ParseError) as caught:
        loader.load("page.html")
    assert isinstance(caught.value, SyntaxError)
    assert str(caught.value) == "invalid syntax at part.html:2"
    assert (caught.value.filename, caught.value.lineno) == ("part.html", 2)
    assert 'File "part.html", line 2' in "".join(traceback.format_exception(caught.value))
    [record] = caplog.records
    assert record.name == "tornado.application"
    assert re.search(r"^\d +_tt_tmp = 1 \+  # part.html:2$", record.getMessage(), re.M)


@pytest.mark.parametrize("tag", ["include", "extends"])
def test_a_missing_template_is_told_by_who_wanted_it(tag: str) -> None:
    """The loader's own error comes with a note."""
    loader = ours.DictLoader({"page.html": f"\n{{% {tag} 'none.html' %}}"})
    with pytest.raises(KeyError) as caught:
        loader.load("page.html")
    assert caught.value.__notes__ == [f"{{% {tag} none.html %}} at page.html:2"]
    with pytest.raises(ours.ParseError, match=f"{tag} %}} block found, but no template loader"):
        ours.Template(f"{{% {tag} 'none.html' %}}")


# -- what Tornado does not do --------------------------------------------------------------------


def test_a_template_that_extends_can_be_included() -> None:
    """It is the page it would be by itself: its blocks are not those of the file around it."""
    loader = ours.DictLoader(
        {
            "base.html": "[{% block a %}base a{% end %} {% block b %}base b{% end %}]",
            "page.html": "{% extends 'base.html' %}{% block a %}page {{ x }}{% end %}",
            "outer.html": "{% block a %}outer a{% end %} {% include 'page.html' %}"
            " {% block b %}outer b{% end %}",
        }
    )
    assert loader.load("outer.html").generate(x=1) == b"outer a [page 1 base b] outer b"
    with pytest.raises(ours.ParseError, match="must not stand inside another block at <string>:1"):
        ours.Template("{% if 1 %}{% extends 'base.html' %}{% end %}", loader=loader)


# -- loaders -------------------------------------------------------------------------------------


def test_a_loader_compiles_once_until_it_is_reset(tmp_path: Path) -> None:
    """A template is cached by name; after `reset` its file is read again."""
    page = tmp_path / "page.html"
    page.write_text("one \u00e9", encoding="utf-8")
    loader = ours.Loader(str(tmp_path))
    first = loader.load("page.html")
    page.write_text("two", encoding="utf-8")
    assert loader.load("page.html") is first
    assert first.generate() == "one \u00e9".encode()
    loader.reset()
    assert loader.load("page.html").generate() == b"two"
    assert first.generate() == "one \u00e9".encode()


def test_many_threads_get_one_template() -> None:
    """Threads that ask for a template at the same time get the same object."""
    start = threading.Barrier(8)
    loader = ours.DictLoader(SITE)

    def load(_: int) -> ours.Template:
        start.wait(10)
        return loader.load("more.html")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load, range(8)))) == 1


def test_a_loader_of_ones_own() -> None:
    """A subclass gives `resolve_path` and `_create_template`, as on Tornado."""

    class Shouting(ours.BaseLoader):
        def resolve_path(self, name: str, parent_path: str | None = None) -> str:
            return name.upper()

        def _create_template(self, name: str) -> ours.Template:
            source = {"A": "{% include 'b' %}!", "B": "{{ word }}"}[name]
            return ours.Template(source, name=name, loader=self)

    loader = Shouting(namespace={"word": "<hey>"}, autoescape=None)
    assert loader.load("a").generate() == b"<hey>!"
    assert loader.load("a").generate(word="you") == b"you!"
