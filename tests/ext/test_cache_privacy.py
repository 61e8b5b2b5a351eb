"""Whose answers a cache keeps: what was made for one client, or for nobody in particular, is no
other's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from waterspout import App, RequestHandler, csrf_token, request
from waterspout.ext.auth import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
)
from waterspout.ext.cache import Cache
from waterspout.server import serve_in_thread
from waterspout.tornado.template import DictLoader


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


def make_app() -> tuple[App, Cache]:
    """Return an application with a login at ``/login/<name>``."""
    app = App(__name__)
    app.config.update(SECRET_KEY="a long random text")
    manager = LoginManager(app)
    manager.user_loader(User)

    @app.get("/login/<name>")
    def login(name: str) -> str:
        login_user(User(name))
        return "in"

    return app, Cache(app)


@contextmanager
def visitors(app: App) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Yield Ada's client, who is logged in, and one of nobody in particular."""
    with serve_in_thread(app) as server:
        url = server.urls[0]
        with httpx.Client(base_url=url) as ada, httpx.Client(base_url=url) as nobody:
            assert ada.get("/login/ada").text == "in"
            yield ada, nobody


def add_user_pages(app: App, cache: Cache) -> None:
    """Add cached pages that greet the user, of every kind."""
    keep = cache.cached(timeout=60)

    @app.get("/def")
    @keep
    def view() -> str:
        return current_user.get_id() or "nobody"

    @app.get("/async")
    @keep
    async def async_view() -> str:
        return current_user.get_id() or "nobody"

    class Handler(RequestHandler):
        @keep
        def get(self) -> None:
            self.write(self.current_user.id if self.current_user else "nobody")

    class Page(RequestHandler):
        @keep
        async def get(self) -> None:
            await self.render("page.html")

    class Own(RequestHandler):
        async def prepare(self) -> None:
            self.current_user = self.get_cookie("session") and "ada"

        @keep
        async def get(self) -> None:
            self.write(self.current_user or "nobody")

    class Signed(RequestHandler):
        def get_current_user(self) -> str | None:
            found = self.get_signed_cookie("name")
            return None if found is None else found.decode()

        @keep
        def get(self) -> None:
            self.write(self.current_user or "nobody")

    class SignIn(RequestHandler):
        def get(self) -> None:
            self.set_signed_cookie("name", "ada")

    app.handler_settings["template_loader"] = DictLoader(
        {"page.html": "{{ current_user.id if current_user else 'nobody' }}", "plain.html": "plain"}
    )
    handlers = {"handler": Handler, "page": Page, "own": Own, "signed": Signed, "sign-in": SignIn}
    app.add_handlers([(f"/{name}", handler) for name, handler in handlers.items()])


@pytest.mark.parametrize("first", ["ada", "nobody"])
def test_a_page_for_nobody_is_not_for_a_user_and_the_reverse(first: str) -> None:
    app, cache = make_app()
    add_user_pages(app, cache)
    with visitors(app) as (ada, nobody):
        assert ada.get("/sign-in").status_code == 200
        clients = {"ada": ada, "nobody": nobody}
        order = [first, *(name for name in clients if name != first)]
        for path in ("/def", "/async", "/handler", "/page", "/own", "/signed"):
            for name in order:
                assert clients[name].get(path).text == name, (path, name)


def add_cookie_pages(app: App, cache: Cache) -> None:
    """Add cached pages that show a cookie, or a token that belongs to one."""
    keep = cache.cached(timeout=60)

    @app.get("/view")
    @keep
    def view() -> str:
        return request.cookies.get("theme", "none")

    @app.get("/async")
    @keep
    async def async_view() -> str:
        return request.cookies.get("theme", "none")

    class Handler(RequestHandler):
        @keep
        def get(self) -> None:
            self.write(self.get_cookie("theme", "none"))

    class AsyncHandler(RequestHandler):
        async def prepare(self) -> None:
            self.get_cookie("theme")

        @keep
        async def get(self) -> None:
            morsel = self.request.cookies.get("theme")
            self.write("none" if morsel is None else morsel.value)

    app.add_handlers([("/handler", Handler), ("/async-handler", AsyncHandler)])


@pytest.mark.parametrize("themes", [("dark", None), (None, "dark"), ("dark", "light")])
def test_a_page_made_by_a_cookie_is_not_for_others(themes: tuple[str | None, ...]) -> None:
    """Also where a hook has read the cookies before; the page that reads none is kept."""
    app, cache = make_app()
    add_cookie_pages(app, cache)
    asked = itertools.count(1)

    @app.before_request
    def count_visit() -> None:
        assert request.cookies.get("theme") != "bad"

    @app.get("/open")
    @cache.cached(timeout=60)
    async def plain() -> str:
        return str(next(asked))

    with serve_in_thread(app) as server:
        for path in ("/view", "/async", "/handler", "/async-handler"):
            for theme in themes:
                cookies = {} if theme is None else {"Cookie": f"theme={theme}"}
                answer = httpx.get(server.urls[0].rstrip("/") + path, headers=cookies)
                assert answer.text == (theme or "none"), path
        for _ in themes:
            found = httpx.get(server.urls[0] + "/open", headers={"Cookie": "theme=dark"})
            assert found.text == "1"


