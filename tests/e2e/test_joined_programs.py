"""Programs of several kinds in one process, joined or mounted."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from e2e_clients import ask
from e2e_servers import Serve

from waterspout import App, redirect, request, session, url_for
from waterspout.tornado.web import (
    Application,
    RequestHandler,
    StaticFileHandler,
    addslash,
    authenticated,
    url,
)


class Here(RequestHandler):
    """Who asks for what, and where everything else is."""

    def get(self) -> None:
        self.write(
            {
                "user": self.current_user,
                "path": self.request.path,
                "own": self.reverse_url("here"),
                "item": self.reverse_url("item", 5),
                "view": self.reverse_url("login"),
                "with_value": self.reverse_url("profile", "ann"),
            }
        )


class Item(RequestHandler):
    def get(self, number: str) -> None:
        self.write(url_for("login"))


class Private(RequestHandler):
    @authenticated
    def get(self) -> None:
        self.write("private")


class Slashed(RequestHandler):
    @addslash
    def get(self) -> None:
        self.write("slashed")


def tornado_part(**settings: Any) -> Application:
    rules = [
        url("/here", Here, name="here"),
        url(r"/item/(\d+)", Item, name="item"),
        ("/private", Private),
        ("/slashed/?", Slashed),
    ]
    return Application([*rules, *settings.pop("handlers", [])], **settings)


@pytest.fixture
def joined(app: App) -> App:
    """A Flask part with a login, and the user that it means."""

    @app.post("/login")
    def login() -> Any:
        session["user"] = request.form["user"]
        return redirect("/")

    @app.get("/people/<name>")
    def profile(name: str) -> str:
        return url_for("here")

    app.add_url_rule("/login", "login_form", lambda: "who are you?")
    app.identify(lambda: session.get("user"))
    return app


def cookie_of(port: int) -> str:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    answer = ask(port, "/login", "POST", b"user=ann", **form)
    return answer.headers["set-cookie"].partition(";")[0]


def test_a_login_of_the_flask_part_is_seen_in_the_tornado_part(joined: App, serve: Serve) -> None:
    """Ideal: "login in the Flask part is visible in the Tornado part": beside, mounted, and in a
    mounted `App`."""
    inner = App("inner")
    inner.get("/who")(lambda: session.get("user", "nobody"))
    joined.add_handlers([url("/here", Here, name="here"), url(r"/item/(\d+)", Item, name="item")])
    joined.mount("/tornado", tornado_part())
    joined.mount("/inner", inner)
    with serve(joined) as port:
        assert '"user": null' in ask(port, "/tornado/here").text
        cookie = cookie_of(port)
        for path in ("/here", "/tornado/here"):
            assert '"user": "ann"' in ask(port, path, Cookie=cookie).text
        assert ask(port, "/inner/who", Cookie=cookie).text == "ann"


def test_url_for_and_reverse_url_cross_the_border(joined: App, serve: Serve) -> None:
    """Ideal: "`url_for` and `reverse_url` cross the border", with the prefix of what is mounted."""
    joined.mount("/tornado", tornado_part())
    with serve(joined) as port:
        body = ask(port, "/tornado/here").text
        for name, path in {
            "path": "/here",
            "own": "/tornado/here",
            "item": "/tornado/item/5",
            "view": "/login",
            "with_value": "/people/ann",
        }.items():
            assert f'"{name}": "{path}"' in body
        assert ask(port, "/tornado/item/5").text == "/login"
        assert ask(port, "/people/ann").text == "/tornado/here"
    with joined.test_request_context(base_url="https://demand.test/site"):
        assert url_for("item", path_args=(7,)) == "/site/tornado/item/7"
        external = url_for("item", path_args=(7,), _external=True, _anchor="top")
        assert external == "https://demand.test/site/tornado/item/7#top"


def test_urls_to_and_from_a_mounted_app(joined: App, serve: Serve) -> None:
    """An endpoint of an `App` at /shop/admin is ``shop.admin.endpoint`` outside; inside, what it
    does not have itself is the outer one's."""
    shop = App("shop", static_folder=None)
    shop.get("/list/<kind>", endpoint="list")(
        lambda kind: f"{url_for('list', kind='b')} {url_for('profile', name='bob')}"
    )
    joined.mount("/shop/admin", shop)
    joined.get("/from-outside", endpoint="from_outside")(
        lambda: url_for("shop.admin.list", kind="a", page=2)
    )
    joined.get("/unknown", endpoint="unknown")(lambda: url_for("shop.admin.nothing"))
    with serve(joined) as port:
        assert ask(port, "/from-outside").text == "/shop/admin/list/a?page=2"
        assert ask(port, "/shop/admin/list/a").text == "/shop/admin/list/b /people/bob"
        assert ask(port, "/unknown").status == 500


