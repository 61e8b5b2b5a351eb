"""The applications that every door is asked for: `app`, `wrapped` (its `wsgi_app` has middleware
around it) and `changed` (a subclass with its own stages and response class)."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from doors_views import ADDERS, HERE, OutOfTea
from werkzeug.exceptions import HTTPException

from waterspout import (
    App,
    Blueprint,
    Response,
    abort,
    after_this_request,
    current_app,
    g,
    request,
    url_for,
)

trail: ContextVar[tuple[str, ...]] = ContextVar("trail", default=())
ended: list[str] = []


def make_app(cls: type[App] = App, **options: Any) -> App:
    app = cls(__name__, root_path=str(HERE), **options)
    app.config.update(SECRET_KEY="doors", MAX_CONTENT_LENGTH=2 * 1024 * 1024)
    for add in ADDERS:
        add(app)
    app.register_blueprint(make_mixed())
    app.register_blueprint(make_blueprint())
    return app


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


class Absolute(Response):
    """A response class whose locations are whole addresses; its fields are Werkzeug's own."""

    autocorrect_location_header = True


@app.get("/absolute")
def absolute() -> Response:
    return Absolute(status=302, headers={"Location": "other?a=1"})


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
