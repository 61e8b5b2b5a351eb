"""Hooks see everything, and outermost headers are on every answer."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest
from e2e_clients import SECONDS, Answer, Visitor, ask, ask_async
from e2e_servers import Serve

from waterspout import App, Blueprint, g, request
from waterspout.server import Server, ServerSettings, Threads, serve_in_thread

ORIGIN = "access-control-allow-origin"


def add_answers(app: App) -> None:
    """A route for every way an answer comes about."""

    @app.get("/text")
    def text() -> str:
        return "text"

    @app.get("/text-async")
    async def text_async() -> str:
        return "text"

    @app.get("/slash/")
    def slash() -> str:
        return "slash"

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("crash")

    @app.get("/crash-async")
    async def crash_async() -> str:
        raise RuntimeError("crash")

    @app.get("/abort")
    def abort() -> str:
        return app.aborter(403)  # type: ignore[no-any-return]

    @app.post("/small", max_content_length=10)
    def small() -> str:
        return str(len(request.get_data()))

    @app.get("/stream")
    async def stream() -> Any:
        return iter(["a", "b"])

    @app.get("/handled")
    def handled() -> str:
        raise KeyError("handled")

    @app.errorhandler(KeyError)
    def handler(error: KeyError) -> tuple[str, int]:
        return "handled", 422


#: What is asked for, and the status of the answer.
ASKED = {
    "GET /text": 200,
    "GET /text-async": 200,
    "HEAD /text": 200,
    "OPTIONS /text": 200,
    "GET /stream": 200,
    "GET /slash": 308,
    "GET /nowhere": 404,
    "POST /text": 405,
    "POST /small": 413,
    "GET /abort": 403,
    "GET /handled": 422,
    "GET /crash": 500,
    "GET /crash-async": 500,
}


def ask_for(port: int, asked: str, **fields: str) -> Answer:
    method, target = asked.split()
    body = b"x" * 100 if method == "POST" else None
    with Visitor(port) as visitor:
        visitor.send(target, method, body, **fields)
        if method == "HEAD" or target == "/stream":
            head = visitor.read_until(b"\r\n\r\n").decode()
            lines = [line.partition(":") for line in head.split("\r\n")[1:]]
            headers = {name.lower(): value.strip() for name, _, value in lines}
            return Answer(int(head.split()[1]), headers, b"")
        return visitor.read()


def add_cors(response: Any) -> Any:
    response.headers[ORIGIN] = request.headers.get("Origin", "none")
    return response


async def add_cors_async(response: Any) -> Any:
    await asyncio.sleep(0)
    return add_cors(response)


HOOKS = {
    "after_request": lambda app: app.after_request(add_cors),
    "after_request-async": lambda app: app.after_request(add_cors_async),
    "before_send": lambda app: app.before_send(add_cors),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_headers_are_on_every_status(app: App, serve: Serve, hook: str) -> None:
    """Of views, handlers, the router, the body's limit, and errors that nobody handled."""
    add_answers(app)
    HOOKS[hook](app)
    with serve(app) as port:
        answers = {asked: ask_for(port, asked, Origin="https://a.test") for asked in ASKED}
    assert {asked: answer.status for asked, answer in answers.items()} == ASKED
    lacking = [asked for asked, answer in answers.items() if ORIGIN not in answer.headers]
    assert lacking == []
    assert {answer.headers[ORIGIN] for answer in answers.values()} == {"https://a.test"}


@pytest.mark.parametrize("hook", HOOKS)
def test_and_in_the_test_client(app: App, hook: str) -> None:
    add_answers(app)
    HOOKS[hook](app)
    client = app.test_client()
    for asked, status in ASKED.items():
        method, target = asked.split()
        data = b"x" * 100 if method == "POST" else None
        response = client.open(target, method=method, data=data)
        assert (response.status_code, response.headers[ORIGIN]) == (status, "none")


FAILING = ["before", "before-async", "after", "after-async", "handler", "blueprint", "signal-free"]


