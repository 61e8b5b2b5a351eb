"""Programs own their names: under Flask's, we add none that one of theirs could have."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import waterspout.flask
from waterspout import App

#: What Flask's classes have not, and programs may find on ours nevertheless.
REASONS = {
    "_abc_impl": "of Python's `abc`: it belongs to the metaclass that notes replaced methods",
    "_parsed_content_type": "of Werkzeug, which sets it on the object",
    "before_app_first_request": "of Flask before 2.3",
    "before_first_request": "of Flask before 2.3",
    "before_first_request_funcs": "of Flask before 2.3",
    "chunks": "for programs: nothing of ours asks it of the request",
    "disconnected": "for programs: nothing of ours asks it of the request",
    "handler_settings": "for programs: the settings of request handlers, a plain dict",
    "is_from_trusted_proxy": "for programs; the log of requests takes a program's own for it",
    "json_decoder": "of Flask before 2.3",
    "json_encoder": "of Flask before 2.3",
    "max_form_size": "a limit, beside Flask's `max_form_parts`",
    "stream": "for tests: nothing of ours asks it of the client",
    "websocket": "for programs: nothing of ours asks it of a blueprint or a client",
}
#: Attributes that Flask's objects have, but not its classes.
ON_OBJECTS = {
    *("cli", "environ", "headers", "json", "method", "path", "query_string", "remote_addr"),
    *("root_path", "scheme", "server", "shallow"),
}
CLASSES = {
    "app": ("Flask",),
    "blueprints": ("Blueprint", "BlueprintSetupState"),
    "config": ("Config",),
    "wrappers": ("Request", "Response"),
    "views": ("View", "MethodView"),
    "sessions": ("SessionInterface", "SecureCookieSessionInterface", "SecureCookieSession"),
    "testing": ("FlaskClient", "FlaskCliRunner"),
    "ctx": ("_AppCtxGlobals",),
}


def is_apart(name: str) -> bool:
    """Whether no program's attribute can be of this name by chance."""
    special = name.startswith("__") and name.endswith("__")
    return special or name.startswith(("waterspout_", "_waterspout_")) or name in REASONS


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in CLASSES.items() for name in names]
)
def test_a_class_has_no_names_but_flasks(module: str, name: str) -> None:
    """Public, or private in the usual way: a subclass's would meet it."""
    theirs = getattr(importlib.import_module(f"flask.{module}"), name)
    ours = getattr(importlib.import_module(f"waterspout.flask.{module}"), name)
    known = set(dir(theirs)) | ON_OBJECTS
    added = {found for found in set(dir(ours)) - known if hasattr(ours, found)}
    assert {found for found in added if not is_apart(found)} == set()


def made(package: str) -> dict[str, Any]:
    """Return an object of each class, made as an application makes it."""
    flask = importlib.import_module(package)
    app = flask.Flask("names")
    client = app.test_client()
    app.add_url_rule("/", "index", lambda: "text")
    with client:
        response = client.get("/?a=1")
        request = flask.request._get_current_object()
        request.path, request.args, request.headers  # kept by then
    return {
        "Flask": app,
        "Blueprint": flask.Blueprint("names", "names"),
        "Request": request,
        "Response": flask.Response("text"),
        "Config": app.config,
        "client": client,
        "test response": response,
    }


def test_an_object_has_no_names_but_flasks() -> None:
    """Nor does what constructors and servers set."""
    ours, theirs = made("waterspout.flask"), made("flask")
    for name, mine in ours.items():
        added = set(vars(mine)) - set(dir(theirs[name]))
        assert (name, {found for found in added if not is_apart(found)}) == (name, set())


ADDED = (
    *("add_handlers", "asgi", "before_send", "identify", "lifespan", "mount"),
    *("on_shutdown", "on_startup", "websocket", "wsgi"),
)


@pytest.mark.parametrize("name", ADDED)
def test_what_we_add_to_an_application_is_the_programs(name: str) -> None:
    """It is set on an object, defined in a subclass or by a mixin, before or behind ours."""
    flask = waterspout.flask.Flask
    mixin = type("Mixin", (), {name: "mixin's"})
    subclass = type("Subclass", (flask,), {name: "subclass's"})
    assert not hasattr(flask, name)
    assert getattr(subclass("a"), name) == "subclass's"
    assert getattr(type("Before", (mixin, flask), {})("a"), name) == "mixin's"
    behind = type("Behind", (flask, mixin), {})
    assert getattr(behind("a"), name) == "mixin's"
    assert getattr(behind, name) == "mixin's"


@pytest.mark.parametrize("name", ["add_handlers", "before_send", "mount", "websocket"])
def test_what_we_add_is_there_for_who_asks(name: str) -> None:
    """On an object, also by `super()` in a subclass."""

    class Program(waterspout.flask.Flask):
        def ask(self) -> Any:
            return getattr(super(), name)

    program = Program("a")
    assert program.ask().__func__ is getattr(App, name)
    assert getattr(waterspout.flask.Flask("a"), name).__func__ is getattr(App, name)


@pytest.mark.parametrize("kind", [App, waterspout.flask.Flask])
def test_an_application_has_a_revision_of_its_program(kind: type[App]) -> None:
    """As many keep the commit they were deployed from; routes and hooks go on being noticed."""
    app = kind(__name__)
    app.revision = "5d13bbd"  # type: ignore[attr-defined]
    app.add_url_rule("/", "index", lambda: "first")
    client = app.test_client()
    assert client.get("/").text == "first"
    app.view_functions["index"] = lambda: "second"
    assert client.get("/").text == "second"
    assert app.revision == "5d13bbd"  # type: ignore[attr-defined]
