"""What programs and extensions replace while an application runs is noticed at once.

`dropin.md` §2 counts how many tests of real suites depend on each of these. Every case asks
before the change too, so that whatever was compiled or kept has been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from core_ways import Ask, Way
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from waterspout import App, Response, current_app, g, request, session
from waterspout.context.request_context import app_ctx, request_ctx
from waterspout.json.provider import DefaultJSONProvider
from waterspout.sessions import SecureCookieSession, SecureCookieSessionInterface


@pytest.fixture
def ask(app: App, way: Way) -> Ask:
    """Ask an application that has answered requests of each kind already."""
    app.get("/text", endpoint="text")(way.fn(lambda: "text"))
    app.get("/json", endpoint="json")(way.fn(lambda: {"a": 1}))
    app.get("/fail", endpoint="fail")(way.fn(fail))
    asking = way.serve(app)
    for path, status in (("/text", 200), ("/json", 200), ("/fail", 500), ("/no", 404)):
        for _ in range(2):
            assert asking(path).status == status
    assert asking("/text", "OPTIONS").status == 200
    return asking


def fail() -> None:
    raise ValueError("on purpose")


class Upper(Response):
    """A response class whose text is in capitals."""

    def __init__(self, response: Any = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(response, str):
            response = response.upper()
        super().__init__(response, *args, **kwargs)


class Marked(Response):
    default_mimetype = "text/x-marked"


class Provider(DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return "provided"


def replace_view(app: App) -> None:
    app.view_functions["text"] = lambda: "replaced"


def _second(*args: Any) -> str:
    return "from a hook"


def insert_hook(app: App) -> None:
    app.before_request_funcs[None].insert(0, _second)


def new_hooks(app: App) -> None:
    app.before_request_funcs = {None: [_second]}  # type: ignore[assignment]


def set_default_hooks(app: App) -> None:
    app.before_request_funcs.setdefault(None, []).append(_second)


def after_hook(app: App) -> None:
    def other(response: Response) -> Response:
        return app.response_class("after")

    app.after_request_funcs[None] += [other]


def method(name: str, value: Callable[..., Any]) -> Callable[[App], None]:
    """Replace a method on the instance."""

    def change(app: App) -> None:
        setattr(app, name, value)

    change.__name__ = name
    return change


def json_provider(app: App) -> None:
    app.json = Provider(app)


def json_attribute(app: App) -> None:
    app.json.compact = False  # type: ignore[attr-defined]


def response_class(cls: type[Response]) -> Callable[[App], None]:
    return method("response_class", cls)


def wrapped(app: App) -> None:
    inner = app.dispatch_request

    def dispatch() -> Any:
        return f"<{inner()}>"

    app.dispatch_request = dispatch  # type: ignore[method-assign]


def wsgi_middleware(app: App) -> None:
    inner = app.wsgi_app

    def middleware(environ: Any, start: Any) -> Any:
        return [b"".join(inner(environ, start)).upper()]

    app.wsgi_app = middleware  # type: ignore[method-assign]


def handled(error: Exception) -> Response:
    return current_app.response_class(f"handled {error}")


def stopped(*args: Any) -> str:
    return "stopped"


def own(*args: Any, **kwargs: Any) -> Response:
    return current_app.response_class("own")


CHANGES: list[tuple[Callable[[App], None], str, str]] = [
    (replace_view, "/text", "replaced"),
    (insert_hook, "/text", "from a hook"),
    (new_hooks, "/text", "from a hook"),
    (set_default_hooks, "/text", "from a hook"),
    (after_hook, "/text", "after"),
    (insert_hook, "/no", "from a hook"),
    (after_hook, "/no", "after"),
    (method("handle_exception", handled), "/fail", "handled on purpose"),
    (method("handle_user_exception", handled), "/fail", "handled on purpose"),
    (method("handle_http_exception", lambda error: f"http {error.code}"), "/no", "http 404"),
    (method("dispatch_request", stopped), "/text", "stopped"),
    (method("preprocess_request", stopped), "/text", "stopped"),
    (method("preprocess_request", stopped), "/no", "stopped"),
    (method("full_dispatch_request", own), "/text", "own"),
    (method("finalize_request", own), "/text", "own"),
    (method("make_response", own), "/json", "own"),
    (method("process_response", own), "/text", "own"),
    (wrapped, "/text", "<text>"),
    (wsgi_middleware, "/text", "TEXT"),
    (json_provider, "/json", "provided"),
    (json_attribute, "/json", '{\n  "a": 1\n}'),
    (response_class(Upper), "/text", "TEXT"),
    (response_class(Marked), "/text", "text"),
]


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    CHANGES,
    ids=[f"{change.__name__} {path} {text[:9]!r}" for change, path, text in CHANGES],
)
def test_what_is_replaced_on_the_instance_is_used(
    app: App, ask: Ask, change: Callable[[App], None], path: str, expected: str
) -> None:
    """From the next request on, on every way in; taking it back works as well."""
    change(app)
    for _ in range(2):
        assert ask(path).text.strip() == expected
    if change.__name__ in vars(app):
        delattr(app, change.__name__)
        assert ask(path).text != expected or change.__name__ == "response_class"


def test_response_class_decides_the_type(app: App, ask: Ask) -> None:
    assert ask("/text").headers["Content-Type"] == "text/html; charset=utf-8"
    app.response_class = Marked
    assert ask("/text").headers["Content-Type"] == "text/x-marked; charset=utf-8"
    del app.response_class
    assert ask("/text").headers["Content-Type"] == "text/html; charset=utf-8"


def test_make_default_options_response_is_looked_up(app: App, ask: Ask) -> None:
    app.make_default_options_response = own  # type: ignore[method-assign]
    assert ask("/text", "OPTIONS").text == "own"


def test_teardown_methods_on_the_instance(app: App, ask: Ask) -> None:
    seen: list[str] = []
    inner = app.do_teardown_request
    app.do_teardown_request = lambda *args: [seen.append("request"), inner(*args)]  # type: ignore[assignment,method-assign,return-value]
    app.do_teardown_appcontext = lambda *args: seen.append("app")  # type: ignore[assignment,method-assign]
    assert ask("/text").text == "text"
    assert ask("/no").status == 404
    assert seen == ["request", "app"] * 2


def test_session_interface_is_looked_up(app: App, way: Way) -> None:
    """An interface that is swapped after requests, or whose methods are."""

    class Interface(SecureCookieSessionInterface):
        def open_session(self, *args: Any) -> Any:
            made = super().open_session(*args)
            assert made is not None
            made["opened"] = "by ours"
            return made

    app.get("/")(way.fn(lambda: session.get("opened", "nothing")))
    ask = way.serve(app)
    assert [ask("/").text for _ in range(2)] == ["nothing"] * 2
    app.session_interface = Interface()
    assert [ask("/").text for _ in range(2)] == ["by ours"] * 2
    app.session_interface = SecureCookieSessionInterface()
    assert ask("/").text == "nothing"
    plain = app.session_interface.open_session
    app.session_interface.open_session = lambda *args: SecureCookieSession({"opened": "by method"})  # type: ignore[method-assign]
    app.session_interface.save_session = lambda *args: None  # type: ignore[method-assign]
    assert ask("/").text == "by method"
    app.session_interface.open_session = plain  # type: ignore[method-assign]
    assert ask("/").text == "nothing"


def test_overrides_of_a_subclass(way: Way) -> None:
    """A subclass that overrides stages, calling ours with `super()`."""

    class Own(App):
        def dispatch_request(self) -> Any:
            rv = super().dispatch_request()
            return {"data": rv} if isinstance(rv, str) else rv

        def process_response(self, response: Response) -> Response:
            response = super().process_response(response)
            response.headers["X-Own"] = "process"
            return response

        def handle_user_exception(self, e: Exception) -> Any:
            if isinstance(e, NotFound):
                return {"missing": request.path}, 404
            return super().handle_user_exception(e)

        def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
            return super().ensure_sync(func)

    app = Own("own")
    app.get("/")(way.fn(lambda: "text"))
    app.get("/fail", endpoint="fail")(way.fn(fail))
    ask = way.serve(app)
    for _ in range(2):
        said = ask("/")
        assert (said.text, said.headers["X-Own"]) == ('{"data":"text"}', "process")
        said = ask("/no")
        assert (said.status, said.text) == (404, '{"missing":"/no"}')
        assert ask("/fail").status == 500


def test_a_class_is_patched_while_it_is_used(
    app: App, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request class and a URL converter of the program's own, swapped late."""

    class Named(app.request_class):  # type: ignore[name-defined,misc]
        nickname = "mine"

    app.get("/")(way.fn(lambda: getattr(request, "nickname", "none")))
    ask = way.serve(app)
    assert ask("/").text == "none"
    monkeypatch.setattr(app, "request_class", Named)
    assert ask("/").text == "mine"
    monkeypatch.undo()
    assert ask("/").text == "none"