@pytest.mark.parametrize("propagate", [False, True])
@pytest.mark.parametrize("failing", FAILING)
def test_before_send_is_there_when_a_hook_fails(
    app: App, serve: Serve, failing: str, propagate: bool
) -> None:
    """Once, whatever failed, and also where the app lets errors out to the server."""
    app.config["PROPAGATE_EXCEPTIONS"] = propagate
    calls: list[int] = []
    add_answers(app)
    app.before_send(add_cors)
    app.before_send(lambda response: calls.append(response.status_code))

    def fail(*args: Any) -> Any:
        raise LookupError(failing)

    async def fail_async(*args: Any) -> Any:
        raise LookupError(failing)

    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part", "part", lambda: "part")
    match failing:
        case "before":
            app.before_request(fail)
        case "before-async":
            app.before_request(fail_async)
        case "after":
            app.after_request(fail)
        case "after-async":
            app.after_request(fail_async)
        case "handler":
            app.register_error_handler(LookupError, fail)
            app.before_request(fail)
        case "blueprint":
            blueprint.after_request(fail)
        case "signal-free":
            app.url_value_preprocessor(fail)
    app.register_blueprint(blueprint)
    with serve(app) as port:
        answer = ask(port, "/part", Origin="https://a.test")
    assert (answer.status, answer.headers[ORIGIN]) == (500, "https://a.test")
    assert calls == [500]


def test_before_send_is_there_when_the_server_answers(app: App) -> None:
    """503 when no thread is free, 504 after the route's limit, 500 for a response that cannot
    be sent."""
    app.before_send(add_cors)
    gate = threading.Event()
    arrived = threading.Event()

    @app.get("/hold")
    def hold() -> str:
        arrived.set()
        gate.wait(SECONDS)
        return "held"

    @app.get("/limit", timeout=0.05)
    async def limit() -> None:
        await asyncio.Event().wait()

    @app.get("/split")
    async def split() -> Any:
        response = app.response_class("x")
        response.headers._list.append(("X-Split", "a\r\nb"))  # type: ignore[attr-defined]
        return response

    one = Threads(views_min=1, views_max=1, queue=1)
    with serve_in_thread(app, threads=one) as server:
        port = int(server.urls[0].rpartition(":")[2])
        answers = {504: ask(port, "/limit"), 500: ask(port, "/split")}
        with Visitor(port) as first, Visitor(port) as second:
            first.send("/hold")
            assert arrived.wait(SECONDS)
            second.send("/hold")
            while server.lanes.views.waiting < 1:
                time.sleep(0.005)
            answers[503] = ask(port, "/hold")
            gate.set()
    assert {status: answer.status for status, answer in answers.items()} == {
        504: 504,
        500: 500,
        503: 503,
    }
    assert {answer.headers.get(ORIGIN) for answer in answers.values()} == {"none"}
    assert answers[503].headers["retry-after"] == "1"


