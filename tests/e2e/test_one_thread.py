"""All `def` code of a request runs in one thread and in one `contextvars.Context`, from
its first hook to the last function that closes its answer, and leaves nothing to the next."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import SECONDS, Visitor, ask, crowd, request_bytes
from e2e_servers import on_native, on_uvicorn
from websockets.sync.client import connect

from waterspout import App, Response, g, request, send_file, sse, stream_with_context
from waterspout.concurrency.thread_pools import lanes_of
from waterspout.server import Threads, serve_in_thread
from waterspout.sessions import SecureCookieSession, SessionInterface
from waterspout.signals import request_started
from waterspout.tornado.web import RequestHandler

Door = Callable[[App], AbstractContextManager[int]]

mark: ContextVar[str | None] = ContextVar("mark", default=None)
store = threading.local()

DOORS: dict[str, Door] = {
    "asyncio": partial(on_native, loop="asyncio"),
    "uvloop": partial(on_native, loop="uvloop"),
    "uvicorn": on_uvicorn,
}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """The event loop of our own server."""
    name: str = request.param
    return name


@contextmanager
def served(app: App, **settings: Any) -> Iterator[tuple[Any, int]]:
    """Serve on our own server; afterwards no thread may be kept, reserved or at work."""
    with serve_in_thread(app, **settings) as server:
        yield server, int(server.urls[0].rpartition(":")[2])
        views = server.lanes.views
        wait_until(lambda: (views.busy, views.kept, views.reserved) == (0, 0, 0))


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until *holds* does; fail after a long time."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Watch:
    """Notes, for each request, in which threads its `def` code ran, and what was not as it should
    be: a variable or a thread's own data that was lost, or left by another request."""

    def __init__(self) -> None:
        self.threads: dict[int, list[int]] = {}
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()
        self._number = itertools.count(1)
        self._ending: set[int] = set()

    def begin(self) -> None:
        """The first code of a request; of either kind."""
        if mark.get() is not None:
            self.problems.append(f"{request.path} began with the mark {mark.get()}")
        g.number = next(self._number)
        g.token = mark.set(f"of {g.number}")
        g.seen = []
        self.threads[g.number] = g.seen

    def see(self, place: str, number: int | None = None, in_thread: bool = True) -> None:
        """Note that code runs for the current request, or for that with *number*, whose context
        is gone."""
        number = g.number if number is None else number
        self.counts[place] += 1
        if mark.get() != f"of {number}":
            self.problems.append(f"{place} of {number} saw the mark {mark.get()}")
        if in_thread:
            seen = self.threads[number]
            if not seen and getattr(store, "owner", None) is not None:
                self.problems.append(f"{place} of {number} found the data of {store.owner}")
            if seen and getattr(store, "owner", None) != number:
                self.problems.append(f"{place} of {number} did not find its thread's data")
            store.owner = number
            seen.append(threading.get_ident())

    def end(self, place: str, number: int, token: Any, alone: bool = False) -> None:
        """One of the two functions that end a request, which come in either order: that of its
        answer and that of its teardown. The second leaves everything as it was."""
        self.see(place, number)
        if not alone and number not in self._ending:
            self._ending.add(number)
            return
        self.counts["last"] += 1
        store.owner = None
        try:
            mark.reset(token)
        except Exception as error:
            self.problems.append(repr(error))

    def check(self, requests: int) -> None:
        """Wait for the ends of that many requests; all must have been as they should."""
        wait_until(lambda: self.counts["last"] >= requests or bool(self.problems))
        assert self.problems == []
        assert {number: len(set(seen)) for number, seen in self.threads.items()} == dict.fromkeys(
            range(1, requests + 1), 1
        )
        assert self.counts["last"] == requests
        assert self.counts["teardown"] == requests


