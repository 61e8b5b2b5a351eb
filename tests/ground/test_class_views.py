"""Views as classes: methods, decorators, instances, inheritance, async."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.http import parse_set_header

from waterspout import App, MethodView, Response, View, make_response, request
from waterspout.flask import Flask
from waterspout.flask.views import http_method_funcs
from waterspout.views import loop_view


@pytest.fixture(params=[Flask, App], ids=["compat", "modern"])
def app(request: pytest.FixtureRequest) -> Any:
    found = request.param("shop")
    found.testing = True
    return found


def allowed(app: Any) -> list[str]:
    answer = app.test_client().options("/")
    return sorted(parse_set_header(answer.headers["Allow"]))


def check_get_and_post(app: Any) -> None:
    client = app.test_client()
    assert (client.get("/").text, client.post("/").text) == ("GET", "POST")
    assert client.put("/").status_code == 405
    assert allowed(app) == ["GET", "HEAD", "OPTIONS", "POST"]


class Answers(MethodView):
    def get(self, **kwargs: Any) -> str:
        return "GET"

    def post(self) -> str:
        return "POST"


def test_a_view_with_methods_b5(app: Any) -> None:
    class Index(View):
        methods = ["GET", "POST"]

        def dispatch_request(self) -> str:
            return request.method

    app.add_url_rule("/", view_func=Index.as_view("index"))
    check_get_and_post(app)


def test_a_method_per_verb_b5(app: Any) -> None:
    app.add_url_rule("/", view_func=Answers.as_view("index"))
    check_get_and_post(app)
    assert Answers.methods == {"GET", "POST"}


def test_async_methods_beside_plain_ones_b5(app: Any) -> None:
    class Mixed(MethodView):
        async def get(self, name: str) -> str:
            return f"async {name}"

        def post(self, name: str) -> str:
            return f"plain {name}"

    class Whole(View):
        async def dispatch_request(self) -> str:
            return "async"

    app.add_url_rule("/<name>", view_func=Mixed.as_view("mixed"))
    app.add_url_rule("/", view_func=Whole.as_view("whole"))
    client = app.test_client()
    assert client.get("/x").text == "async x"
    assert client.post("/x").text == "plain x"
    assert client.get("/").text == "async"


def test_all_async_classes_run_on_the_loop_unless_wrapped_b5() -> None:
    """No worker thread waits for them; but a wrapper is never skipped."""

    class Waits(MethodView):
        async def get(self) -> str:
            return "GET"

    class WaitsToo(View):
        async def dispatch_request(self) -> str:
            return "GET"

    class Decorated(Waits):
        decorators = [lambda view: view]

    class Mixed(Waits):
        def post(self) -> str:
            return "POST"

    class Own(Waits):
        def dispatch_request(self, **kwargs: Any) -> Any:
            return super().dispatch_request(**kwargs)

    for cls in (Waits, WaitsToo):
        view = cls.as_view("index")
        assert inspect.iscoroutinefunction(loop_view(view))

        @functools.wraps(view)
        def check_login(**kwargs: Any) -> str:
            return "refused"

        assert loop_view(check_login) is check_login
    for other in (Decorated, Mixed, Own, Answers):
        view = other.as_view("index")
        assert loop_view(view) is view
    replaced: Any = Waits.as_view("index")
    replaced.view_class = Answers
    assert loop_view(replaced) is replaced


def test_async_classes_answer_on_the_event_loop_b5() -> None:
    app = App("shop")

    class Where(MethodView):
        async def get(self, word: str) -> str:
            return f"{word} {asyncio.get_running_loop() is loop}"

    app.add_url_rule("/<word>", view_func=Where.as_view("where"))
    sent: list[dict[str, Any]] = []
    answered = asyncio.Event()
    events = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop()
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if not message.get("more_body", message["type"] == "http.response.start"):
            answered.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/here",
        "raw_path": b"/here",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"a")],
        "client": None,
        "server": ("a", 80),
    }
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        runner.run(app(scope, receive, send))
    assert b"".join(message.get("body", b"") for message in sent) == b"here True"


def test_replacing_view_class_replaces_the_view_b5(app: Any) -> None:
    class Broken(MethodView):
        def get(self) -> str:
            raise ZeroDivisionError

        post = get

    view: Any = Broken.as_view("index")
    assert (view.view_class, view.__name__) == (Broken, "index")
    view.view_class = Answers
    app.add_url_rule("/", view_func=view)
    check_get_and_post(app)


def test_arguments_reach_the_class_and_url_values_the_method_b5(app: Any) -> None:
    class Greeting(View):
        """Greets."""

        def __init__(self, word: str, mark: str = ".") -> None:
            self.word, self.mark = word, mark

        def dispatch_request(self, name: str) -> str:  # type: ignore[override]  # URL values
            return f"{self.word} {name}{self.mark}"

    view = Greeting.as_view("greeting", "Hello", mark="!")
    assert view.__doc__ == "Greets."
    assert view.__module__ == __name__
    app.add_url_rule("/<name>", view_func=view)
    assert app.test_client().get("/Ada").text == "Hello Ada!"


@pytest.mark.parametrize(("every", "expected"), [(True, ["1", "2"]), (False, ["1", "1"])])
def test_instances_per_request_or_shared_b5(app: Any, every: bool, expected: list[str]) -> None:
    made: list[object] = []

    class Counted(View):
        init_every_request = every

        def __init__(self) -> None:
            made.append(self)

        def dispatch_request(self) -> str:
            return str(len(made))

    app.add_url_rule("/", view_func=Counted.as_view("counted"))
    client = app.test_client()
    assert [client.get("/").text for _ in range(2)] == expected


def test_decorators_apply_innermost_first_b5(app: Any) -> None:
    def tag(letter: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(**kwargs: Any) -> Response:
                response = make_response(view(**kwargs))
                response.headers.add("X-Order", letter)
                return response

            return wrapped

        return decorate

    class Index(Answers):
        decorators = [tag("a"), tag("b")]

    view: Any = Index.as_view("index")
    assert view.view_class is Index
    assert view.methods == {"GET", "POST"}
    app.add_url_rule("/", view_func=view)
    answer = app.test_client().get("/")
    assert answer.headers.getlist("X-Order") == ["a", "b"]


def test_automatic_options_b5() -> None:
    class Off(View):
        provide_automatic_options = False

        def dispatch_request(self) -> str:
            return ""

    class On(Off):
        methods = ["OPTIONS"]
        provide_automatic_options = True

    off, on = App("shop"), App("shop")
    off.add_url_rule("/", view_func=Off.as_view("index"))
    on.add_url_rule("/", view_func=On.as_view("index"))
    assert off.test_client().options("/").status_code == 405
    assert allowed(on) == ["OPTIONS"]


def test_head_falls_back_on_get_unless_given_b5(app: Any) -> None:
    class Implicit(MethodView):
        def get(self) -> Response:
            return Response("body", headers={"X-Method": request.method})

    class Explicit(Implicit):
        def head(self) -> Response:
            return Response("", headers={"X-Method": "own"})

    app.add_url_rule("/", view_func=Implicit.as_view("implicit"))
    app.add_url_rule("/own", view_func=Explicit.as_view("explicit"))
    client = app.test_client()
    assert (client.head("/").headers["X-Method"], client.head("/").data) == ("HEAD", b"")
    assert client.head("/own").headers["X-Method"] == "own"


def test_methods_are_inherited_added_and_removed_b5(app: Any) -> None:
    class Deletes(MethodView):
        def delete(self) -> str:
            return "DELETE"

    class Both(Answers, Deletes):
        pass

    class OnlyGet(Answers, Deletes):
        methods = ["GET"]

    class Dav(MethodView):
        methods = ["GET", "PROPFIND"]

    class DavChild(Dav):
        def get(self) -> str:
            return "GET"

        def propfind(self) -> str:
            return "PROPFIND"

    assert Both.methods == {"GET", "POST", "DELETE"}
    assert DavChild.methods == {"GET", "PROPFIND"}
    app.add_url_rule("/", view_func=OnlyGet.as_view("index"))
    app.add_url_rule("/dav", view_func=DavChild.as_view("dav"))
    client = app.test_client()
    assert client.post("/").status_code == 405
    assert client.open("/dav", method="PROPFIND").text == "PROPFIND"


def test_a_view_must_answer_b5(app: Any) -> None:
    app.add_url_rule("/", view_func=View.as_view("index"))
    with pytest.raises(NotImplementedError):
        app.test_client().get("/")
    assert "get" in http_method_funcs
    assert MethodView.methods is None