def test_attributes_of_extensions_everywhere(app: App, way: Way) -> None:
    """On the app, both contexts, `g`, the request and the response."""
    app.my_extension = "app"  # type: ignore[attr-defined]

    @app.before_request
    @way.fn
    def before() -> None:
        request_ctx.mine = "request_ctx"  # type: ignore[attr-defined]
        app_ctx.ours = "app_ctx"  # type: ignore[attr-defined]
        request.mine = "request"  # type: ignore[attr-defined]
        g.mine = "g"

    @app.get("/")
    @way.fn
    def view() -> Response:
        found = [request_ctx.mine, app_ctx.ours, request.mine, g.mine]  # type: ignore[attr-defined]
        found.append(current_app.my_extension)  # type: ignore[attr-defined]
        response: Response = app.make_response(" ".join(found))
        response.mine = "response"  # type: ignore[attr-defined]
        return response

    @app.after_request
    @way.fn
    def after(response: Any) -> Any:
        response.headers["X-Mine"] = response.mine
        return response

    said = way.serve(app)("/")
    assert said.text == "request_ctx app_ctx request g app"
    assert said.headers["X-Mine"] == "response"


def test_a_middleware_that_changes_what_is_seen(app: App, way: Way) -> None:
    """`app.wsgi_app = ProxyFix(app.wsgi_app)`, as the deployment pages say."""
    app.get("/")(way.fn(lambda: f"{request.remote_addr} {request.scheme}"))
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    assert way.serve(app)("/", headers=headers).text == "192.0.2.7 https"


def test_config_changes_are_seen_by_the_next_request(app: App, way: Way) -> None:
    """Settings are read when they are needed."""
    app.route("/", methods=["POST"])(way.fn(lambda: str(len(request.get_data()))))
    ask = way.serve(app)
    assert ask("/", "POST", body=b"12345").text == "5"
    app.config["MAX_CONTENT_LENGTH"] = 4
    assert ask("/", "POST", body=b"12345").status == 413
    app.config["MAX_CONTENT_LENGTH"] = None
    assert ask("/", "POST", body=b"12345").text == "5"
