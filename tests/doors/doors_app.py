"""The applications that every door is asked for: `app`, `wrapped` (its `wsgi_app` has middleware
around it) and `changed` (a subclass with its own stages and response class)."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException

from waterspout import (
    App,
    Blueprint,
    MethodView,
    Response,
    abort,
    after_this_request,
    current_app,
    flash,
    g,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_file,
    session,
    sse,
    stream_template_string,
    stream_with_context,
    url_for,
)

HERE = Path(__file__).parent
trail: ContextVar[tuple[str, ...]] = ContextVar("trail", default=())
ended: list[str] = []


class Teapot(HTTPException):
    """An error of the program's own."""

    code = 418
    description = "short and stout"


class OutOfTea(Exception):
    """An error with a handler."""


class OutOfMilk(OutOfTea):
    """An error whose base class has a handler, an `async def` one."""


def make_app(cls: type[App] = App, **options: Any) -> App:
    app = cls(__name__, root_path=str(HERE), **options)
    app.config.update(SECRET_KEY="doors", MAX_CONTENT_LENGTH=2 * 1024 * 1024)
    for add in (add_returns, add_errors, add_bodies, add_state, add_streams, add_places):
        add(app)
    app.register_blueprint(make_mixed())
    app.register_blueprint(make_blueprint())
    return app


# -- what views return -----------------------------------------------------------------


