"""The context follows the work, wherever it goes, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from http.client import HTTPConnection
from typing import Any

import pytest
from e2e_clients import SECONDS, Answer, Visitor, ask, crowd
from e2e_servers import Serve

from waterspout import (
    App,
    RequestHandler,
    Response,
    after_this_request,
    current_app,
    g,
    has_app_context,
    has_request_context,
    render_template_string,
    request,
    run_in_thread,
    session,
    spawn,
    stream_template_string,
)
from waterspout.flask import Flask


def seen() -> list[Any]:
    """What the proxies give here."""
    session["touched"] = [*session.get("touched", []), threading.current_thread().name[:10]]
    return [
        current_app.name,
        request.args["q"],
        g.value,
        session["user"],
        id(session._get_current_object()),
    ]


async def seen_async() -> list[Any]:
    await asyncio.sleep(0)
    return seen()


def begin() -> None:
    g.value = "from the view"
    session["user"] = "ann"


PLACES = [
    "run_in_thread",
    "spawn-async",
    "spawn-def",
    "spawn-coroutine",
    "task",
    "to_thread",
    "after_this_request",
    "spawn-from-def",
    "template",
    "nested",
]


def add_places(app: App) -> None:
    """A route for each place; the answer is what was seen there and in the view."""

    async def in_place(place: str) -> Any:
        match place:
            case "run_in_thread":
                return await run_in_thread(seen)
            case "spawn-async":
                return await spawn(seen_async)
            case "spawn-def":
                return await spawn(seen)
            case "spawn-coroutine":
                return await spawn(seen_async())
            case "task":
                return await asyncio.create_task(seen_async())
            case "to_thread":
                return await asyncio.to_thread(seen)
            case "nested":
                return await run_in_thread(current_app.async_to_sync(seen_async))
            case "template":
                source = "{{ config.NAME }} {{ request.args.q }} {{ g.value }} {{ session.user }}"
                current_app.config["NAME"] = current_app.name
                return [
                    *render_template_string(source).split(" ", 2)[:2],
                    g.value,
                    "ann",
                    id(session._get_current_object()),
                ]

    @app.get("/place/<place>")
    async def view(place: str) -> Any:
        begin()
        here = seen()
        if place == "after_this_request":

            @after_this_request
            def tell(response: Any) -> Any:
                response.set_data(json.dumps([here, seen()]))
                return response

            return ""
        return [here, await in_place(place)]

    @app.get("/place/spawn-from-def")
    def from_def() -> Any:
        begin()
        return [seen(), spawn(seen_async).result(SECONDS)]


@pytest.mark.parametrize("place", PLACES)
def test_the_request_is_seen_everywhere(app: App, serve: Serve, place: str) -> None:
    """The same application, request, `g` and the live session object, not a copy."""
    add_places(app)
    with serve(app) as port:
        answer = ask(port, f"/place/{place}?q=asked")
    here, there = json.loads(answer.body)
    assert here[:4] == ["demand", "asked", "from the view", "ann"]
    assert there == here


STREAMS = ["def", "async", "template", "sse-like"]


@pytest.mark.parametrize("kind", STREAMS)
def test_the_request_is_seen_in_streams(app: App, serve: Serve, kind: str) -> None:
    def made() -> Iterator[str]:
        for _ in range(3):
            yield f"{current_app.name} {request.args['q']} {g.value} {session['user']}\n"

    async def made_async() -> AsyncIterator[str]:
        for item in made():
            await asyncio.sleep(0)
            yield item

    line = "{{ config['NAME'] }} {{ request.args.q }} {{ g.value }} {{ session.user }}\n"
    source = "{% for n in range(3) %}" + line + "{% endfor %}"
    app.config["NAME"] = "demand"

    @app.get("/def")
    def in_def() -> Any:
        begin()
        return made()

    @app.get("/async")
    async def in_async() -> Any:
        begin()
        return made_async()

    @app.get("/template")
    async def in_template() -> Any:
        begin()
        return stream_template_string(source)

    @app.get("/sse-like")
    async def mixed() -> Any:
        begin()
        return made(), 200, {"Content-Type": "text/event-stream"}

    with serve(app) as port, Visitor(port) as visitor:
        visitor.send(f"/{kind}?q=asked")
        assert visitor.read_chunks() == b"demand asked from the view ann\n" * 3


def test_spawned_work_ends_its_own_context(app: App, serve: Serve) -> None:
    """Teardown functions run once for the request and once for the work, each with what it
    opened itself."""
    ended: Counter[str] = Counter()
    gate = threading.Event()
    done = threading.Event()

    @app.teardown_appcontext
    def close(error: BaseException | None) -> None:
        opened = g.pop("opened", "nothing")
        ended[f"{opened} of {request.path} {type(error).__name__}"] += 1
        if opened == "by work":
            done.set()

    async def work() -> None:
        await run_in_thread(gate.wait, SECONDS)
        g.opened = "by work"
        raise ValueError

    @app.get("/")
    async def view() -> str:
        g.opened = "by view"
        spawn(work)
        return "started"

    with serve(app) as port:
        ask(port, "/")
        gate.set()
        assert done.wait(SECONDS)
    assert ended == {"by view of / NoneType": 1, "by work of / ValueError": 1}


def test_spawned_work_under_wsgi(app: App) -> None:
    """Without a loop of a server the work has a thread of its own, and the same context."""
    add_places(app)
    said = app.test_client().get("/place/spawn-from-def?q=asked").json
    assert said[0] == said[1]
    for handle in (app.test_client().get("/place/spawn-async?q=asked"),):
        here, there = handle.json
        assert here == there


@pytest.mark.parametrize("kind", ["def", "async"])
def test_an_abandoned_stream_is_torn_down_once(app: App, serve: Serve, kind: str) -> None:
    """The client leaves in the middle: the generator ends in its request, the teardown runs
    once, and no thread keeps the context."""
    said: list[str] = []
    ended = threading.Event()

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        said.append(f"teardown {request.path}")

    @app.teardown_appcontext
    def teardown_app(error: BaseException | None) -> None:
        said.append("teardown app")
        ended.set()

    def made() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            said.append(f"closed {request.path} {g.value}")

    async def made_async() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            said.append(f"closed {request.path} {g.value}")

    @app.get("/def")
    def in_def() -> Any:
        g.value = 1
        return made()

    @app.get("/async")
    async def in_async() -> Any:
        g.value = 1
        return made_async()

    @app.get("/left", inline=True)
    def left_on_loop() -> list[bool]:
        return [has_request_context() and request.path != "/left"]

    with serve(app) as port:
        with Visitor(port) as visitor:
            visitor.send(f"/{kind}")
            visitor.read_until(b"x" * 1000)
        assert ended.wait(SECONDS)
        assert said == [f"closed /{kind} 1", f"teardown /{kind}", "teardown app"]


def test_an_answer_is_closed_whose_client_leaves_at_the_teardown(app: App, serve: Serve) -> None:
    """Nobody gets the answer any more, but what it holds is given back."""
    said: list[str] = []
    at_teardown, client_left, ended = threading.Event(), threading.Event(), threading.Event()

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        if request.path == "/answer":
            at_teardown.set()
            assert client_left.wait(SECONDS)
            said.append("teardown")

    @app.get("/answer")
    async def view() -> Response:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: ended.set())
        spawn(leave(task))
        response = Response("x")
        response.call_on_close(lambda: said.append("closed"))
        return response

    async def leave(task: asyncio.Task[Any]) -> None:
        await asyncio.to_thread(at_teardown.wait)
        visitor.leave()
        while not task.cancelling():
            await asyncio.sleep(0)
        client_left.set()

    with serve(app) as port, Visitor(port) as visitor:
        visitor.send("/answer")
        assert ended.wait(SECONDS)
    assert said == ["teardown", "closed"]


def test_threads_are_clean_between_requests(app: App, native: Serve) -> None:
    """What a worker thread or the loop runs outside of requests sees no context."""
    seen: list[bool] = []

    @app.get("/def")
    def view() -> str:
        return "x"

    @app.get("/probe")
    async def probe() -> str:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def look() -> None:
            seen.append(has_request_context() or has_app_context())
            loop.call_soon_threadsafe(done.set_result, None)

        threading.Thread(target=look).start()
        await done
        return "probed"

    with native(app) as port:
        crowd(port, *[["/def"] * 5] * 10)
        ask(port, "/probe")
    assert seen == [False]
    assert not has_app_context()


def test_a_hook_beside_a_handler_changes_only_what_it_sets(app: App, serve: Serve) -> None:
    """While a handler works on, the hooks of the answer that it flushes run in a thread."""
    hooked = threading.Event()
    go_on = threading.Event()

    @app.after_request
    def hook(response: Response) -> Response:
        of_hook.set("set by the hook")
        hooked.set()
        assert go_on.wait(SECONDS)
        return response

    @app.route("/")
    class Handler(RequestHandler):
        async def get(self) -> None:
            of_handler.set("before")
            self.write("begun ")
            flushed = self.flush()
            await asyncio.to_thread(hooked.wait, SECONDS)
            of_handler.set("after")
            go_on.set()
            await flushed
            self.write(f"{of_handler.get()}, {of_hook.get()}")

    with serve(app) as port, Visitor(port) as visitor:
        visitor.send("/", Connection="close")
        visitor.read_until(b"begun ")
        visitor.read_until(b"after, set by the hook")


of_handler: ContextVar[str] = ContextVar("of_handler")
of_hook: ContextVar[str] = ContextVar("of_hook", default="nothing")


# -- ten thousand requests -------------------------------------------------------------------


token: ContextVar[str] = ContextVar("token", default="none")


def add_mixing_views(app: App) -> None:
    """Views that let others run between writing and reading what is theirs."""

    @app.before_request
    def set_early() -> None:
        assert "token" not in g
        g.token = request.args["n"]
        token.set(request.args["n"])

    def is_mine() -> bool:
        mine = request.args["n"]
        return g.token == mine and token.get() == mine and session.get("token") in (None, mine)

    @app.get("/async")
    async def in_async() -> str:
        session["token"] = request.args["n"]
        for _ in range(3):
            await asyncio.sleep(0)
            assert is_mine()
        return str(g.token)

    @app.get("/def")
    def in_def() -> str:
        session["token"] = request.args["n"]
        for _ in range(3):
            time.sleep(0)
            assert is_mine()
        return str(g.token)

    @app.get("/both")
    async def in_both() -> str:
        session["token"] = request.args["n"]
        assert await run_in_thread(is_mine)
        return str(g.token)


def check_own(answers: list[Answer], count: int) -> None:
    assert {answer.status for answer in answers} == {200}
    assert sorted(int(answer.text) for answer in answers) == list(range(count))


def queues(count: int, connections: int) -> list[list[str]]:
    paths = ("/async", "/def", "/both")
    targets = [f"{paths[n % 3]}?n={n}" for n in range(count)]
    return [targets[at::connections] for at in range(connections)]


def test_ten_thousand_requests_never_mix(app: App, native: Serve) -> None:
    add_mixing_views(app)
    with native(app) as port:
        check_own(crowd(port, *queues(10_000, 60)), 10_000)


def test_requests_never_mix_under_asgi(app: App, serve: Serve) -> None:
    add_mixing_views(app)
    with serve(app) as port:
        check_own(crowd(port, *queues(3000, 60)), 3000)


def test_requests_never_mix_under_wsgi(app: App) -> None:
    add_mixing_views(app)

    def one(target: str) -> Answer:
        response = app.test_client().get(target)
        return Answer(response.status_code, {}, response.get_data())

    targets = [target for queue in queues(2000, 1) for target in queue]
    with ThreadPoolExecutor(8) as pool:
        check_own(list(pool.map(one, targets)), 2000)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_streamed_error_page_is_torn_down_once(app: App, serve: Serve, streamed: bool) -> None:
    """From every door, and with the error that the request ended in."""
    said: list[str] = []

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        said.append(f"{request.path} {type(error).__name__}")

    @app.errorhandler(500)
    def page(error: Any) -> Any:
        pieces = (f"{request.path} {n} " for n in range(2))
        return (pieces if streamed else "".join(pieces)), 500

    @app.get("/crash")
    def crash() -> None:
        raise LookupError

    with serve(app) as port, Visitor(port) as visitor:
        visitor.send("/crash")
        if streamed:
            assert visitor.read_chunks() == b"/crash 0 /crash 1 "
        else:
            assert visitor.read().text == "/crash 0 /crash 1 "
    assert said == ["/crash LookupError"]
    assert app.test_client().get("/crash").text == "/crash 0 /crash 1 "
    assert said == ["/crash LookupError"] * 2


@pytest.mark.parametrize("kind", ["def", "async"])
@pytest.mark.parametrize("body", ["def", "async"])
def test_a_plain_generator_finds_no_ended_request(serve: Serve, kind: str, body: str) -> None:
    """With Flask's preset the request has ended when its body is made: what such a generator would
    open, a database session for example, no teardown function would close."""
    app = Flask(__name__)
    found: list[bool] = []

    def made() -> Iterator[str]:
        found.append(has_request_context() or has_app_context())
        yield "made"

    async def made_async() -> AsyncIterator[str]:
        found.append(has_request_context() or has_app_context())
        with pytest.raises(RuntimeError, match="Working outside of request context"):
            request.path.upper()
        yield "made"

    def answer() -> Response:
        return Response(made() if body == "def" else made_async())  # type: ignore[arg-type]

    async def answer_async() -> Response:
        return answer()

    app.add_url_rule("/", view_func=answer if kind == "def" else answer_async)
    with serve(app) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"made"
        connection.close()
    assert found == [False]
