"""Two applications in one process know nothing of each other."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from core_ways import Way

from waterspout import App, current_app, g, request, session, url_for
from waterspout.flask import Flask
from waterspout.json.provider import DefaultJSONProvider
from waterspout.routing import Rule


class Exact(DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return f"exact {obj['name']}"


def named(name: str, way: Way) -> App:
    app = App(name)
    app.secret_key = name
    app.config["OWN"] = f"config of {name}"
    app.jinja_env.globals["own"] = f"template of {name}"

    @app.before_request
    @way.fn
    def before() -> None:
        g.name = name

    @app.get("/own")
    @way.fn
    def own() -> dict[str, Any]:
        session["who"] = name
        return {
            "name": current_app.name,
            "config": current_app.config["OWN"],
            "g": g.name,
            "template": current_app.jinja_env.from_string("{{ own }}").render(),
            "url": url_for("own"),
        }

    return app


def test_two_apps_answer_side_by_side(way: Way) -> None:
    """Settings, hooks, templates, routes and proxies are each app's own."""
    apps = [named(name, way) for name in ("one", "two")]
    apps[1].get("/only-two")(way.fn(lambda: "two"))
    asks = [way.serve(app) for app in apps]
    meet = threading.Barrier(2)

    def visit(number: int) -> None:
        meet.wait(10)
        for _ in range(20):
            said = apps[0].json.loads(asks[number]("/own").body)
            name = ("one", "two")[number]
            assert said == {
                "name": name,
                "config": f"config of {name}",
                "g": name,
                "template": f"template of {name}",
                "url": "/own",
            }

    with ThreadPoolExecutor(2) as people:
        list(people.map(visit, range(2)))
    assert [ask("/only-two").status for ask in asks] == [404, 200]


def test_a_session_is_good_for_one_app_only(way: Way) -> None:
    """Another key, no session; nothing is said about it."""
    one, two = (named(name, way) for name in ("one", "two"))
    two.get("/who")(way.fn(lambda: session.get("who", "nobody")))
    cookie = {"Cookie": way.serve(one)("/own").headers["Set-Cookie"].partition(";")[0]}
    assert way.serve(two)("/who", headers=cookie).text == "nobody"


def test_classes_and_providers_are_each_apps_own(way: Way) -> None:
    """What is replaced on one app, or registered on it, is not on the other."""
    one, two = (named(name, way) for name in ("one", "two"))
    one.json = Exact(one)
    one.url_map.converters["odd"] = one.url_map.converters["int"]
    one.jinja_env.filters["shout"] = str.upper
    one.dispatch_request = lambda: {"name": "dispatch of one"}  # type: ignore[method-assign]
    one.extensions["x"] = 1
    assert way.serve(one)("/own").text == "exact dispatch of one\n"
    assert two.json.loads(way.serve(two)("/own").body)["name"] == "two"
    assert "odd" not in two.url_map.converters
    assert "shout" not in two.jinja_env.filters
    assert two.extensions == {}


def test_contexts_nest_over_two_apps() -> None:
    """The inner app's context covers the outer one, which comes back."""
    one, two = App("one"), Flask("two")
    with one.test_request_context("/of-one"):
        g.x = 1
        assert (current_app.name, request.path) == ("one", "/of-one")
        with two.app_context():
            assert current_app.name == "two"
            assert "x" not in g
            assert request.path == "/of-one"
        with two.test_request_context("/of-two"):
            assert (current_app.name, request.path) == ("two", "/of-two")
            assert "x" not in g
        assert (current_app.name, request.path, g.x) == ("one", "/of-one", 1)


def test_one_app_asks_another_inside_a_request(app: App, way: Way) -> None:
    """A view may use the test client of another app; its own context comes back."""
    other = App("other")
    other.get("/")(lambda: f"{current_app.name} {request.path}")

    @app.get("/outer")
    def outer() -> str:
        inner = other.test_client().get("/").text
        return f"{inner} in {current_app.name} {request.path}"

    assert way.serve(app)("/outer").text == "other / in core /outer"


@pytest.mark.parametrize("cls", [App, Flask])
def test_many_apps_leave_nothing(cls: type[App]) -> None:
    """An application that nobody holds any more goes, routes and all."""

    def make() -> weakref.ref[App]:
        app = cls(__name__)
        app.url_map.add(Rule("/x", endpoint="x"))
        app.view_functions["x"] = lambda: "x"
        assert app.test_client().get("/x").text == "x"
        return weakref.ref(app)

    assert [make()() for _ in range(3)] == [None] * 3