def hook(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return *function* as a `def` or an `async def` function that waits."""
    if kind == "def":
        return function

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        result = function(*args, **kwargs)
        await asyncio.sleep(0)
        return result

    return waiting


def add_hooks(app: App, watch: Watch, before: str, after: str, teardown: str) -> None:
    """Add hooks of these kinds; in each chain an `async def` one is among `def` ones."""
    app.before_request(hook(before, watch.begin))
    app.before_request(partial(watch.see, "before"))

    def close_last(response: Any) -> Any:
        response.call_on_close(partial(watch.end, "close", g.number, g.token))
        watch.see("after", in_thread=threading.current_thread().name == "waterspout-views")
        return response

    app.after_request(hook(after, close_last))

    @app.after_request
    def closes(response: Any) -> Any:
        watch.see("after def")
        return response

    @app.teardown_request
    def down(error: BaseException | None) -> None:
        watch.end("teardown", g.number, g.token)

    app.teardown_request(hook(teardown, lambda error: watch.see("down", in_thread=False)))


def add_views(app: App, watch: Watch, folder: Path) -> None:
    """Add a view of each kind for each kind of body."""
    small, large = folder / "small", folder / "large"
    small.write_bytes(b"s" * 100)
    large.write_bytes(b"l" * 1_000_000)

    def lines() -> Iterator[str]:
        for number in range(3):
            watch.see("piece")
            yield f"{number}\n"

    async def lines_async() -> AsyncIterator[str]:
        for number in range(3):
            watch.see("async piece", in_thread=False)
            await asyncio.sleep(0)
            yield f"{number}\n"

    def closes() -> Iterator[str]:
        number = g.number
        try:
            for piece in range(3):
                watch.see("plain piece", number)
                yield f"{piece}\n"
        finally:
            watch.see("plain end", number)

    def fails_later() -> Iterator[str]:
        yield "one\n"
        watch.see("piece")
        raise ValueError

    def fails_first() -> Iterator[str]:
        watch.see("piece")
        raise ValueError
        yield

    bodies: dict[str, Callable[[], Any]] = {
        "str": lambda: "text",
        "plain": lambda: Response(closes()),
        "stream": lambda: Response(stream_with_context(lines())),
        "async-stream": lambda: Response(stream_with_context(lines_async())),
        "sse": lambda: sse(lines()),
        "small": lambda: send_file(small),
        "large": lambda: send_file(large),
        "error": lambda: 1 / 0,
        "first-error": lambda: Response(stream_with_context(fails_first())),
        "later-error": lambda: Response(stream_with_context(fails_later())),
    }

    @app.errorhandler(ZeroDivisionError)
    def division(error: Exception) -> tuple[str, int]:
        watch.see("error handler")
        return "divided", 500

    @app.get("/def/<body>")
    def view(body: str) -> Any:
        watch.see("view")
        return bodies[body]()

    @app.get("/async/<body>")
    async def view_async(body: str) -> Any:
        await asyncio.sleep(0)
        watch.see("async view", in_thread=False)
        return bodies[body]()


BODIES = [
    *("str", "stream", "async-stream", "sse", "small", "large", "error"),
    *("first-error", "later-error"),
]


def fetch(port: int, target: str) -> bytes:
    """Ask and read whatever comes, up to the connection's end."""
    with Visitor(port) as visitor:
        visitor.socket.sendall(request_bytes(target, close=True))
        got = b""
        try:
            while piece := visitor.socket.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got


@pytest.mark.parametrize("teardown", ["def", "async"])
@pytest.mark.parametrize("after", ["def", "async"])
@pytest.mark.parametrize("before", ["def", "async"])
def test_one_thread_and_one_context(
    app: App, door: Door, tmp_path: Path, before: str, after: str, teardown: str
) -> None:
    """On every mix of hooks, and with every kind of view and body, whole or failing."""
    watch = Watch()
    add_hooks(app, watch, before, after, teardown)
    add_views(app, watch, tmp_path)
    targets = [f"/{kind}/{body}" for kind in ("def", "async") for body in BODIES] * 2
    with door(app) as port:
        answers = [fetch(port, target) for target in targets]
        watch.check(len(targets))
    for target, answer in zip(targets, answers, strict=True):
        status = 500 if target.endswith(("/error", "/first-error")) else 200
        assert answer.startswith(b"HTTP/1.1 %d " % status), target


def test_wsgi_middleware_is_closed_in_the_requests_thread(app: App, door: Door) -> None:
    """What a middleware wraps around an answer is closed where the request ran, once, with the
    variables that it has set."""
    notes: list[tuple[str, str | None, bool]] = []

    class Wrapped:
        def __init__(self, body: Any, thread: int) -> None:
            self._body, self._thread = body, thread

        def __iter__(self) -> Iterator[bytes]:
            notes.append(("iter", mark.get(), threading.get_ident() == self._thread))
            return iter(self._body)

        def close(self) -> None:
            self._body.close()
            notes.append(("close", mark.get(), threading.get_ident() == self._thread))

    inner = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Any:
        notes.append(("begin", mark.get(), True))
        mark.set("middleware")
        return Wrapped(inner(environ, start_response), threading.get_ident())

    app.wsgi_app = middleware  # type: ignore[method-assign]  # as programs do

    @app.get("/<kind>")
    def view(kind: str) -> Any:
        return "text" if kind == "text" else Response(str(n) for n in range(3))

    with door(app) as port:
        for number, target in enumerate(["/text", "/stream"] * 3, start=1):
            assert b"200 OK" in fetch(port, target)
            wait_until(lambda number=number: len(notes) == 3 * number)
    each = [("begin", None, True), ("iter", "middleware", True), ("close", "middleware", True)]
    assert notes == each * 6


@pytest.mark.parametrize("view", ["def", "async"])
@pytest.mark.parametrize(
    "moment", ["hook", "view", "after", "teardown", "first piece", "between pieces"]
)
def test_a_client_that_leaves(app: App, loop: str, moment: str, view: str) -> None:
    """Whenever it leaves, what its request has registered to be closed is, in its thread and once;
    so are the teardown functions run."""
    watch = Watch()
    here, left = threading.Event(), threading.Event()

    def pause(at: str) -> None:
        if at == moment:
            here.set()
            left.wait(SECONDS)

    @app.before_request
    async def begin() -> None:
        watch.begin()

    @app.before_request
    def first() -> None:
        watch.see("before")
        g.close = partial(watch.end, "close", g.number, g.token)
        pause("hook")

    def pieces() -> Iterator[str]:
        pause("first piece")
        watch.see("piece")
        yield "one"
        pause("between pieces")
        for _ in range(1000):
            watch.see("piece")
            yield "more"

    def answer() -> Any:
        pause("view")
        return Response(stream_with_context(pieces())) if "piece" in moment else "text"

    @app.after_request
    def register(response: Any) -> Any:
        watch.see("after")
        close = g.pop("close")
        response.call_on_close(close)
        pause("after")
        return response

    @app.teardown_request
    def down(error: BaseException | None) -> None:
        watch.end("teardown", g.number, g.token, alone="close" in g)  # there was no response
        pause("teardown")

    if view == "def":
        app.get("/")(answer)
    else:

        @app.get("/")
        async def view_async() -> Any:
            await asyncio.sleep(0)
            return await asyncio.to_thread(pause, "view") or answer()

    with served(app, loop=loop) as (server, port):
        for number in range(1, 4):
            with Visitor(port) as visitor:
                visitor.send("/")
                assert here.wait(SECONDS)
            wait_until(lambda: not server.connections or all(c.lost for c in server.connections))
            left.set()
            watch.check(number)
            here.clear()
            left.clear()


def test_closing_does_not_hold_up_others(app: App, door: Door) -> None:
    """A close function that blocks has its own thread, and its client the next answer."""
    gate = threading.Event()

    @app.get("/slow")
    @app.get("/slow-async")
    async def slow() -> Response:
        response = Response("slow")
        response.call_on_close(lambda: gate.wait(SECONDS))
        return response

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    try:
        with door(app) as port:
            assert ask(port, "/slow").text == "slow"
            assert ask(port, "/quick").text == "quick"
            gate.set()
    finally:
        gate.set()


# -- nothing of one request is in another ------------------------------------------------


def test_a_pipelined_request_begins_anew(app: App, loop: str) -> None:
    """It is started by the end of the one before it, in which variables are set."""

    @app.get("/sets")
    async def sets() -> str:
        await asyncio.sleep(0.01)
        mark.set("of the first")
        return "set"

    @app.get("/async")
    async def sees() -> str:
        found = mark.get()
        await asyncio.sleep(0)
        return str(found)

    @app.get("/inline", inline=True)
    @app.get("/def")
    def sees_def() -> str:
        return str(mark.get())

    with served(app, loop=loop) as (_, port):
        for second in ("/async", "/inline", "/def"):
            with Visitor(port) as visitor:
                visitor.socket.sendall(request_bytes("/sets") + request_bytes(second))
                assert [visitor.read().text, visitor.read().text] == ["set", "None"]
            assert [ask(port, path).text for path in ("/async", "/inline")] == ["None"] * 2


def test_a_request_beside_a_stream_begins_anew(app: App, loop: str) -> None:
    """A stream's thread wakes the loop from within its context; what the loop does then is for
    others."""

    @app.get("/stream")
    def stream() -> Response:
        def pieces() -> Iterator[bytes]:
            mark.set("of the stream")
            for _ in range(200):
                yield b"x" * 20_000

        return Response(pieces())

    @app.get("/async")
    async def sees() -> str:
        return str(mark.get())

    @app.get("/def")
    def sees_def() -> str:
        return str(mark.get())

    @app.get("/inline", inline=True)
    def sees_inline() -> str:
        return str(mark.get())

    seen: set[str] = set()
    with served(app, loop=loop) as (_, port):
        reader = threading.Thread(target=fetch, args=(port, "/stream"))
        reader.start()
        while reader.is_alive():
            with Visitor(port) as visitor:
                paths = ["/def", "/async", "/def", "/inline"]
                visitor.socket.sendall(b"".join(map(request_bytes, paths)))
                seen |= {visitor.read().text for _ in paths}
    assert seen == {"None"}


# -- no deadlock ---------------------------------------------------------------------------


@pytest.mark.parametrize("gives_back", ["def", "async"])
@pytest.mark.parametrize("body", ["text", "stream"])
def test_async_hooks_that_hold_what_others_wait_for(
    app: App, door: Door, gives_back: str, body: str
) -> None:
    """200 requests; an async hook takes one of three connections, and a `def` view, a stream and
    the teardown need threads after that."""
    free = asyncio.Queue[int]()
    for number in range(3):
        free.put_nowait(number)
    loops: list[asyncio.AbstractEventLoop] = []

    @app.before_request
    async def take() -> None:
        loops[:] = [asyncio.get_running_loop()]
        g.connection = await free.get()

    @app.get("/")
    def view() -> Any:
        time.sleep(0.0005)
        return "text" if body == "text" else Response(stream_with_context(iter(["te", "xt"])))

    def give_back(error: BaseException | None) -> None:
        loops[0].call_soon_threadsafe(free.put_nowait, g.connection)

    app.teardown_request(hook(gives_back, give_back))
    with door(app) as port:
        if body == "text":
            assert {answer.text for answer in crowd(port, *[["/"] * 10] * 20)} == {"text"}
        else:
            gets = [threading.Thread(target=fetch, args=(port, "/")) for _ in range(50)]
            for each in gets:
                each.start()
            for each in gets:
                each.join(SECONDS)
            assert not any(each.is_alive() for each in gets)
        wait_until(lambda: free.qsize() == 3)


@pytest.mark.parametrize("first", ["def", "async"])
def test_a_request_waits_for_a_thread_only_before_it_begins(
    app: App, loop: str, first: str
) -> None:
    """With the pool full it is refused before any of the program's code has run for it."""
    gate, held = threading.Event(), threading.Semaphore(0)
    begun: list[str] = []

    def note() -> None:
        begun.append(request.path)

    app.before_request(hook(first, note))
    app.before_request(lambda: None)

    @app.get("/hold")
    def hold() -> str:
        held.release()
        gate.wait(SECONDS)
        return "held"

    threads = Threads(views_min=1, views_max=1, queue=1)
    try:
        with served(app, loop=loop, threads=threads) as (server, port):
            visitors = [Visitor(port) for _ in range(2)]
            visitors[0].send("/hold")
            assert held.acquire(timeout=SECONDS)
            visitors[1].send("/hold")
            wait_until(lambda: server.lanes.views.waiting == 1)
            refused = ask(port, "/hold")
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert begun == ["/hold"]
            gate.set()
            assert [visitor.read().text for visitor in visitors] == ["held"] * 2
            for visitor in visitors:
                visitor.leave()
    finally:
        gate.set()


def test_once_hooks_and_one_thread(app: App, loop: str) -> None:
    """A request of an async view has the once-hook to run, which needs the only thread; it is not
    taken by those who wait for the hook."""
    ran: list[str] = []

    @app.before_first_request
    def once() -> None:
        ran.append("once")

    @app.get("/async")
    async def view_async() -> str:
        return "async"

    @app.get("/def")
    def view() -> str:
        return "def"

    with served(app, loop=loop, threads=Threads(views_min=1, views_max=1)) as (server, port):
        server.loop.call_soon_threadsafe(time.sleep, 0.2)  # they arrive in one turn
        answers = crowd(port, ["/async"], *[["/def"]] * 3)
        assert sorted(answer.text for answer in answers) == ["async", "def", "def", "def"]
    assert ran == ["once"]


def test_signals_to_async_and_def_receivers(app: App, loop: str) -> None:
    """The thread of the `def` receiver is there before the async one has run."""
    gate, held = threading.Event(), threading.Semaphore(0)
    told: list[str] = []

    async def receive_async(sender: Any, **extra: Any) -> None:
        told.append("async")

    def receive(sender: Any, **extra: Any) -> None:
        told.append("def")

    @app.get("/hold")
    def hold() -> str:
        held.release()
        gate.wait(SECONDS)
        return "held"

    @app.get("/async")
    async def view() -> str:
        return "async"

    threads = Threads(views_min=1, views_max=1, queue=1)
    try:
        with served(app, loop=loop, threads=threads) as (server, port):
            visitors = [Visitor(port) for _ in range(2)]
            visitors[0].send("/hold")
            assert held.acquire(timeout=SECONDS)
            visitors[1].send("/hold")
            wait_until(lambda: server.lanes.views.waiting == 1)
            with (
                request_started.connected_to(receive_async, app),
                request_started.connected_to(receive, app),
            ):
                assert ask(port, "/async").status == 503
                assert told == []
                gate.set()
                assert visitors[0].read().text == "held"
                assert ask(port, "/async").text == "async"
                assert sorted(told)[-2:] == ["async", "def"] or "def" in told
            for visitor in visitors:
                visitor.leave()
    finally:
        gate.set()


def test_a_def_websocket_saves_a_session_of_the_programs_own(app: App, loop: str) -> None:
    """While its function runs nobody else can use the thread: it saves the session itself."""
    saved: list[int] = []
    ran: list[int] = []

    class Sessions(SessionInterface):
        def open_session(self, app: App, request: Any) -> SecureCookieSession:
            return SecureCookieSession({"seen": True})

        def save_session(self, app: App, session: Any, response: Any) -> None:
            saved.append(threading.get_ident())
            response.set_cookie("own", "1")

    app.session_interface = Sessions()

    @app.websocket("/ws")
    def talk(socket: Any) -> None:
        ran.append(threading.get_ident())
        for message in socket:
            socket.send(message)

    with (
        served(app, loop=loop) as (_, port),
        connect(f"ws://127.0.0.1:{port}/ws", open_timeout=SECONDS) as client,
    ):
        client.send("hello")
        assert client.recv(SECONDS) == "hello"
    assert saved == ran
    assert len(ran) == 1


# -- kept threads ----------------------------------------------------------------------------


def test_waiting_streams_do_not_stop_others(app: App, loop: str) -> None:
    """Def event streams that wait keep threads, but those of nobody else."""
    gate = threading.Event()

    @app.get("/events")
    def events() -> Response:
        def wait() -> Iterator[str]:
            yield "data: hello\n\n"
            gate.wait(SECONDS)

        return Response(wait(), mimetype="text/event-stream")

    @app.get("/def")
    def view() -> str:
        return "def"

    @app.get("/rows")
    def rows() -> Response:
        return Response(str(n) for n in range(5))

    try:
        with served(app, loop=loop, threads=Threads(views_max=4)) as (server, port):
            people = []
            for _ in range(150):
                visitor = Visitor(port)
                visitor.send("/events")
                visitor.read_until(b"hello")
                people.append(visitor)
            assert server.lanes.views.kept == 150
            assert ask(port, "/def").text == "def"
            with Visitor(port) as visitor:
                visitor.send("/rows")
                assert visitor.read_chunks() == b"01234"
            gate.set()
            for visitor in people:
                visitor.leave()
    finally:
        gate.set()


@pytest.mark.parametrize("kind", ["def", "async"])
def test_who_waits_has_the_place_of_a_view_that_streams(app: App, loop: str, kind: str) -> None:
    """A request that waits for the only thread is answered when that begins to stream, though
    nobody else comes."""
    gate, end, held = threading.Event(), threading.Event(), threading.Event()

    @app.before_request
    def before() -> None:
        if request.path == "/events":
            held.set()
            gate.wait(SECONDS)

    if kind == "async":

        @app.after_request
        async def after(response: Any) -> Any:
            return response

    @app.get("/events")
    def events() -> Response:
        def wait() -> Iterator[str]:
            yield "data: hello\n\n"
            end.wait(2 * SECONDS)  # longer than anybody waits for an answer

        return Response(wait(), mimetype="text/event-stream")

    @app.get("/def")
    def view() -> str:
        return "def"

    try:
        threads = Threads(views_min=1, views_max=1)
        with (
            served(app, loop=loop, threads=threads) as (server, port),
            Visitor(port) as first,
            Visitor(port) as second,
        ):
            first.send("/events")
            assert held.wait(SECONDS)
            second.send("/def")
            wait_until(lambda: server.lanes.views.waiting == 1)
            gate.set()
            first.read_until(b"hello")
            assert second.read().text == "def"
            end.set()
    finally:
        gate.set()
        end.set()


def test_more_streams_than_may_be_kept_are_refused(app: App, loop: str) -> None:
    gate = threading.Event()

    @app.get("/events")
    def events() -> Response:
        def wait() -> Iterator[str]:
            yield "data: hello\n\n"
            gate.wait(SECONDS)

        return Response(wait(), mimetype="text/event-stream")

    try:
        with served(app, loop=loop, threads=Threads(kept=3)) as (_, port):
            visitors = [Visitor(port) for _ in range(3)]
            for visitor in visitors:
                visitor.send("/events")
                visitor.read_until(b"hello")
            refused = ask(port, "/events")
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            gate.set()
            for visitor in visitors:
                visitor.leave()
    finally:
        gate.set()


# -- what runs on the loop never meets the thread in the context ----------------------------


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 has eager tasks")
def test_an_eager_task_factory(app: App) -> None:
    """Of the program's own: it would begin a task of the request within the request's step."""

    @app.on_startup
    async def install() -> None:
        asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory"))

    @app.before_request
    async def before() -> None: ...

    @app.teardown_request
    def down(error: BaseException | None) -> None: ...

    @app.get("/")
    def view() -> Response:
        return Response("abc")

    @app.get("/stream")
    def stream() -> Response:
        return sse(events())

    async def events() -> AsyncIterator[str]:
        yield "one"

    with served(app, loop="asyncio") as (_, port):
        assert ask(port, "/").text == "abc"
        assert b"data: one" in fetch(port, "/stream")


def test_cancelling_every_task_of_requests(app: App, loop: str) -> None:
    """A program may cancel what it finds on the loop. Teardown and close functions are run all the
    same, once, and the server lives."""
    counts: Counter[str] = Counter()

    @app.before_request
    async def before() -> None:
        g.begun = True
        counts["begun"] += 1
        await asyncio.sleep(0)

    @app.get("/view")
    def view() -> Response:
        response = Response("x")
        counts["registered"] += 1
        response.call_on_close(lambda: counts.update(["closed"]))
        return response

    @app.after_request
    def after(response: Response) -> Response:
        return response

    @app.teardown_request
    def down(error: BaseException | None) -> None:
        time.sleep(0.002)
        counts["down"] += bool(g.get("begun"))

    def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
        for task in asyncio.all_tasks(loop):
            name = getattr(task.get_coro(), "__qualname__", "")
            if not name.startswith(("Server.", "Lifespan.", "Event.")):
                task.cancel()

    with served(app, loop=loop) as (server, port):
        people = [
            threading.Thread(target=lambda: [fetch(port, "/view") for _ in range(10)])
            for _ in range(6)
        ]
        for each in people:
            each.start()
        while any(each.is_alive() for each in people):
            server.loop.call_soon_threadsafe(cancel_all, server.loop)
            time.sleep(0.003)
        wait_until(lambda: counts["down"] == counts["begun"])
        for _ in range(3):
            assert b"200 OK" in fetch(port, "/view")
    assert counts["down"] == counts["begun"]
    assert counts["closed"] == counts["registered"]


def test_a_handler_that_is_cancelled_while_it_sends(app: App, loop: str) -> None:
    """Who sends its answer uses the request's thread until it is done, and gives it back."""
    started = threading.Event()

    class Handler(RequestHandler):
        async def get(self) -> None:
            self.write("x")
            await self.flush()
            started.set()
            await asyncio.sleep(SECONDS)

    app.add_handlers([("/", Handler)])

    @app.after_request
    def after(response: Any) -> Any:
        return response

    @app.teardown_request
    def down(error: BaseException | None) -> None: ...

    with serve_in_thread(app, loop=loop, timeouts={"graceful": 1.0}) as server:
        port = int(server.urls[0].rpartition(":")[2])
        visitors = [Visitor(port) for _ in range(3)]
        for visitor in visitors:
            visitor.send("/")
            assert started.wait(SECONDS)
            started.clear()
    views = server.lanes.views
    wait_until(lambda: (views.busy, views.kept, views.reserved) == (0, 0, 0))
    for visitor in visitors:
        visitor.leave()


def test_rows_of_a_cursor_are_streamed(app: App, door: Door, tmp_path: Path) -> None:
    """sqlite3 refuses a cursor in another thread than that of its connection."""
    path = tmp_path / "rows.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table rows (n integer)")
        db.executemany("insert into rows values (?)", [(n,) for n in range(50)])

    @app.before_request
    async def before() -> None: ...

    @app.get("/rows")
    def rows() -> Response:
        db = sqlite3.connect(path)
        cursor = db.execute("select n from rows order by n")

        def lines() -> Iterator[str]:
            try:
                for (n,) in cursor:
                    yield f"{n}\n"
            finally:
                db.close()

        return Response(lines(), mimetype="text/csv")

    with door(app) as port, Visitor(port) as visitor:
        for _ in range(3):
            visitor.send("/rows")
            assert visitor.read_chunks() == b"".join(b"%d\n" % n for n in range(50))


def test_the_async_test_client(app: App, tmp_path: Path) -> None:
    watch = Watch()
    add_hooks(app, watch, "async", "def", "async")
    add_views(app, watch, tmp_path)

    async def visit() -> None:
        async with app.test_client() as client:
            for kind in ("def", "async"):
                for body in ("str", "stream", "async-stream", "sse", "small", "large"):
                    assert (await client.get(f"/{kind}/{body}")).status_code == 200
            views = lanes_of(asyncio.get_running_loop()).views
            while (views.busy, views.kept) != (0, 0):
                await asyncio.sleep(0.005)

    asyncio.run(visit())
    watch.check(12)


def test_the_synchronous_test_client(app: App, tmp_path: Path) -> None:
    """It runs everything in the caller's thread and context, `async def` code too."""
    watch = Watch()
    add_hooks(app, watch, "async", "def", "async")
    add_views(app, watch, tmp_path)
    client = app.test_client()
    for kind in ("def", "async"):
        for body in ("str", "stream", "sse", "error"):
            with client.get(f"/{kind}/{body}") as response:
                assert response.status_code == (500 if body == "error" else 200)
                assert response.get_data()
    watch.check(8)
    assert {thread for seen in watch.threads.values() for thread in seen} == {threading.get_ident()}
