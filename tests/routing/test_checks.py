"""Mistakes in routes are told when they are registered, in the modern preset."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from waterspout import App, Blueprint, RequestHandler
from waterspout.flask import Flask
from waterspout.views import MethodView


def show(id: int) -> str:
    return str(id)


def anything(*args: Any, **kwargs: Any) -> str:
    return "anything"


@functools.wraps(show)
def injected(**values: Any) -> str:
    return show(7)


class Both(MethodView):
    def get(self, id: int) -> str:
        return str(id)

    def post(self) -> str:
        return "new"


class Guarded(Both):
    decorators = [lambda view: view]


class Page(RequestHandler):
    def get(self, id: str) -> None:
        self.write(id)


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ("/items/{id}", "/items/<int:id>"),
        ("/{id:int}/x", "/<int:id>/x"),
        ("/{name}/{id}", "/<name>/<int:id>"),
        ("/{rest:path}", "/<path:rest>"),
    ],
)
def test_braces(rule: str, right: str) -> None:
    with pytest.raises(ValueError, match="matches those very characters") as caught:
        App("a").get(rule)(show)
    assert repr(right) in str(caught.value)


def test_braces_know_the_annotation() -> None:
    def view(key: UUID) -> str:
        return str(key)

    with pytest.raises(ValueError, match="'/<uuid:key>'"):
        App("a").get("/{key}")(view)


@pytest.mark.parametrize(
    ("rule", "view", "said"),
    [
        ("/items", show, r"test_checks\.py:\d+\) needs the parameter 'id'.*Write '<id>'"),
        ("/items/<idd>", show, "Did you mean 'idd'"),
        ("/", lambda request: "", "from waterspout import request"),
        ("/", Both.as_view("both"), None),  # POST needs none
        ("/", Page, "Page.get .*needs the parameter 'id'"),
        ("/", Guarded.as_view("guarded"), None),
        ("/", anything, None),
        ("/", injected, None),
        ("/items/<int:id>", show, None),
    ],
)
def test_a_parameter_that_the_rule_lacks(
    rule: str, view: Callable[..., Any], said: str | None
) -> None:
    app = App("a")
    if said is None:
        app.add_url_rule(rule, "e", view)
        return
    with pytest.raises(TypeError, match=said):
        app.add_url_rule(rule, "e", view)


def test_where_values_may_come_from() -> None:
    """Defaults, the host, and a blueprint's prefix give parameters too."""
    app = App("a", host_matching=True, static_folder=None)
    app.add_url_rule("/", "one", show, defaults={"id": 1}, host="x")
    app.add_url_rule("/", "two", show, host="<id>.example")
    blueprint = Blueprint("b", "b")
    blueprint.add_url_rule("/", "three", show, host="x")
    app.register_blueprint(blueprint, url_prefix="/<int:id>")
    with pytest.raises(TypeError, match="'id'"):
        app.register_blueprint(blueprint, name="again", url_prefix="/again")


def test_a_converter_that_is_not_there() -> None:
    with pytest.raises(LookupError, match=r"'/<itn:id>'.*'itn'.*Did you mean 'int'.*Known.*uuid"):
        Flask("a").get("/<itn:id>")(show)


def test_a_flask_program_is_not_checked() -> None:
    """What gives a view its parameters may come later, as Flask-Injector does."""
    app = Flask("a")
    app.add_url_rule("/items", "a", show)
    app.add_url_rule("/items/{id}", "b", anything)
    app.view_functions["a"] = anything
    assert app.test_client().get("/items").text == "anything"
    assert app.test_client().get("/items/{id}").text == "anything"