def add_returns(app: App) -> None:
    values: dict[str, Any] = {
        "text": "hello",
        "unicode": "Grüße, 世界",
        "empty": "",
        "bytes": b"\x00\xff",
        "dict": {"b": 1, "a": [True, None, "é"]},
        "list": [1, {"two": 2}],
        "status": ("made", 201),
        "status-line": ("odd", "202 Just So"),
        "headers": ("h", {"X-One": "1"}),
        "header-list": ("h", [("X-Two", "a"), ("X-Three", "b")]),
        "all-three": ({"ok": False}, 409, {"X-Why": "conflict", "Content-Type": "text/x-why"}),
        "no-content": ("", 204),
        "not-empty-204": ("text", 204),
        "not-modified": ("text", 304, {"ETag": '"x"'}),
        "reset-content": ("", 205),
        "latin-header": ("h", {"X-Name": "Zoë"}),
        "two-cookies": ("h", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
    }

    for name, value in values.items():

        def view(value: Any = value) -> Any:
            return value

        async def view_async(value: Any = value) -> Any:
            await asyncio.sleep(0)
            return value

        app.add_url_rule(f"/returns/{name}", f"returns_{name}", view)
        app.add_url_rule(f"/async/{name}", f"async_{name}", view_async)

    @app.get("/returns/nothing")
    def nothing() -> None:
        return None

    @app.get("/returns/response")
    def response() -> Response:
        made = make_response("body", 203)
        made.headers["X-Made"] = "yes"
        made.mimetype = "text/plain"
        return made

    @app.get("/returns/wsgi")
    def wsgi() -> Any:
        def application(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", "wsgi")])
            return [environ["PATH_INFO"].encode(), b"!"]

        return application

    @app.get("/returns/json")
    async def by_jsonify() -> Response:
        return jsonify(a=1)

    class Resource(MethodView):
        def get(self, name: str) -> str:
            return f"got {name}"

        async def put(self, name: str) -> tuple[str, int]:
            return f"put {name} {request.get_data(as_text=True)}", 201

    app.add_url_rule("/resource/<name>", view_func=Resource.as_view("resource"))


# -- errors ------------------------------------------------------------------------------


def add_errors(app: App) -> None:
    @app.get("/errors/<int:code>")
    def code(code: int) -> None:
        abort(code)

    @app.get("/errors/described")
    async def described() -> None:
        abort(403, "not <you>")

    @app.get("/errors/response")
    def own_response() -> None:
        abort(Response("own", 402))

    @app.get("/errors/teapot")
    async def teapot() -> None:
        raise Teapot

    @app.get("/errors/tea")
    def tea() -> None:
        raise OutOfTea("none")

    @app.get("/errors/milk")
    async def milk() -> None:
        raise OutOfMilk("sour")

    @app.get("/errors/crash")
    def crash() -> None:
        raise RuntimeError("crashed")

    @app.get("/errors/crash-async")
    async def crash_async() -> None:
        raise RuntimeError("crashed")

    @app.get("/errors/key")
    def key() -> str:
        return str(request.form["missing"])

    @app.errorhandler(OutOfTea)
    async def no_tea(error: OutOfTea) -> tuple[dict[str, str], int]:
        await asyncio.sleep(0)
        return {"error": f"{type(error).__name__}: {error}"}, 503

    @app.errorhandler(410)
    def gone(error: HTTPException) -> tuple[str, int]:
        return f"gone: {request.path}", 410


# -- bodies --------------------------------------------------------------------------------


def seen_form() -> dict[str, Any]:
    return {
        "form": {key: request.form.getlist(key) for key in request.form},
        "files": [
            [
                key,
                file.filename,
                file.content_type,
                hashlib.sha256(data := file.read()).hexdigest(),
                len(data),
            ]
            for key, file in request.files.items(multi=True)
        ],
    }


def add_bodies(app: App) -> None:
    @app.post("/form")
    def form() -> dict[str, Any]:
        return seen_form()

    @app.post("/form-async")
    async def form_async() -> dict[str, Any]:
        return seen_form()

    @app.route("/json", methods=["POST", "PUT", "PATCH", "DELETE"])
    def json() -> dict[str, Any]:
        return {"got": request.get_json(), "method": request.method}

    @app.post("/json-async")
    async def json_async() -> dict[str, Any]:
        return {"got": request.json}

    @app.post("/data")
    async def data() -> bytes:
        found: bytes = request.get_data()
        return b"%d:%b" % (len(found), found[:20])

    @app.post("/small", max_content_length=1000)
    def small() -> str:
        return str(len(request.get_data()))

    @app.post("/small-async", max_content_length=1000)
    async def small_async() -> str:
        return str(len(request.get_data()))

    @app.route("/echo", methods=["GET", "POST"])
    @app.route("/echo/<path:rest>")
    def echo(rest: str = "") -> dict[str, Any]:
        return {
            "rest": rest,
            "method": request.method,
            "path": request.path,
            "full_path": request.full_path,
            "url": request.url,
            "base_url": request.base_url,
            "host": request.host,
            "query": request.query_string.decode("latin-1"),
            "args": {key: request.args.getlist(key) for key in request.args},
            "accept": list(request.accept_languages.values()),
            "agent": request.headers.get("User-Agent"),
            "named": request.headers.get("X-Named"),
            "forged": request.headers.get("X-Forged"),
            "type": request.content_type,
            "length": request.content_length,
            "secure": request.is_secure,
            "root": request.root_path,
            "endpoint": request.endpoint,
        }


# -- cookies, session, flash ------------------------------------------------------------------


def add_state(app: App) -> None:
    @app.get("/cookies/set")
    def set_cookies() -> Response:
        response = make_response("set")
        response.set_cookie("plain", "1")
        response.set_cookie("full", "two words; é", max_age=60, path="/cookies", samesite="Lax")
        return response

    @app.get("/cookies/delete")
    async def delete_cookie() -> Response:
        response = make_response("deleted")
        response.delete_cookie("plain")
        return response

    @app.get("/cookies")
    async def cookies() -> dict[str, str]:
        return dict(request.cookies)

    @app.get("/session/add/<word>")
    def add_word(word: str) -> str:
        session["words"] = [*session.get("words", []), word]
        return "added"

    @app.get("/session")
    async def words() -> dict[str, Any]:
        return {"words": session.get("words")}

    @app.get("/session/clear")
    async def clear() -> str:
        session.clear()
        return "cleared"

    @app.get("/flash")
    async def do_flash() -> str:
        flash("one")
        flash("two", "error")
        return "flashed"

    @app.get("/flashed")
    def flashed() -> list[Any]:
        return [list(pair) for pair in get_flashed_messages(with_categories=True)]


# -- streams --------------------------------------------------------------------------------


def add_streams(app: App) -> None:
    def numbers() -> Iterator[str]:
        for number in range(5):
            yield f"{number} {request.args.get('q', '-')}\n"

    async def numbers_async() -> AsyncIterator[str]:
        for number in range(5):
            await asyncio.sleep(0)
            yield f"{number} {request.args.get('q', '-')}\n"

    @app.get("/stream")
    def stream() -> Any:
        return numbers()

    @app.get("/stream-async")
    async def stream_async() -> Any:
        return numbers_async()

    @app.get("/stream-with-context")
    def with_context() -> Any:
        return Response(stream_with_context(numbers()), mimetype="text/plain")

    @app.get("/stream-sync-from-async")
    async def sync_from_async() -> Any:
        return numbers(), 202, {"X-Stream": "yes"}

    @app.get("/stream-empty")
    def empty() -> Any:
        return iter(())

    @app.get("/stream-of-length")
    def of_length() -> Any:
        return Response(iter(["abc", "def"]), headers={"Content-Length": "6"})

    @app.get("/stream-template")
    def streamed_template() -> Any:
        return stream_template_string(
            "{% for n in range(3) %}{{ n }}{{ request.path }} {% endfor %}"
        )

    @app.get("/events")
    async def events() -> Any:
        async def made() -> AsyncIterator[Any]:
            yield "one"
            yield {"event": "two", "id": 2, "data": {"n": 2}}

        return sse(made())


# -- files and URLs ---------------------------------------------------------------------------


def add_places(app: App) -> None:
    @app.get("/slash/")
    def slash() -> str:
        return "with a slash"

    @app.get("/redirect")
    async def to_slash() -> Any:
        return redirect(url_for("slash", q="ü"))

    @app.get("/urls")
    def urls() -> dict[str, str]:
        return {
            "plain": url_for("add_word", word="a b/ü"),
            "external": url_for("slash", _external=True),
            "secure": url_for("slash", _external=True, _scheme="https"),
            "anchor": url_for("slash", _anchor="x y"),
            "static": url_for("static", filename="note.txt"),
        }

    @app.get("/attachment")
    def attachment() -> Response:
        return send_file(HERE / "static" / "note.txt", as_attachment=True, download_name="né.txt")

    @app.get("/memory-file")
    async def memory_file() -> Response:
        return send_file(io.BytesIO(b"in memory"), mimetype="application/x-memory")

    @app.get("/template")
    async def template() -> str:
        return render_template_string("<p>{{ request.args.q }} {{ g.get('x', 'no x') }}</p>")


# -- hooks -------------------------------------------------------------------------------------


def note(word: str) -> None:
    trail.set((*trail.get(), word))


def make_mixed() -> Blueprint:
    """`def` and `async def` hooks and views on one way."""
    mixed = Blueprint("mixed", __name__, url_prefix="/mixed")

    @mixed.before_request
    def first() -> None:
        trail.set(())  # WSGI servers keep a thread's variables from request to request
        note("before")
        g.user = request.args.get("user", "nobody")

    @mixed.before_request
    async def second() -> Any:
        await asyncio.sleep(0)
        note("before-async")
        return ("stopped", 403) if "stop" in request.args else None

    @mixed.after_request
    def last(response: Response) -> Response:
        note("after")
        response.headers["X-Trail"] = " ".join(trail.get())
        return response

    @mixed.after_request
    async def before_last(response: Response) -> Response:
        note("after-async")
        return response

    @mixed.teardown_request
    async def end(error: BaseException | None) -> None:
        ended.append(f"{request.path} {g.user} {type(error).__name__}")

    @mixed.get("/view")
    def view() -> str:
        note("view")
        return str(g.user)

    @mixed.get("/view-async")
    async def view_async() -> str:
        @after_this_request
        def mark(response: Response) -> Response:
            note("this")
            return response

        note("view-async")
        return str(g.user)

    @mixed.get("/fails")
    def fails() -> None:
        note("fails")
        raise OutOfTea("mixed")

    @mixed.get("/ended")
    async def report() -> list[str]:
        said, ended[:] = list(ended), []
        return said

    return mixed


def make_blueprint() -> Blueprint:
    """A blueprint in a blueprint, with defaults and preprocessors for its URLs."""
    outer = Blueprint("outer", __name__, url_prefix="/outer/<lang>")
    inner = Blueprint("inner", __name__, url_prefix="/inner")

    @outer.url_value_preprocessor
    def take_lang(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values:
            g.lang = values.pop("lang")

    @outer.url_defaults
    def give_lang(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", g.get("lang", "en"))

    @outer.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Lang"] = g.lang
        return response

    @inner.get("/page")
    async def page() -> dict[str, Any]:
        return {
            "lang": g.lang,
            "url": url_for(".page"),
            "blueprints": request.blueprints,
            "app": current_app.name,
        }

    @inner.errorhandler(404)
    def missing(error: HTTPException) -> tuple[str, int]:
        return f"not in {request.blueprint}", 404

    @inner.get("/none")
    def none() -> None:
        abort(404)

    outer.register_blueprint(inner)
    return outer


# -- the three applications ----------------------------------------------------------------------


app = make_app()

wrapped = make_app()


class Middleware:
    """What a program puts around its WSGI door."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["HTTP_X_NAMED"] = "by middleware"

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Wrapped", "yes")], *rest)

        return self.inner(environ, start)


wrapped.wsgi_app = Middleware(wrapped.wsgi_app)  # type: ignore[method-assign]


class Plain(Response):
    """A response class of the program's own."""

    default_mimetype = "text/plain"

    def get_wsgi_headers(self, environ: Any) -> Any:
        headers = super().get_wsgi_headers(environ)
        headers["X-Class"] = "Plain"
        return headers


class Changed(App):
    """An application with stages of its own."""

    response_class = Plain

    def make_response(self, rv: Any) -> Response:
        return super().make_response({"set": sorted(rv)} if isinstance(rv, set) else rv)

    def process_response(self, response: Response) -> Response:
        response.headers["X-Processed"] = request.method
        return super().process_response(response)


changed = make_app(Changed)


@changed.get("/set")
async def a_set() -> Any:
    return {3, 1, 2}
