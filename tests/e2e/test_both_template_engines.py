"""Blocks, errors that say where, and both engines side by side."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import tornado.template
from e2e_clients import ask
from e2e_servers import Serve
from jinja2 import DictLoader
from markupsafe import Markup

from waterspout import App, render_block, render_page, render_template, stream_template
from waterspout.flask import Flask
from waterspout.tornado.web import Application, RequestHandler, UIModule, url

PAGES = {
    # A page for each engine, which extends one and includes another.
    "base.jinja.html": "<h1>{{ site }}</h1>{% block main %}{% endblock %}",
    "page.jinja.html": (
        '{% extends "base.jinja.html" %}\n{% block main %}\n'
        '<p>{{ name }}</p>{% include "part.jinja.html" %}{% endblock %}'
    ),
    "part.jinja.html": "<i>\n{{ 1 // number }}</i>",
    "base.tornado.html": (
        '{% from math import pi %}<h1>{{ site }}</h1>{% block main %}{% end %}{{ f"{pi:.2f}" }}'
    ),
    "page.tornado.html": (
        '{% extends "base.tornado.html" %}\n{% block main %}\n'
        '<p>{{ name }}</p>{% include "part.tornado.html" %}{% end %}'
    ),
    "part.tornado.html": "<i>\n{{ 1 // number }}</i>",
    # Names that say nothing: each place has its own engine.
    "plain.html": "{{ name }}{% if True %}!{% endif %}",
    "handlers.html": "{{ name }}{% if True %}!{% end %}{{ site }}",
    "broken.tornado.html": "fine\n{{ 1 +* 2 }}",
}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def site(pages: Path) -> App:
    """An application whose templates all see ``site``."""
    app = App("site", template_folder=str(pages))
    app.config.update(SECRET_KEY="demand")
    app.context_processor(lambda: {"site": "<Site>"})
    return app


def view_of(app: App, page: str, /, **values: Any) -> None:
    app.add_url_rule("/view", "view", lambda: render_template(page, **values))


def handler_of(page: str, /, **values: Any) -> type[RequestHandler]:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.render(page, **values)

    return Handler


@pytest.mark.parametrize("engine", ["jinja", "tornado"])
def test_the_engine_is_chosen_by_suffix(site: App, serve: Serve, engine: str) -> None:
    """Ideal: "engine chosen by file suffix …; the same context processors, autoescape rules": the
    same page, byte for byte, from a view and from a handler."""
    name = f"page.{engine}.html"
    view_of(site, name, name="<b>", number=1)
    site.add_handlers([("/handler", handler_of(name, name="<b>", number=1))])
    with serve(site) as port:
        of_view, of_handler = ask(port, "/view"), ask(port, "/handler")
    assert of_view.status == of_handler.status == 200
    assert of_view.body == of_handler.body
    assert "<h1>&lt;Site&gt;</h1>" in of_view.text
    assert "<p>&lt;b&gt;</p>" in of_view.text


def test_other_names_belong_to_the_engine_of_the_place(site: App, serve: Serve) -> None:
    """A Flask view has Jinja's, a Tornado handler Tornado's, with the app's context processors."""
    view_of(site, "plain.html", name="&")
    site.add_handlers([("/handler", handler_of("handlers.html", name="&"))])
    with serve(site) as port:
        assert ask(port, "/view").text == "&amp;!"
        assert ask(port, "/handler").text == "&amp;!&lt;Site&gt;"


def test_the_engine_is_chosen_by_folder(site: App, pages: Path, serve: Serve) -> None:
    """Ideal: "or folder": in the settings, it ends with a slash."""
    (pages / "old").mkdir()
    (pages / "old" / "page.html").write_text("{% for x in range(2) %}{{ x }}{% end %}{{ name }}")
    site.config["TORNADO_TEMPLATES"] = ["old/"]
    view_of(site, "old/page.html", name="<b>")
    with serve(site) as port:
        assert ask(port, "/view").text == "01&lt;b&gt;"


def test_a_plain_tornado_application_renders_as_ever(pages: Path, serve: Serve) -> None:
    """Its names are all for its own engine."""
    (pages / "odd.jinja.html").write_text("{% if True %}{{ name }}{% end %}")
    handlers = [("/odd", handler_of("odd.jinja.html", name="&"))]
    with serve(Application(handlers, template_path=str(pages))) as port:
        assert ask(port, "/odd").text == "&amp;"


