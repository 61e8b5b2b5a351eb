"""Hooks of the application and of blueprints, in the documented order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from core_ways import Way

from waterspout import (
    App,
    Blueprint,
    after_this_request,
    g,
    render_template_string,
    request,
    session,
)
from waterspout.flask import Flask


def noting(notes: list[str], way: Way, note: str) -> Any:
    """Make a hook of any kind that notes itself and passes a response on."""

    def hook(*args: Any) -> Any:
        notes.append(note)
        return args[0] if note.startswith("after") else None

    return way.fn(hook)


def register_all(app: App, notes: list[str], way: Way) -> None:
    """Register two hooks of each kind on an app and on two nested blueprints."""
    outer = Blueprint("outer", __name__)
    inner = Blueprint("inner", __name__)
    for number in "12":
        for name, place in (("app", app), ("outer", outer), ("inner", inner)):
            place.before_request(noting(notes, way, f"before {name} {number}"))
            place.after_request(noting(notes, way, f"after {name} {number}"))
            place.teardown_request(noting(notes, way, f"teardown {name} {number}"))
            place.url_value_preprocessor(noting(notes, way, f"values {name} {number}"))
        app.teardown_appcontext(noting(notes, way, f"end {number}"))

    def view() -> str:
        notes.append("view")
        after_this_request(noting(notes, way, "after this"))
        return "done"

    inner.get("/inner")(way.fn(view))
    app.get("/app")(way.fn(view))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)


def pair(kind: str, name: str, order: str = "12") -> list[str]:
    return [f"{kind} {name} {number}" for number in order]


def expected(places: list[str]) -> list[str]:
    """Inwards before the view, outwards after it, the newest first."""
    outward = places[::-1]
    return [
        *(note for place in places for note in pair("values", place)),
        *(note for place in places for note in pair("before", place)),
        "view",
        "after this",
        *(note for place in outward for note in pair("after", place, "21")),
        *(note for place in outward for note in pair("teardown", place, "21")),
        "end 2",
        "end 1",
    ]


def test_hooks_run_inwards_and_outwards_again(app: App, way: Way) -> None:
    """App, blueprint, nested blueprint; a route of the app sees only the app's."""
    notes: list[str] = []
    register_all(app, notes, way)
    ask = way.serve(app)
    for path, places in (("/inner", ["app", "outer", "inner"]), ("/app", ["app"])):
        notes.clear()
        assert ask(path).body == b"done"
        assert notes == expected(places)


def test_a_path_without_a_route_has_the_apps_hooks(app: App, way: Way) -> None:
    notes: list[str] = []
    register_all(app, notes, way)
    assert way.serve(app)("/nowhere").status == 404
    way.end()
    wanted = expected(["app"])
    for missing in ("view", "after this", *pair("values", "app")):
        wanted.remove(missing)
    assert [note for note in notes if not note.startswith("values")] == wanted


def test_a_value_of_a_before_function_is_the_answer(app: App, way: Way) -> None:
    """The view and later hooks are left out, the hooks after it are not."""
    notes: list[str] = []
    app.before_request(noting(notes, way, "first"))
    app.before_request(way.fn(lambda: ("stop", 403) if request.args else None))
    app.before_request(noting(notes, way, "last"))
    app.after_request(noting(notes, way, "after"))
    app.teardown_request(noting(notes, way, "teardown"))
    app.get("/")(way.fn(lambda: "view"))
    ask = way.serve(app)
    assert (ask("/?stop=1").status, ask("/?stop=1").body) == (403, b"stop")
    assert ask("/").body == b"view"
    way.end()
    assert notes == ["first", "after", "teardown"] * 2 + ["first", "last", "after", "teardown"]


def test_an_after_function_replaces_the_response(app: App, way: Way) -> None:
    @app.after_request
    @way.fn
    def replace(response: Any) -> Any:
        return app.response_class(b"other " + response.data, 299, {"X-Was": response.status})

    app.get("/")(way.fn(lambda: ("one", 201)))
    said = way.serve(app)("/")
    assert (said.status, said.body) == (299, b"other one")
    assert said.headers["X-Was"] == "201 CREATED"