def test_a_failing_before_send_function_loses_no_answer(
    app: App, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    add_answers(app)

    @app.before_send
    def fails(response: Any) -> None:
        raise LookupError("in the last stage")

    app.before_send(add_cors)
    with serve(app) as port:
        answer = ask(port, "/text-async")
    assert (answer.text, answer.headers[ORIGIN]) == ("text", "none")
    assert "in the last stage" in caplog.text


def test_before_send_functions_are_def(app: App) -> None:
    with pytest.raises(TypeError, match="async def"):
        app.before_send(add_cors_async)


def test_middleware_does_not_double_it(app: App, serve: Serve) -> None:
    calls: list[int] = []
    add_answers(app)
    app.before_send(lambda response: calls.append(response.status_code))
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start: inner(environ, start)  # type: ignore[method-assign]
    with serve(app) as port:
        ask(port, "/text")
        ask(port, "/nowhere")
    assert calls == [200, 404]


# -- one context ----------------------------------------------------------------------------------


mark: ContextVar[str] = ContextVar("mark", default="unset")


def add_marking(app: App, seen: dict[str, list[str]], kind: str) -> None:
    """A view that sets a context variable, and hooks that read it."""

    def note(place: str) -> None:
        seen.setdefault(place, []).append(mark.get())

    @app.get("/def")
    def in_def() -> str:
        mark.set("by the view")
        return "x"

    @app.get("/async")
    async def in_async() -> str:
        mark.set("by the view")
        await asyncio.sleep(0)
        return "x"

    if kind in ("def", "mixed"):

        @app.after_request
        def after(response: Any) -> Any:
            note("after")
            return response

        @app.teardown_request
        def teardown(error: BaseException | None) -> None:
            note("teardown")

    if kind in ("async", "mixed"):

        @app.after_request
        async def after_async(response: Any) -> Any:
            note("after async")
            return response

        @app.teardown_appcontext
        async def teardown_async(error: BaseException | None) -> None:
            note("teardown async")

    if kind != "none":
        app.before_send(lambda response: note("last"))


@pytest.mark.parametrize("kind", ["def", "async", "mixed"])
@pytest.mark.parametrize("path", ["/def", "/async"])
def test_a_variable_set_in_the_view_is_seen_behind_it(
    app: App, serve: Serve, path: str, kind: str
) -> None:
    seen: dict[str, list[str]] = {}
    add_marking(app, seen, kind)
    with serve(app) as port:
        ask(port, path)
    assert len(seen) >= 3
    assert {place: said for place, said in seen.items() if said != ["by the view"]} == {}
    assert mark.get() == "unset"


@pytest.mark.parametrize("kind", ["none", "def", "async", "mixed"])
@pytest.mark.parametrize("path", ["/def", "/async"])
def test_a_variable_set_in_the_view_is_seen_in_the_access_log(
    app: App, path: str, kind: str
) -> None:
    logged: list[str] = []
    add_marking(app, {}, kind)

    async def serve_and_ask() -> None:
        server = Server(
            app,
            ServerSettings(port=0),
            access_log=lambda *record: logged.append(mark.get()),
        )
        await server.start()
        await ask_async(int(server.urls[0].rpartition(":")[2]), [path, path])
        await server.stop()

    asyncio.run(serve_and_ask())
    assert logged == ["by the view", "by the view"]


def test_one_task_from_the_first_hook_to_teardown(app: App, serve: Serve) -> None:
    tasks: dict[str, Any] = {}

    def note(place: str) -> None:
        tasks[place] = asyncio.current_task()

    @app.before_request
    async def before() -> None:
        note("before")

    @app.after_request
    async def after(response: Any) -> Any:
        note("after")
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        note("teardown")

    @app.get("/")
    async def view() -> str:
        note("view")
        await asyncio.sleep(0)
        return "x"

    with serve(app) as port:
        ask(port, "/")
    del tasks["teardown"]  # shielded from a cancellation in a task of its own under ASGI
    assert len(tasks) == 3
    assert len(set(map(id, tasks.values()))) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_json_is_parsed_once_for_five_hooks(app: App, serve: Serve, asynchronous: bool) -> None:
    parsed: list[Any] = []
    loads = app.json.loads

    def count(*args: Any, **kwargs: Any) -> Any:
        parsed.append(args)
        return loads(*args, **kwargs)

    app.json.loads = count  # type: ignore[method-assign]

    def add(number: int) -> None:
        def read() -> None:
            g.seen = [*g.get("seen", []), request.get_json()["n"] + number]

        async def read_async() -> None:
            read()

        app.before_request(read_async if asynchronous else read)

    for number in range(5):
        add(number)

    @app.post("/")
    def view() -> Any:
        return [*g.seen, request.json["n"]]

    with serve(app) as port:
        answer = ask(port, "/", "POST", b'{"n": 1}', Content_Type="application/json")
    assert answer.body == b"[1,2,3,4,5,1]"
    assert len(parsed) == 1