@pytest.mark.parametrize("kind", ["view", "handler"])
def test_a_form_with_a_token_is_its_clients(kind: str) -> None:
    """The token that was made for one client, whose cookie is set beside the page."""
    app, cache = make_app()

    @app.get("/view")
    @cache.cached(timeout=60)
    def view() -> str:
        return csrf_token()

    class Handler(RequestHandler):
        def prepare(self) -> None:
            assert self.xsrf_token  # as programs do so that the cookie is always set

        @cache.cached(timeout=60)
        def get(self) -> None:
            self.write(self.xsrf_token)

    class Send(RequestHandler):
        def post(self) -> None:
            self.check_xsrf_cookie()
            self.write("sent")

    app.add_handlers([("/handler", Handler), ("/send", Send)])
    with visitors(app) as clients:
        for client in clients:
            token = client.get(f"/{kind}").text
            assert client.post("/send", headers={"X-XSRFToken": token}).text == "sent"


def test_a_page_that_asks_for_nobody_is_kept_whoever_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A handler's template that shows no user, and what a login stands in front of."""
    app, cache = make_app()
    add_user_pages(app, cache)
    asked = itertools.count(1)

    class Plain(RequestHandler):
        @cache.cached(timeout=60)
        async def get(self) -> None:
            self.set_header("X-Number", str(next(asked)))
            await self.render("plain.html")

    @app.get("/members")
    @login_required
    @cache.cached(timeout=60)
    async def members() -> str:
        return str(next(asked))

    app.add_handlers([("/plain", Plain)])
    with visitors(app) as (ada, nobody):
        assert [one.get("/plain").headers["x-number"] for one in (ada, nobody)] == ["1", "1"]
        assert [ada.get("/members").text for _ in range(2)] == ["2", "2"]
        assert nobody.get("/members").status_code == 401
        assert "is not cached" not in caplog.text
        nobody.get("/handler")
        assert "Handler.get is not cached: it asks who the user is." in caplog.text


@pytest.mark.parametrize("kind", ["def", "async", "handler"])
def test_a_key_for_each_user(kind: str) -> None:
    """``per=``: one answer a user, and one for all that are not logged in; forgotten one by one."""
    app, cache = make_app()
    asked = itertools.count(1)
    keep = cache.cached(timeout=60, per=lambda: current_user.get_id())

    def text() -> str:
        return f"{current_user.get_id()} {next(asked)}"

    async def async_text() -> str:
        return text()

    class Handler(RequestHandler):
        @keep
        async def get(self) -> None:
            self.write(text())

    if kind == "handler":
        app.add_handlers([("/page", Handler)])
    else:
        app.add_url_rule("/page", "page", keep(text if kind == "def" else async_text))
    with visitors(app) as (ada, nobody):
        assert [ada.get("/page").text for _ in range(2)] == ["ada 1"] * 2
        assert [nobody.get("/page").text for _ in range(2)] == ["None 2"] * 2
        assert nobody.get("/login/bo").text == "in"
        assert [nobody.get("/page").text, ada.get("/page").text] == ["bo 3", "ada 1"]
        if kind != "handler":
            with app.app_context():
                assert cache.delete_cached(app.view_functions["page"], "/page", per="ada")
            assert [nobody.get("/page").text, ada.get("/page").text] == ["bo 3", "ada 4"]


def test_a_key_for_each_user_of_a_handler() -> None:
    """The function may take the handler."""
    app, cache = make_app()
    asked = itertools.count(1)

    class Handler(RequestHandler):
        @cache.cached(timeout=60, per=lambda handler: handler.get_cookie("theme"))
        def get(self) -> None:
            self.write(f"{self.get_cookie('theme')} {next(asked)}")

    app.add_handlers([("/page", Handler)])
    with serve_in_thread(app) as server:
        found = [
            httpx.get(server.urls[0] + "/page", headers={"Cookie": f"theme={theme}"}).text
            for theme in ("dark", "light", "dark")
        ]
    assert found == ["dark 1", "light 2", "dark 1"]


@pytest.mark.parametrize("option", [{"shared": True}, {"per": lambda: 1}])
def test_what_sets_a_cookie_is_never_kept(option: dict[str, Any]) -> None:
    app, cache = make_app()
    asked = itertools.count(1)

    @app.get("/view")
    @cache.cached(timeout=60, **option)
    def view() -> tuple[str, dict[str, str]]:
        return "", {"Set-Cookie": f"number={next(asked)}"}

    with visitors(app) as clients:
        for number, client in enumerate(clients, 1):
            assert client.get("/view").cookies["number"] == str(number)


@pytest.mark.parametrize("field", ["Cookie", "Accept-Language", "*"])
def test_an_answer_that_varies_is_not_kept(field: str) -> None:
    app, cache = make_app()
    asked = itertools.count(1)

    @app.get("/view")
    @cache.cached(timeout=60)
    def view() -> tuple[str, dict[str, str]]:
        return str(next(asked)), {"Vary": field}

    with visitors(app) as clients:
        assert [client.get("/view").text for client in clients] == ["1", "2"]