def test_hooks_share_g_session_and_request_with_the_view(app: App, way: Way) -> None:
    """Whatever thread or task each of them runs in."""

    @app.before_request
    @way.fn
    def before() -> None:
        g.trace = ["before"]
        session["seen"] = True
        request.by_hook = request.path  # type: ignore[attr-defined]

    @app.get("/here")
    @way.fn
    def view() -> dict[str, Any]:
        g.trace.append("view")
        return {"seen": session["seen"], "by_hook": request.by_hook}  # type: ignore[attr-defined]

    @app.after_request
    @way.fn
    def after(response: Any) -> Any:
        response.headers["X-Trace"] = "-".join([*g.trace, "after"])
        return response

    said = way.serve(app)("/here")
    assert app.json.loads(said.body) == {"seen": True, "by_hook": "/here"}
    assert said.headers["X-Trace"] == "before-view-after"
    assert "session=" in said.headers["Set-Cookie"]


def test_teardown_gets_the_unhandled_error(app: App, way: Way) -> None:
    """Handled errors are None; every teardown function of the other kind runs too."""
    seen: list[str] = []

    def note(error: BaseException | None) -> None:
        seen.append(repr(error))

    def fail(kind: str) -> str:
        raise KeyError(kind) if kind == "handled" else ValueError(kind)

    app.teardown_request(way.fn(note))
    app.teardown_appcontext(way.fn(note))
    app.errorhandler(KeyError)(way.fn(lambda error: "handled"))
    app.get("/<kind>")(way.fn(fail))
    ask = way.serve(app)
    assert ask("/handled").body == b"handled"
    assert ask("/unhandled").status == 500
    way.end()
    assert seen == ["None", "None", "ValueError('unhandled')", "ValueError('unhandled')"]


def test_before_first_request_runs_once(app: App, way: Way) -> None:
    """The classic once-hook; requests that come meanwhile wait for its end."""
    notes: list[str] = []
    together = threading.Barrier(4)

    @app.before_first_request
    @way.fn
    def once() -> None:
        notes.append("once")

    @app.get("/")
    @way.fn
    def view() -> str:
        notes.append("view")
        return "view"

    ask = way.serve(app)

    def meet(_: int) -> bytes:
        together.wait(10)
        body: bytes = ask("/").body
        return body

    with ThreadPoolExecutor(4) as people:
        if way.on_server:
            assert list(people.map(meet, range(4))) == [b"view"] * 4
        else:
            assert [ask("/").body for _ in range(4)] == [b"view"] * 4
    assert notes == ["once", *["view"] * 4]


def test_context_processors_and_shell(app: App, door: Way) -> None:
    """Names for templates of app and blueprint; names for the shell."""
    blue = Blueprint("blue", __name__)
    app.context_processor(lambda: {"who": "app", "app_only": 1})
    blue.context_processor(lambda: {"who": "blue"})
    blue.app_context_processor(lambda: {"from_blue": 2})
    app.shell_context_processor(lambda: {"answer": 42})
    source = "{{ who }} {{ app_only }} {{ from_blue }} {{ given }}"

    def view() -> Any:
        return render_template_string(source, given="own")

    app.get("/app")(view)
    blue.get("/blue")(view)
    app.register_blueprint(blue)
    ask = door.serve(app)
    assert ask("/app").text == "app 1 2 own"
    assert ask("/blue").text == "blue 1 2 own"
    with app.app_context():
        assert app.make_shell_context()["answer"] == 42


@pytest.mark.parametrize("cls", [App, Flask])
def test_setup_closes_at_the_first_request(cls: type[App], door: Way) -> None:
    """What comes too late says so and what to do, in both presets."""
    app = cls(__name__)
    app.get("/")(lambda: "x")
    ask = door.serve(app)
    assert ask("/").status == 200
    blue = Blueprint("late", __name__)
    for late in (
        lambda: app.before_request(lambda: None),
        lambda: app.get("/late")(lambda: ""),
        lambda: app.register_blueprint(blue),
        lambda: app.errorhandler(404)(lambda e: ""),
        lambda: app.before_first_request(lambda: None),
    ):
        with pytest.raises(AssertionError, match=r"can no longer be called.*first request"):
            late()


def test_mixed_hooks_keep_their_order(app: App, way: Way) -> None:
    """`def` between `async def`, around a view of either kind."""
    notes: list[str] = []
    other = Way(asynchronous=not way.asynchronous, on_server=False)
    for number, kind in enumerate((way, other, way)):
        app.before_request(noting(notes, kind, f"before {number}"))
        app.after_request(noting(notes, kind, f"after {number}"))
        app.teardown_request(noting(notes, kind, f"teardown {number}"))
    app.get("/")(way.fn(lambda: notes.append("view") or "done"))
    assert way.serve(app)("/").body == b"done"
    way.end()
    assert notes == [
        *(f"before {n}" for n in "012"),
        "view",
        *(f"after {n}" for n in "210"),
        *(f"teardown {n}" for n in "210"),
    ]
