"""Request handlers and whole programs in one application, and behind every door."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from waterspout import (
    App,
    Blueprint,
    RequestHandler,
    abort,
    check_csrf,
    current_app,
    g,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
)
from waterspout.server.process.run import serve_in_thread
from waterspout.signals import got_request_exception, request_finished, request_started
from waterspout.tornado.web import Application, HTTPError, url

Answer = httpx.Response


def make_app() -> App:
    app = App(__name__, static_folder=None)
    app.secret_key = "one key for both wings"
    blueprint = Blueprint("pages", __name__, url_prefix="/pages")

    @app.identify
    def user() -> Any:
        return session.get("user")

    @app.post("/login")
    def login() -> Any:
        session["user"] = request.form["user"]
        return redirect(url_for("me"))

    @app.route("/me", endpoint="me")
    class Me(RequestHandler):
        def get(self) -> None:
            self.session["seen"] = self.session.get("seen", 0) + 1
            self.write({"user": self.current_user, "seen": self.session["seen"]})

    @app.get("/seen")
    def seen() -> Any:
        return {"seen": session.get("seen")}

    @app.route("/items/<int:item>")
    class Item(RequestHandler):
        async def get(self, item: int) -> None:
            self.write(repr(item))

        def post(self, item: int) -> None:
            self.write({"item": item, "name": self.get_body_argument("name")})

    @blueprint.route("/<name>")
    class Page(RequestHandler):
        def get(self, name: str) -> None:
            self.write(f"{name} by {g.by}")

    @app.before_request
    def before() -> None:
        g.by = "hook"

    @app.after_request
    def after(response: Any) -> Any:
        response.headers["X-After"] = f"{response.status_code}"
        return response

    class Old(RequestHandler):
        def initialize(self, greeting: str = "?") -> None:
            self.greeting = greeting

        def get(self, name: str, other: str) -> None:
            self.write(f"{self.greeting} {name} {other} {self.reverse_url('old', 'x', 'y')}")

    class Named(RequestHandler):
        def get(self, *, year: str) -> None:
            self.write(f"{year} {self.reverse_url('seen')} {current_app.url_for('named')}")

    class Failing(RequestHandler):
        def get(self) -> None:
            if self.get_argument("kind") == "http":
                raise HTTPError(404, "no such thing")
            raise LookupError("of the handler's")

    class Streaming(RequestHandler):
        async def get(self) -> None:
            for number in range(3):
                self.write(f"{number};")
                await self.flush()

    app.add_handlers(
        [
            url(r"/old/(\w+)/(\w*)", Old, {"greeting": "hello"}, name="old"),
            (r"/year/(?P<year>\d{4})", Named, None, "named"),
            (r"/failing", Failing),
            (r"/streaming", Streaming),
        ]
    )
    app.register_blueprint(blueprint)
    return app


@pytest.fixture(params=["socket", "asgi", "wsgi"])
def ask(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return what serves an app and gives a function that asks it, with one cookie jar."""
    servers: list[Any] = []

    def over_asgi(app: Any) -> Any:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        cookies = httpx.Cookies()

        async def send(method: str, path: str, options: Any) -> Answer:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", cookies=cookies
            ) as client:
                answer = await client.request(method, path, **options)
                cookies.update(client.cookies)
                return answer

        return lambda method, path, **options: asyncio.run(send(method, path, options))

    def serve(app: Any) -> Any:
        if request.param == "asgi":
            return over_asgi(app)
        if request.param == "wsgi":
            client = httpx.Client(
                transport=httpx.WSGITransport(app, raise_app_exceptions=False),
                base_url="http://localhost",
            )
        else:
            running = serve_in_thread(app)
            servers.append(running)
            client = httpx.Client(base_url=running.__enter__().urls[0])
        servers.append(client)
        return client.request

    yield serve
    for server in reversed(servers):
        server.__exit__(None, None, None)


def test_a_handler_class_is_an_endpoint_like_a_view(ask: Any) -> None:
    """``@app.route`` on a handler class, with converters, blueprints, hooks and `g`."""
    send = ask(make_app())
    assert send("GET", "/items/5").text == "5"
    assert send("POST", "/items/5", data={"name": "é"}).json() == {"item": 5, "name": "é"}
    assert send("GET", "/items/five").status_code == 404
    assert send("PUT", "/items/5").status_code == 405
    answer = send("GET", "/pages/first")
    assert answer.text == "first by hook"
    assert answer.headers["X-After"] == "200"


def test_handlers_by_pattern_beside_views(ask: Any) -> None:
    """`App.add_handlers`, groups as arguments, and names for both kinds of URLs."""
    app = make_app()
    send = ask(app)
    assert send("GET", "/old/ann/").text == "hello ann  /old/x/y"
    assert send("GET", "/old/ann/bob").text == "hello ann bob /old/x/y"
    assert send("GET", "/year/2026").status_code == 500  # its URL wants the year
    with app.test_request_context():
        assert url_for("old", path_args=("a", "b")) == "/old/a/b"


