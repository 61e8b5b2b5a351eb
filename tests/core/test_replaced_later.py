"""What a program replaces after the first request counts as it does on Flask.

The same program runs on the installed Flask and here. Each public method of the classes that
programs override is replaced by one that notes its calls: on the class, as `mock.patch.object`
does it, and on the instance. Where Flask calls it, it is called here, by the test client and by
the server.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from itertools import product
from typing import Any
from unittest import mock

import flask as real
import pytest
from core_ways import ask_socket

import waterspout.flask as ours
from waterspout.server import serve_in_thread

TARGETS = ("/text", "/dict", "/page", "/session", "/handled", "/broken", "/missing", "/static/x")

#: Where a request has no WSGI in it, nothing of it is called: our server sends a response itself,
#: and a request's context is that of the application too.
LEFT_OUT = {
    ("Response", "__call__"),
    ("Response", "get_app_iter"),
    ("Response", "get_wsgi_response"),
    ("Flask", "app_context"),
}

Ask = Callable[[str], Any]


def program(flask: Any) -> Any:
    """Make a program with something of everything."""
    app = flask.Flask("replaced", static_folder=None)
    app.secret_key = "replaced"
    app.logger.disabled = True

    @app.get("/text")
    def text() -> str:
        return "text"

    @app.get("/dict")
    def mapping() -> dict[str, int]:
        return {"a": 1}

    @app.get("/page")
    def page() -> str:
        found: str = flask.render_template_string("{{ url_for('text') }}")
        return found

    @app.get("/session")
    def session() -> str:
        flask.session["a"] = "b"
        return "session"

    @app.get("/handled")
    def handled() -> str:
        raise LookupError

    @app.errorhandler(LookupError)
    def handle(error: LookupError) -> tuple[str, int]:
        return "handled", 410

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError

    return app


def owners(app: Any) -> dict[str, tuple[type, Any]]:
    """Return what has methods that may be replaced: its class, and the instance if it stays."""
    return {
        "Flask": (type(app), app),
        "SessionInterface": (type(app.session_interface), app.session_interface),
        "JSONProvider": (type(app.json), app.json),
        "Response": (app.response_class, None),
    }


def names_of(cls: type) -> list[str]:
    """List the public methods, `__init__` and `__call__` too."""
    names = [name for name in dir(cls) if not name.startswith("_")]
    return [
        name
        for name in (*names, "__init__", "__call__")
        if inspect.isfunction(inspect.getattr_static(cls, name, None))
    ]


@contextmanager
def replaced(owner: type, instance: Any, name: str) -> Iterator[list[str]]:
    """Replace a method by one that notes its calls: on *instance*, or on the class if None."""
    calls: list[str] = []
    method = inspect.getattr_static(owner, name)

    @functools.wraps(method)
    def noting(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return method(*args, **kwargs)

    target = owner if instance is None else instance
    own = name in vars(target)
    setattr(target, name, noting if instance is None else types.MethodType(noting, instance))
    try:
        yield calls
    finally:
        if own:
            setattr(target, name, method)
        else:
            delattr(target, name)


def is_called(app: Any, ask: Ask, kind: str, name: str, on_class: bool) -> bool:
    owner, instance = owners(app)[kind]
    for target in TARGETS:
        ask(target)
    with replaced(owner, None if on_class else instance, name) as calls:
        for target in TARGETS:
            ask(target)
        return bool(calls)


def cases() -> list[tuple[str, str, bool]]:
    """List what Flask calls while it serves the program, by what it belongs to."""
    found = []
    for kind, on_class in product(owners(program(real)), (True, False)):
        app = program(real)
        owner, instance = owners(app)[kind]
        if instance is None and not on_class:
            continue
        names = [name for name in names_of(owner) if (kind, name) not in LEFT_OUT]
        if not on_class:  # these two are looked up on the class
            names = [name for name in names if name not in ("__init__", "__call__")]
        ask = app.test_client().get
        for target in TARGETS:
            ask(target)
        with ExitStack() as stack:
            calls = {
                name: stack.enter_context(replaced(owner, None if on_class else instance, name))
                for name in names
            }
            for target in TARGETS:
                ask(target)
        found += [(kind, name, on_class) for name in names if calls[name]]
    return found


@pytest.mark.parametrize(("kind", "name", "on_class"), cases())
def test_a_method_replaced_later_is_called_where_flask_calls_it(
    kind: str, name: str, on_class: bool
) -> None:
    app = program(ours)
    assert is_called(app, app.test_client().get, kind, name, on_class)
    app = program(ours)
    with serve_in_thread(app) as server:
        address = server.urls[0].removeprefix("http://").rstrip("/")
        cookie = ask_socket(address, "/session").headers["Set-Cookie"].partition(";")[0]
        ask = functools.partial(ask_socket, address, headers={"Cookie": cookie})
        assert is_called(app, ask, kind, name, on_class)


@pytest.fixture(params=["client", "server"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], Ask]]:
    """Give what asks an application: by its test client, or at a server."""
    with ExitStack() as stack:

        def start(app: Any) -> Ask:
            if request.param == "client":
                client: Ask = app.test_client().get
                return client
            server = stack.enter_context(serve_in_thread(app))
            return functools.partial(ask_socket, server.urls[0][len("http://") :].rstrip("/"))

        yield start


def test_an_attribute_of_the_provider_set_later(serve: Callable[[Any], Ask]) -> None:
    app = program(ours)
    ask = serve(app)
    assert ask("/dict").headers["Content-Type"] == "application/json"
    app.json.mimetype = "application/vnd.api+json"
    app.json.compact = False
    assert ask("/dict").headers["Content-Type"] == "application/vnd.api+json"
    assert ask("/dict").text == '{\n  "a": 1\n}\n'
    del app.json.mimetype
    with mock.patch.object(type(app.json), "mimetype", "text/json"):
        assert ask("/dict").headers["Content-Type"] == "text/json; charset=utf-8"


REPLACEMENTS: dict[str, Any] = {
    "before_request_funcs": {None: [lambda: "replaced"]},
    "after_request_funcs": {None: [lambda response: response.set_data("replaced") or response]},
    "view_functions": {"text": lambda: "replaced"},
}


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_a_registry_replaced_whole(name: str, serve: Callable[[Any], Ask]) -> None:
    """It goes on telling of its changes."""
    app = program(ours)
    ask = serve(app)
    assert ask("/text").text == "text"
    setattr(app, name, REPLACEMENTS[name])
    assert ask("/text").text == "replaced"
    registry = getattr(app, name)
    if name == "view_functions":
        registry["text"] = lambda: "again"
    else:
        registry[None].clear()
        app.view_functions["text"] = lambda: "again"
    assert ask("/text").text == "again"


def test_a_hook_added_while_a_plan_is_made() -> None:
    """What is worked out while a registry changes is not kept."""
    app = program(ours)
    ask = app.test_client().get
    seen: list[int] = []
    app.before_request_funcs[None].append(lambda: None)
    ask("/text")

    def hooks() -> Iterator[Callable[[], None]]:
        ask("/text")
        yield lambda: seen.append(1)

    app.before_request_funcs[None].extend(hooks())
    ask("/text")
    assert seen == [1]


@pytest.mark.parametrize("late", [False, True])
def test_a_programs_own_ensure_sync_is_asked_for_every_function(
    late: bool, serve: Callable[[Any], Ask]
) -> None:
    app = program(ours)
    asked: list[str] = []

    def ensure_sync(func: Callable[..., Any]) -> Callable[..., Any]:
        asked.append(func.__name__)
        return ours.Flask.ensure_sync(app, func)

    @app.before_request
    def before() -> None:
        pass

    @app.get("/async")
    async def asynchronous() -> str:
        return "async"

    if not late:
        app.ensure_sync = ensure_sync
    ask = serve(app)
    assert ask("/text").text == "text"
    app.ensure_sync = ensure_sync
    asked.clear()
    assert [ask("/text").text, ask("/async").text] == ["text", "async"]
    assert asked == ["before", "text", "before", "asynchronous"]


def test_middleware_that_is_put_around_later_counts_on_a_kept_connection() -> None:
    app = ours.Flask("later")
    own = app.wsgi_app

    def named(environ: Any, start: Any) -> Any:
        return own(environ, lambda status, headers, *a: start(status, [*headers, ("X-By", "it")]))

    @app.get("/around")
    def around() -> str:
        app.wsgi_app = named  # type: ignore[method-assign]
        return "around"

    @app.get("/off")
    async def off() -> str:
        with suppress(AttributeError):
            del app.wsgi_app
        return "off"

    said = []
    with serve_in_thread(app) as server:
        connection = HTTPConnection(server.urls[0].removeprefix("http://").rstrip("/"), timeout=15)
        for target in ("/around", "/around", "/off", "/off"):
            connection.request("GET", target)
            with connection.getresponse() as answer:
                said.append((answer.status, answer.read(), answer.headers.get("X-By")))
        connection.close()
    assert said == [
        (200, b"around", None),
        (200, b"around", "it"),
        (200, b"off", "it"),
        (200, b"off", None),
    ]
