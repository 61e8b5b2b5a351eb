"""Pages of a Tornado program: names in templates, UI modules and methods, loaders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rooms_site import client_of

from waterspout.tornado.template import DictLoader, Loader
from waterspout.tornado.web import RequestHandler, UIModule, url

PAGE = "<html><head><title>t</title></head><body>{% module Card(1) %}</body></html>"


@pytest.fixture(autouse=True)
def _no_loaders_of_other_tests() -> Iterator[None]:
    RequestHandler._template_loaders.clear()
    yield
    RequestHandler._template_loaders.clear()


class Page(RequestHandler):
    def get(self) -> None:
        self.render("page.html", word="<b>")


def page(source: str, *more_rules: Any, **settings: Any) -> str:
    """Return what a page with this source becomes."""
    templates = {"page.html": source, **settings.pop("templates", {})}
    loader = DictLoader(templates)
    client = client_of(("/", Page), *more_rules, template_loader=loader, **settings)
    found = client.get("/")
    assert found.status_code == 200
    text: str = found.data.decode()
    return text


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("{{ word }}", "&lt;b&gt;"),
        ("{% raw word %}", "<b>"),
        ("{{ request.path }}", "/"),
        ("{{ handler.__class__.__name__ }}", "Page"),
        ("{{ current_user }}", "None"),
        ("{{ locale.code }}", "en_US"),
        ("{{ _('ok') }}", "ok"),
        ("{{ pgettext('c', 'ok') }}", "ok"),
        ("{{ static_url('a', include_version=False) }}", "/static/a"),
        ("{{ reverse_url('named', 7) }}", "/named/7"),
        ("{{ escape('<') }}", "&amp;lt;"),
        ("{% raw linkify('http://a.b/c') %}", '<a href="http://a.b/c">http://a.b/c</a>'),
        ("{% raw json_encode('</') %}", '"<\\/"'),
        ("{{ squeeze(' a   b ') }}", "a b"),
        ("{{ url_escape('a b') }}", "a+b"),
        ("{{ datetime.date(2020, 1, 2) }}", "2020-01-02"),
        ("{{ shout('a') }}", "GET a!"),
        ("{% module linkify('http://a.b/c') %}", '<a href="http://a.b/c">http://a.b/c</a>'),
        ("{% raw modules.Plain('x') %}", "[x]"),
    ],
)
def test_names_in_templates_g3(source: str, output: str) -> None:
    def shout(handler: RequestHandler, text: str) -> str:
        return f"{handler.request.method} {text}!"

    class Plain(UIModule):
        def render(self, text: str) -> str:
            return f"[{text}]"

    class Named(RequestHandler):
        pass

    made = page(
        source,
        url("/named/(.*)", Named, name="named"),
        static_path="/nowhere",
        ui_methods={"shout": shout},
        ui_modules={"Plain": Plain},
    )
    assert made == output


def test_xsrf_form_html_in_a_page_g3() -> None:
    for source in ("{% raw xsrf_form_html() %}", "{% module xsrf_form_html() %}"):
        assert page(source).startswith('<input type="hidden" name="_xsrf" value="2|')


def test_what_render_is_given_wins_over_the_names_g3() -> None:
    """And ``{% module %}`` works when a program takes the name ``modules``."""

    class Own(RequestHandler):
        def get_template_namespace(self) -> dict[str, Any]:
            names = super().get_template_namespace()
            names["color"] = "blue"
            names["request"] = "mine"
            return names

        def get(self) -> None:
            self.render("page.html", color="red", modules="taken", handler="h")

    source = "{{ color }} {{ request }} {{ modules }} {{ handler }} {% module linkify('x') %}"
    client = client_of(("/", Own), template_loader=DictLoader({"page.html": source}))
    assert client.get("/").data == b"red mine taken h x"


# -- modules on a page -----------------------------------------------------------------------------


class Card(UIModule):
    def render(self, number: int) -> str:
        return self.render_string("card.html", number=number).decode()

    def embedded_javascript(self) -> str:
        return "js()"

    def javascript_files(self) -> list[str]:
        return ["/a.js", "b.js", "https://c.example/c.js", "/a.js"]

    def embedded_css(self) -> str:
        return ".card{}"

    def css_files(self) -> str:
        return "/card.css?a=1&b=2"

    def html_head(self) -> str:
        return "<meta>"

    def html_body(self) -> str:
        return "<i></i>"


def test_what_a_module_brings_is_put_into_the_page_g3() -> None:
    made = page(
        PAGE + "<!-- </body> -->",
        ui_modules={"Card": Card},
        templates={"card.html": "<p>{{ number }}</p>"},
        static_path="/nowhere",
        static_handler_class=Unversioned,
    )
    assert made == (
        "<html><head><title>t</title>"
        '<link href="/card.css?a=1&amp;b=2" type="text/css" rel="stylesheet"/>\n'
        '<style type="text/css">\n.card{}\n</style>\n'
        "<meta>\n"
        "</head><body><p>1</p></body></html><!-- "
        '<script src="/a.js" type="text/javascript"></script>'
        '<script src="/static/b.js" type="text/javascript"></script>'
        '<script src="https://c.example/c.js" type="text/javascript"></script>\n'
        '<script type="text/javascript">\n//<![CDATA[\njs()\n//]]>\n</script>\n'
        "<i></i>\n"
        "</body> -->"
    )


class Unversioned:
    @classmethod
    def make_static_url(cls, settings: dict[str, Any], path: str) -> str:
        return f"/static/{path}"


def test_a_module_used_often_brings_its_parts_once_g3() -> None:
    made = page(
        "<head></head><body>{% for n in range(3) %}{% module Card(n) %}{% end %}</body>",
        ui_modules={"Card": Card},
        templates={"card.html": "{{ number }}"},
        static_path="/nowhere",
        static_handler_class=Unversioned,
    )
    assert "<body>012<script" in made
    assert made.count("js()") == made.count("<meta>") == made.count("card.css") == 1


def test_ways_of_rendering_can_be_replaced_g3() -> None:
    class Modern(RequestHandler):
        def render_linked_js(self, js_files: Any) -> str:
            return "".join(f"<script defer src={file}></script>" for file in js_files)

        def render_embed_css(self, css_embed: Any) -> bytes:
            return b"<style>" + b"".join(css_embed) + b"</style>"

        def get(self) -> None:
            self.render("page.html")

    templates = {"page.html": PAGE, "card.html": "x"}
    client = client_of(
        ("/", Modern), template_loader=DictLoader(templates), ui_modules={"Card": Card}
    )
    made = client.get("/").data
    assert b"<script defer src=b.js></script>" in made
    assert b"<style>.card{}</style>" in made


def test_a_page_without_a_place_for_the_parts_says_so_g3(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Scripted(UIModule):
        def render(self) -> str:
            return ""

        def embedded_javascript(self) -> str:
            return "x"

    loader = DictLoader({"page.html": "{% module Scripted() %}"})
    client = client_of(("/", Page), template_loader=loader, ui_modules={"Scripted": Scripted})
    assert client.get("/").status_code == 500
    assert "has something to put before </body>" in caplog.text


def test_the_template_module_g3() -> None:
    part = (
        "{% set _r = set_resources(embedded_css='c'+style, javascript_files='/t.js',"
        " css_files=['/t.css'], html_head='<h>', html_body='<z>', embedded_javascript='j') %}"
        "[{{ n }}]"
    )
    source = (
        "<head></head><body>{% module Template('part.html', n=1, style='') %}"
        "{% module Template('part.html', n=2, style='') %}</body>"
    )
    made = page(source, templates={"part.html": part})
    assert "<body>[1][2]<script" in made
    assert made.count("/t.js") == made.count("/t.css") == made.count("<h>") == 1
    assert made.count("<z>") == 1
    assert "\nc\n" in made
    assert "\nj\n" in made


def test_the_template_modules_resources_must_stay_the_same_g3(
    caplog: pytest.LogCaptureFixture,
) -> None:
    part = "{% set _r = set_resources(embedded_css=style) %}"
    source = (
        "<head></head>{% module Template('part.html', style='a') %}"
        "{% module Template('part.html', style='b') %}"
    )
    loader = DictLoader({"page.html": source, "part.html": part})
    assert client_of(("/", Page), template_loader=loader).get("/").status_code == 500
    assert "set_resources called with different resources" in caplog.text


def test_what_a_module_knows_g3() -> None:
    class Knows(UIModule):
        def render(self) -> str:
            return " ".join(
                [
                    type(self.handler).__name__,
                    self.request.path,
                    self.locale.code,
                    str(self.current_user),
                    str(self.ui["shout"]("x")),
                ]
            )

    made = page(
        "{% module Knows() %}",
        ui_modules={"Knows": Knows},
        ui_methods={"shout": lambda handler, text: text.upper()},
    )
    assert made == "Page / en_US None X"


def test_an_unknown_module_is_an_error_of_the_page_g3(caplog: pytest.LogCaptureFixture) -> None:
    loader = DictLoader({"page.html": "{% module Missing() %}"})
    found = client_of(("/", Page), template_loader=loader).get("/")
    assert found.status_code == 500
    assert "Missing" in caplog.text
    assert b"Missing" not in found.data


# -- where templates come from ---------------------------------------------------------------------


def test_templates_of_a_folder_g3(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{% extends 'base.html' %}{% block b %}{{ word }}{% end %}")
    (tmp_path / "base.html").write_text("<{% block b %}{% end %}>")
    client = client_of(("/", Page), template_path=str(tmp_path))
    assert client.get("/").data == b"<&lt;b&gt;>"
    assert list(RequestHandler._template_loaders) == [str(tmp_path)]
    (tmp_path / "page.html").write_text("changed")
    assert client.get("/").data == b"<&lt;b&gt;>"


def test_without_the_cache_templates_are_read_anew_g3(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("one")
    client = client_of(("/", Page), template_path=str(tmp_path), compiled_template_cache=False)
    assert client.get("/").data == b"one"
    (tmp_path / "page.html").write_text("two")
    assert client.get("/").data == b"two"


def test_settings_of_the_loader_g3(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ word }}\n\n   x")
    settings: dict[str, Any] = {"autoescape": None, "template_whitespace": "oneline"}
    client = client_of(("/", Page), template_path=str(tmp_path), **settings)
    assert client.get("/").data == b"<b> x"


def test_without_a_path_templates_are_beside_the_handler_g3(tmp_path: Path) -> None:
    """The folder is that of the file that calls ``render``, whatever stands between."""
    (tmp_path / "page.html").write_text("beside {% module Template('part.html') %}")
    (tmp_path / "part.html").write_text("{{ handler.part() }}")
    (tmp_path / "leaf.html").write_text("me")
    source = (
        "class Beside(Base):\n"
        "    def get(self):\n"
        "        self.render('page.html')\n"
        "    def part(self):\n"
        "        return self.render_string('leaf.html')\n"
    )
    names: dict[str, Any] = {"Base": RequestHandler}
    exec(compile(source, str(tmp_path / "program.py"), "exec"), names)
    assert client_of(("/", names["Beside"])).get("/").data == b"beside me"


def test_a_handler_chooses_path_and_loader_g3(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("of the handler")
    made: list[str] = []

    class Own(Page):
        def get_template_path(self) -> str:
            return str(tmp_path)

        def create_template_loader(self, template_path: str) -> Loader:
            made.append(template_path)
            return Loader(template_path)

    client = client_of(("/", Own), template_path="/nowhere")
    assert client.get("/").data == client.get("/").data == b"of the handler"
    assert made == [str(tmp_path)]


def test_render_after_finish_g3(caplog: pytest.LogCaptureFixture) -> None:
    class Twice(RequestHandler):
        def get(self) -> None:
            self.finish("done")
            self.render("page.html")

    client = client_of(("/", Twice), template_loader=DictLoader({"page.html": ""}))
    assert client.get("/").data == b"done"
    assert "Cannot render() after finish()" in caplog.text