def test_one_session_and_one_user_for_views_and_handlers(ask: Any) -> None:
    """Who logs in through a view is `current_user` of a handler; one session."""
    send = ask(make_app())
    assert send("GET", "/me").json() == {"user": None, "seen": 1}
    assert send("POST", "/login", data={"user": "ann"}).headers["Location"] == "/me"
    assert send("GET", "/me").json() == {"user": "ann", "seen": 2}
    assert send("GET", "/seen").json() == {"seen": 2}


def test_the_applications_error_handlers_answer_for_handlers(ask: Any) -> None:
    """An error handler of the app takes what a handler raises, as from a view."""
    app = make_app()
    caught = []

    @app.errorhandler(404)
    def missing(error: Any) -> Any:
        return f"missing: {error.description}", 404

    @app.errorhandler(LookupError)
    def failed(error: Any) -> Any:
        return f"failed: {error}", 418

    def note(sender: Any, exception: Exception) -> None:
        caught.append(exception)

    with got_request_exception.connected_to(note, app):
        send = ask(app)
        answer = send("GET", "/failing?kind=http")
        assert (answer.status_code, answer.text) == (404, "missing: no such thing")
        answer = send("GET", "/failing?kind=other")
        assert (answer.status_code, answer.text) == (418, "failed: of the handler's")
    assert [str(error) for error in caught] == ["of the handler's"]