def test_names_and_filters_are_the_same_in_both(site: App) -> None:
    """Ideal: "filters in both": globals, `url_for`, and the app's filters as ``filters.x(…)``."""
    site.template_filter("twice")(lambda value, between="": f"{value}{between}{value}")
    site.template_global("shout")(lambda value: value.upper())
    site.add_url_rule("/somewhere", "somewhere", lambda: "")
    folder = Path(str(site.template_folder))
    both = "{{ shout('x') }} {{ url_for('somewhere') }} {{ request.path }} "
    (folder / "a.jinja.html").write_text(both + "{{ 'a'|twice(between='&') }}")
    (folder / "a.tornado.html").write_text(both + "{{ filters.twice('a', between='&') }}")
    with site.test_request_context("/here"):
        texts = {render_template(f"a.{engine}.html") for engine in ("jinja", "tornado")}
    assert texts == {"X /somewhere /here a&amp;a"}


def test_the_first_of_several_names(site: App) -> None:
    """As for Jinja's: a name that is not there is passed over, whatever its engine."""
    with site.test_request_context():
        for names in (
            ["no.tornado.html", "no.jinja.html", "part.tornado.html"],
            ["no.jinja.html", "part.tornado.html", "plain.html"],
            ["no.tornado.html", "part.jinja.html"],
        ):
            assert render_template(names, number=1) == "<i>\n1</i>"


@pytest.mark.parametrize("kind", ["view", "handler"])
def test_a_changed_template_is_seen(site: App, kind: str) -> None:
    """Both engines reload in development, also what is extended."""
    site.config["TEMPLATES_AUTO_RELOAD"] = True
    view_of(site, "page.tornado.html", name="n", number=1)
    site.add_handlers([("/handler", handler_of("page.tornado.html", name="n", number=1))])
    client = site.test_client()
    assert "<h1>" in client.get(f"/{kind}").text
    base = Path(str(site.template_folder)) / "base.tornado.html"
    base.write_text("<h2>{{ site }}</h2>{% block main %}{% end %}")
    assert "<h2>" in client.get(f"/{kind}").text


def test_jinja_pages_of_handlers_have_tornados_names(site: App, serve: Serve) -> None:
    """``handler``, ``reverse_url``, ``xsrf_form_html`` and UI modules, whose markup stays."""

    class Entry(UIModule):
        def render(self, name: str) -> str:
            return f"<li>{name}</li>"

    text = "{{ modules.Entry('x') }} {{ reverse_url('named') }} {{ handler.request.method }}"
    folder = Path(str(site.template_folder))
    (folder / "names.jinja.html").write_text(text + "{{ xsrf_form_html() }}{{ request.path }}")
    site.handler_settings["ui_modules"] = {"Entry": Entry}
    site.add_handlers([url("/named", handler_of("names.jinja.html"), name="named")])
    with serve(site) as port:
        body = ask(port, "/named").text
    assert body.startswith("<li>x</li> /named GET<input type=")
    assert body.endswith("/named")


# -- blocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["jinja", "tornado"])
def test_page_and_block_from_one_file_are_byte_equal(site: App, engine: str) -> None:
    """Ideal: "page and block from one file, byte-equal", for both engines."""
    values = {"name": "<b>", "number": 1}
    name = f"page.{engine}.html"
    with site.test_request_context():
        page = render_template(name, **values)
        block = render_block(name, "main", **values)
        assert "<p>&lt;b&gt;</p><i>\n1</i>" in block
        head, _, tail = page.partition(block)
        assert head.strip() == "<h1>&lt;Site&gt;</h1>"
        assert tail == {"jinja": "", "tornado": "3.14"}[engine]
        with pytest.raises(LookupError, match=r"no block 'side'.*Its blocks: main"):
            render_block(name, "side", **values)


@pytest.mark.parametrize("engine", ["jinja", "tornado"])
def test_htmx_gets_the_block(site: App, serve: Serve, engine: str) -> None:
    """Ideal: "automatic block for HTMX requests": the page for everybody else, by one view."""
    name = f"page.{engine}.html"
    site.get("/")(lambda: render_page(name, "main", name="n", number=1))
    with serve(site) as port:
        page = ask(port, "/")
        block = ask(port, "/", HX_Request="true")
        boosted = ask(port, "/", HX_Request="true", HX_Boosted="true")
    assert block.text.strip().startswith("<p>n</p>")
    assert block.body in page.body
    assert page.body == boosted.body != block.body
    assert all("HX-Request" in answer.headers["vary"] for answer in (page, block))


def test_a_page_is_streamed(site: App, serve: Serve) -> None:
    """Ideal: "`stream_template`", also by name for the other engine."""
    for engine in ("jinja", "tornado"):
        site.add_url_rule(
            f"/{engine}",
            engine,
            lambda name=f"page.{engine}.html": stream_template(name, name="n", number=1),
        )
    with serve(site) as port:
        assert ask(port, "/tornado").status == ask(port, "/jinja").status == 200