def test_what_tornado_redirects_to_carries_the_prefix(
    joined: App, serve: Serve, tmp_path: Any
) -> None:
    """A path of the mounted application gets its prefix; the login page of the outer one not."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.css").write_text("")
    files = [("/files/(.*)", StaticFileHandler, {"path": str(tmp_path), "default_filename": "i"})]

    class Style(RequestHandler):
        def get(self) -> None:
            self.write(self.static_url("page.css", include_version=False))

    handlers = [*files, ("/style", Style)]
    part = tornado_part(handlers=handlers, static_path=str(tmp_path), login_url="/login")
    joined.mount("/tornado", part)
    joined.mount("/other", tornado_part(login_url="/here"))
    with serve(joined) as port:

        def location(path: str) -> str:
            return ask(port, path).headers["location"]

        assert location("/tornado/private") == "/login?next=%2Ftornado%2Fprivate"
        assert location("/other/private") == "/other/here?next=%2Fother%2Fprivate"
        assert location("/tornado/slashed") == "/tornado/slashed/"
        assert location("/tornado/files/folder") == "/tornado/files/folder/"
        assert ask(port, "/tornado/style").text == "/tornado/static/page.css"
        assert ask(port, "/tornado/static/page.css").status == 200


def test_error_handlers_cross_the_border(app: App, serve: Serve) -> None:
    """Ideal: "one set of error handlers": those of the app answer for handlers, mounted Tornado
    applications and foreign programs; a mounted `App` has its own."""

    class Failing(RequestHandler):
        def get(self) -> None:
            raise LookupError("of the handler")

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("of the ASGI program")

    def failing_wsgi(environ: Any, start_response: Any) -> Any:
        raise LookupError("of the WSGI program")

    inner = App("inner")
    inner.errorhandler(404)(lambda error: ("inner page", 404))
    app.errorhandler(404)(lambda error: ("outer page", 404))
    app.errorhandler(LookupError)(lambda error: (f"caught: {error}", 418))
    app.add_handlers([("/handler", Failing)])
    app.mount("/tornado", Application([("/failing", Failing)]))
    app.mount("/asgi", failing)
    app.mount("/wsgi", failing_wsgi)
    app.mount("/inner", inner)
    with serve(app) as port:
        for path, who in {
            "/handler": "handler",
            "/tornado/failing": "handler",
            "/asgi/": "ASGI program",
            "/wsgi/": "WSGI program",
        }.items():
            answer = ask(port, path)
            assert (answer.status, answer.text) == (418, f"caught: of the {who}")
        assert ask(port, "/tornado/nothing").text == "outer page"
        assert ask(port, "/inner/nothing").text == "inner page"


def test_a_mounted_app_has_its_own_limits_hooks_and_middleware(app: App, serve: Serve) -> None:
    """It is asked in place of the outer one: behind every door, also if it is wrapped."""
    inner, wrapped = App("inner"), App("wrapped")
    for each, name in ((app, "outer"), (inner, "inner"), (wrapped, "wrapped")):

        @each.before_send
        def sign(response: Any, name: str = name) -> None:
            response.headers["X-By"] = name

        each.post("/size", endpoint="size")(lambda: str(len(request.data)))
    inner.config["MAX_CONTENT_LENGTH"] = 3_000_000
    app.config["MAX_CONTENT_LENGTH"] = 1000
    below, seen = wrapped.wsgi_app, []

    def middleware(environ: Any, start_response: Any) -> Any:
        seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        return below(environ, start_response)

    wrapped.wsgi_app = middleware  # type: ignore[method-assign]  # as programs do
    app.mount("/inner", inner)
    app.mount("/wrapped", wrapped)
    with serve(app) as port:
        answer = ask(port, "/inner/size", "POST", b"x" * 2_000_000)
        assert (answer.text, answer.headers["x-by"]) == ("2000000", "inner")
        answer = ask(port, "/wrapped/size", "POST", b"x" * 500)
        assert (answer.text, answer.headers["x-by"]) == ("500", "wrapped")
        assert ask(port, "/size", "POST", b"x" * 2000).status == 413
        assert ask(port, "/size", "POST", b"x").headers["x-by"] == "outer"
    assert seen == [("/wrapped", "/size")]


def test_one_log(
    joined: App, native: Serve, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Ideal: "one log": each request is one line of the server's, whoever answered; and an error is
    logged once."""
    inner = App("inner")

    @inner.get("/failing")
    def failing() -> str:
        raise LookupError("told once")

    joined.get("/view")(lambda: "view")
    joined.mount("/tornado", tornado_part())
    joined.mount("/inner", inner)
    paths = ["/view", "/tornado/here", "/inner/failing", "/inner/nothing"]
    with native(joined, access_log="-") as port:
        for path in paths:
            ask(port, path)
    lines = [line for line in capfd.readouterr().out.splitlines() if "HTTP/1.1" in line]
    assert [line.split('"')[1].split()[1] for line in lines] == paths
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [str(record.exc_info[1]) for record in errors if record.exc_info] == ["told once"]


def test_one_lifespan(app: App, serve: Serve) -> None:
    """Ideal: "one lifespan": what is mounted starts after the app, stops before it, each once."""
    said: list[str] = []
    shop, deep = App("shop"), App("deep")
    for each in (app, shop, deep):

        def note(what: str, name: str = each.name) -> None:
            said.append(f"{name} {what}")

        @each.lifespan
        @asynccontextmanager
        async def context(app: App, note: Any = note) -> AsyncIterator[None]:
            note("enters")
            yield
            note("leaves")

        each.on_startup(lambda note=note: note("starts"))
        each.on_shutdown(lambda note=note: note("stops"))
    shop.mount("/deep", deep)
    app.mount("/shop", shop)
    app.mount("/again", deep)
    with serve(app) as port:
        ask(port, "/")  # it is up
        begun = ["demand enters", "demand starts", "shop enters", "shop starts"]
        assert said == [*begun, "deep enters", "deep starts"]
        said.clear()
    assert said == [
        *("deep stops", "shop stops", "demand stops"),
        *("deep leaves", "shop leaves", "demand leaves"),
    ]


def test_an_app_in_a_tornado_application_in_an_app(joined: App, serve: Serve) -> None:
    """Each is where its own path and the others' say."""
    inner = App("inner", static_folder=None)
    inner.get("/where", endpoint="where")(lambda: url_for("where"))
    part = tornado_part()
    part.mount("/inner", inner)
    joined.mount("/tornado", part)
    with serve(joined) as port:
        assert ask(port, "/tornado/inner/where").text == "/tornado/inner/where"
        assert '"own": "/tornado/here"' in ask(port, "/tornado/here").text