def test_without_an_error_handler_a_handlers_own_page_answers(
    ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Tornado's error page, one log line with the traceback, nothing leaked."""
    send = ask(make_app())
    answer = send("GET", "/failing?kind=other")
    assert answer.status_code == 500
    assert "LookupError" not in answer.text
    (line,) = [r for r in caplog.records if r.name == "tornado.application"]
    assert line.exc_info is not None
    assert "Uncaught exception GET /failing" in line.getMessage()


def test_signals_are_sent_for_handlers(ask: Any) -> None:
    """A handler's request starts and finishes like a view's."""
    app = make_app()
    seen: list[str] = []

    def started(sender: Any) -> None:
        seen.append("started")

    def finished(sender: Any, response: Any) -> None:
        seen.append(f"finished {response.status_code}")

    with request_started.connected_to(started, app), request_finished.connected_to(finished, app):
        assert ask(app)("GET", "/items/1").text == "1"
    assert seen == ["started", "finished 200"]


def test_what_a_handler_flushes_arrives_in_order(ask: Any) -> None:
    """`flush` streams, through hooks and all."""
    answer = ask(make_app())("GET", "/streaming")
    assert answer.text == "0;1;2;"
    assert answer.headers["X-After"] == "200"


def test_one_csrf_token_for_views_and_handlers(ask: Any) -> None:
    """A token that a view's page carries is taken by a handler, and the other way."""
    app = App(__name__, static_folder=None)
    app.handler_settings["xsrf_cookies"] = True

    @app.get("/form")
    def form() -> str:
        return render_template_string("{{ csrf_token() }}")

    @app.post("/view")
    def view() -> str:
        check_csrf()
        return "taken"

    @app.route("/handler")
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(self.xsrf_token)

        def post(self) -> None:
            self.write("taken")

    send = ask(app)
    of_view = send("GET", "/form").text
    of_handler = send("GET", "/handler").text
    assert of_view != of_handler  # masked
    for token in (of_view, of_handler):
        assert send("POST", "/view", data={"_xsrf": token}).text == "taken"
        assert send("POST", "/handler", data={"_xsrf": token}).text == "taken"
        assert send("POST", "/view", headers={"X-CSRFToken": token}).text == "taken"
        assert send("POST", "/handler", headers={"X-XSRFToken": token}).text == "taken"
    assert send("POST", "/view").status_code == 400
    assert send("POST", "/handler").status_code == 403
    other = "2|00000000|00000000000000000000000000000000|1"
    answer = send("POST", "/view", data={"csrf_token": other})
    assert answer.status_code == 400
    assert "The CSRF tokens do not match." in answer.text
    assert send("POST", "/handler", data={"_xsrf": other}).status_code == 403


def inner_app(**settings: Any) -> App:
    inner = App("inner", static_folder=None)
    inner.config.update(settings)

    @inner.get("/hello")
    def hello() -> Any:
        return {"user": session.get("user"), "here": url_for("hello"), "path": request.path}

    @inner.get("/missing")
    def missing() -> Any:
        abort(404)

    @inner.errorhandler(404)
    def own_page(error: Any) -> Any:
        return "inner page", 404

    return inner


def test_an_app_mounted_in_an_app(ask: Any) -> None:
    """Its own hooks, errors and URLs; the session is shared when it has no key of its own."""
    app = make_app()
    app.mount("/inner", inner_app())
    send = ask(app)
    send("POST", "/login", data={"user": "ann"})
    answer = send("GET", "/inner/hello")
    assert answer.json() == {"user": "ann", "here": "/inner/hello", "path": "/hello"}
    assert "X-After" not in answer.headers
    assert send("GET", "/inner/missing").text == "inner page"
    assert send("GET", "/inner").text == "inner page"
    assert send("GET", "/innermost").headers["X-After"] == "404"


class Where(RequestHandler):
    def get(self) -> None:
        self.write({"user": self.current_user, "path": self.request.path, "g": g.get("by")})


def test_a_tornado_application_mounted_in_an_app(ask: Any) -> None:
    """It becomes part of the app: one session, one user, the app's hooks."""
    app = make_app()
    app.mount("/tornado", Application([(r"/where", Where)], default_host="x"))
    send = ask(app)
    send("POST", "/login", data={"user": "ann"})
    answer = send("GET", "/tornado/where")
    assert answer.json() == {"user": "ann", "path": "/where", "g": "hook"}
    assert answer.headers["X-After"] == "200"
    assert "404: Not Found" in send("GET", "/tornado/nowhere").text


def test_a_wsgi_program_mounted_in_an_app(ask: Any) -> None:
    """Any WSGI callable, below its SCRIPT_NAME."""

    def program(environ: Any, start_response: Any) -> Any:
        start_response("201 Created", [("Content-Type", "text/plain")])
        body = environ["wsgi.input"].read()
        return [environ["SCRIPT_NAME"].encode(), b"|", environ["PATH_INFO"].encode(), b"|", body]

    app = make_app()
    app.mount("/wsgi", program)
    answer = ask(app)("POST", "/wsgi/a/b", content=b"body")
    assert (answer.status_code, answer.text) == (201, "/wsgi|/a/b|body")
    assert answer.headers["X-After"] == "201"


def test_an_app_mounted_in_a_tornado_application(ask: Any) -> None:
    """The reverse: `Application.mount`, with the `App`'s own hooks and errors."""
    application = Application([(r"/where", Where)], cookie_secret="a secret of theirs")
    application.mount("/inner", inner_app())
    send = ask(application)
    assert send("GET", "/where").json() == {"user": None, "path": "/where", "g": None}
    assert send("GET", "/inner/hello").json()["here"] == "/inner/hello"
    assert send("GET", "/inner/missing").text == "inner page"


def test_what_cannot_be_joined_is_refused_with_what_can() -> None:
    """An `App` as the target of a rule, and a WSGI program mounted in an `Application`."""
    with pytest.raises(TypeError, match=r"use Application\.mount\(prefix, app\)"):
        Application([(r"/inner.*", inner_app())])
    with pytest.raises(TypeError, match="use FallbackHandler with a WSGIContainer"):
        Application().mount("/wsgi", lambda environ, start_response: [])


@pytest.mark.parametrize("prefix", ["", "/", "admin", "/admin/"])
def test_a_prefix_is_checked(prefix: str) -> None:
    """A prefix that could not work is refused with what was expected."""
    with pytest.raises(ValueError, match="starts with a slash and does not end with one"):
        App(__name__).mount(prefix, inner_app())


def test_views_come_before_patterns_and_patterns_before_redirects(ask: Any) -> None:
    """One route table: exact views, handlers in their order, then Werkzeug's answers."""
    app = App(__name__, static_folder=None)

    class First(RequestHandler):
        def get(self) -> None:
            self.write("first")

    class Second(RequestHandler):
        def get(self) -> None:
            self.write("second")

    app.add_handlers([(r"/a/.*", First), (r"/.*", Second)])
    app.get("/a/view", endpoint="view")(lambda: "view")
    app.post("/a/post", endpoint="post")(lambda: "posted")
    send = ask(app)
    assert send("GET", "/a/view").text == "view"
    assert send("GET", "/a/b").text == "first"
    assert send("GET", "/b").text == "second"
    assert send("POST", "/a/post").text == "posted"
    assert send("GET", "/a/post").text == "first"
    assert send("OPTIONS", "/a/b").status_code == 405


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
def test_a_hook_that_reads_the_form_leaves_the_body_to_the_handler(kind: str) -> None:
    """Also by the WSGI door, where the body comes once."""
    app = App(__name__, static_folder=None)
    app.before_request(lambda: g.setdefault("seen", request.form.get("name")) and None)

    class Reading(RequestHandler):
        def post(self) -> None:
            self.write(f"{g.seen} {self.get_body_argument('name', 'nobody')}")

    app.add_handlers([("/", Reading)])
    content_type = None if kind == "urlencoded" else "multipart/form-data"
    answer = app.test_client().post("/", data={"name": "Ann"}, content_type=content_type)
    assert answer.text == "Ann Ann"