def test_what_has_to_be_awaited_works_for_both(site: App) -> None:
    """Ideal: "Async loaders and awaitables": context processors that are ``async def``."""

    @site.context_processor
    async def later() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"site": "later"}

    @site.get("/<engine>")
    async def view(engine: str) -> str:
        return await render_template(f"page.{engine}.html", name="n", number=1)

    async def ask_for_both() -> None:
        async with site.test_client() as client:
            for engine in ("jinja", "tornado"):
                answer = await client.get(f"/{engine}")
                assert "<h1>later</h1>" in answer.text

    asyncio.run(ask_for_both())


def test_a_tornado_template_includes_one_that_extends(site: App) -> None:
    """Ideal: "Tornado engine gains include-of-extending templates" (tornado#1521), where Tornado
    itself gives up."""
    text = '[{% include "page.tornado.html" %}]'
    folder = Path(str(site.template_folder))
    (folder / "outer.tornado.html").write_text(text)
    with site.test_request_context():
        page = render_template("page.tornado.html", name="n", number=1)
        assert render_template("outer.tornado.html", name="n", number=1) == f"[{page}]"
    theirs = tornado.template.DictLoader({**PAGES, "outer.tornado.html": text})
    with pytest.raises(NotImplementedError):
        theirs.load("outer.tornado.html")


# -- escaping ------------------------------------------------------------------------------------

VALUES = [
    "plain",
    "<script>alert(1)</script>",
    "a & b &amp; c",
    "\"double\" 'single'",
    "é 世界 \u2028",
    "",
    5,
    1.5,
    None,
    True,
    Markup("<b>kept</b>"),
]


@pytest.mark.parametrize("suffix", ["html", "htm", "xml", "xhtml", "svg", "txt", "js"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_autoescape_parity(value: Any, suffix: str) -> None:
    """Ideal: "autoescape parity suite with Tornado and Jinja2": one rule, the same bytes; the value
    of what Tornado itself escapes is the same, too."""
    app = Flask("parity")
    app.config["TORNADO_TEMPLATES"] = ["t/"]
    sources = {f"{folder}/x.{suffix}": "<{{ value }}>" for folder in ("j", "t")}
    app.jinja_loader = DictLoader(sources)
    with app.test_request_context():
        of_jinja = render_template(f"j/x.{suffix}", value=value)
        of_tornado = render_template(f"t/x.{suffix}", value=value)
    assert of_tornado == of_jinja
    if suffix == "html" and not isinstance(value, Markup):
        theirs = tornado.template.Template("<{{ value }}>").generate(value=value).decode()
        assert Markup(theirs).unescape() == Markup(of_tornado).unescape()
        assert ("<script>" in theirs) is ("<script>" in of_tornado) is False


def test_a_template_may_escape_otherwise() -> None:
    """Each engine's own words for it hold."""
    app = Flask("parity")
    app.jinja_loader = DictLoader(
        {
            "a.jinja.html": "{% autoescape false %}{{ v }}{% endautoescape %}{{ v|safe }}{{ v }}",
            "a.tornado.html": "{% raw v %}{{ filters.safe(v) }}{{ v }}",
            "b.tornado.html": "{% autoescape None %}{{ v }}",
        }
    )
    with app.test_request_context():
        assert render_template("a.jinja.html", v="<") == "<<&lt;"
        assert render_template("a.tornado.html", v="<") == "<<&lt;"
        assert render_template("b.tornado.html", v="<") == "<"


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["jinja", "tornado"])
@pytest.mark.parametrize("kind", ["view", "handler"])
def test_the_log_and_the_error_page_show_where(
    site: App, native: Serve, caplog: pytest.LogCaptureFixture, engine: str, kind: str
) -> None:
    """Ideal: "error page shows template file, line and source for both engines, through
    include/extends"."""
    name = f"page.{engine}.html"
    view_of(site, name, name="n", number=0)
    site.add_handlers([("/handler", handler_of(name, name="n", number=0))])
    with native(site) as port:
        assert ask(port, f"/{kind}").status == 500
    places = [(f"part.{engine}.html", 2, "{{ 1 // number }}")]
    places.append((name, 3, f'{{% include "part.{engine}.html" %}}'))
    _assert_places(caplog.text, places)

    site.debug = True
    site.config["PROPAGATE_EXCEPTIONS"] = True
    with native(site, debug=True) as port:
        answer = ask(port, f"/{kind}")
    assert answer.status == 500
    text = re.sub("<[^>]*>", "", answer.text)
    _assert_places(Markup(text).unescape(), places)


def _assert_places(text: str, places: list[tuple[str, int, str]]) -> None:
    for name, line, source in places:
        assert re.search(rf"{re.escape(name)}\W{{1,3}}\s*line\s*{line}\b", text), text
        assert source in text


def test_a_template_that_does_not_compile_says_where(
    site: App, native: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """The same for Python that is none, in a template."""
    view_of(site, "broken.tornado.html")
    with native(site) as port:
        assert ask(port, "/view").status == 500
    assert 'In template "broken.tornado.html", line 2\n    {{ 1 +* 2 }}' in caplog.text
