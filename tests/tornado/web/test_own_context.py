"""A handler is its own request's, whoever touches it: a timer, a thread, another user's request."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from contextvars import Context, ContextVar
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.sync.client import connect

from waterspout import App, request, session
from waterspout.context.variables import request_var
from waterspout.server import serve_in_thread
from waterspout.tornado.ioloop import IOLoop
from waterspout.tornado.web import RequestHandler
from waterspout.tornado.websocket import WebSocketHandler

LIMIT = 10.0  # seconds, for what must happen soon

Serve = Callable[[App], AbstractContextManager[str]]


@contextmanager
def ours(app: App) -> Iterator[str]:
    with serve_in_thread(app) as server:
        yield server.urls[0]


@contextmanager
def asgi(app: App) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(LIMIT)


@pytest.fixture(params=[ours, asgi])
def serve(request: pytest.FixtureRequest) -> Serve:
    found: Serve = request.param
    return found


class Site:
    """An application with two users, of whom one waits and the other touches what waits."""

    def __init__(self, **settings: Any) -> None:
        self.app = app = App(__name__)
        app.secret_key = "unguessable"
        app.config["SESSION_COOKIE_SECURE"] = False  # the tests have no TLS
        app.identify(lambda: session.get("user"))
        app.handler_settings.update({"log_function": self.log, "static_path": "/", **settings})
        self.waiting: list[Any] = []
        self.came = threading.Event()
        self.seen: list[tuple[str, Any]] = []
        app.get("/login/<name>")(self.login)
        app.after_request(self.after)

    @staticmethod
    def login(name: str) -> str:
        session["user"] = name
        return "in"

    def note(self, what: str) -> None:
        """Note *what* happens, and whose request it is."""
        ctx = request_var.get(None)
        whose = None if ctx is None else (session.get("user"), request.path)
        self.seen.append((what, whose))

    def after(self, response: Any) -> Any:
        if request.path == "/wait":
            self.note("after_request")
        elif request.path == "/touch":
            self.seen.append(("after touch", session.get("user")))
        return response

    def log(self, handler: RequestHandler) -> None:
        if handler.request.path == "/wait":
            self.note("log_function")

    @contextmanager
    def client(self, base: str, name: str) -> Iterator[httpx.Client]:
        """Yield a client that is logged in as *name*."""
        with httpx.Client(base_url=base, timeout=LIMIT) as client:
            assert client.get(f"/login/{name}").text == "in"
            yield client


def waiting_in(site: Site) -> type[RequestHandler]:
    """Return a handler that waits, and notes in whose request its methods are called."""

    class Waits(RequestHandler):
        async def get(self) -> None:
            self.done = asyncio.Event()
            site.waiting.append(self)
            site.came.set()
            await self.done.wait()

        def get_current_user(self) -> Any:
            site.note("get_current_user")
            return super().get_current_user()

        def get_user_locale(self) -> Any:
            site.note("get_user_locale")
            return None

        def get_template_namespace(self) -> dict[str, Any]:
            site.note("get_template_namespace")
            return super().get_template_namespace()

        def compute_etag(self) -> Any:
            site.note("compute_etag")
            return super().compute_etag()

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            site.note("write_error")
            super().write_error(status_code, **kwargs)

        def on_finish(self) -> None:
            site.note("on_finish")
            self.done.set()

    return Waits


ASKED: dict[str, Callable[[Any], Any]] = {
    "current_user": lambda handler: handler.current_user,
    "get_current_user": lambda handler: handler.get_current_user(),
    "session": lambda handler: handler.session["user"],
    "xsrf_token": lambda handler: bool(handler.xsrf_token),
    "xsrf_form_html": lambda handler: "_xsrf" in handler.xsrf_form_html(),
    "locale": lambda handler: handler.locale.code,
    "reverse_url": lambda handler: handler.reverse_url("Touches"),
    "render_string": lambda handler: handler.render_string("user.html"),
    "static_url": lambda handler: handler.static_url("x", include_version=False),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_of_a_handler(name: str, serve: Serve, tmp_path: Any) -> None:
    """In bob's request, ann's handler says what it says in its own."""
    (tmp_path / "user.html").write_text("{{ current_user }} {{ handler.session['user'] }}")
    site = Site(template_path=str(tmp_path))
    said: list[Any] = []
    ask = ASKED[name]

    class Touches(RequestHandler):
        async def get(self) -> None:
            await asyncio.sleep(0)
            (handler,) = site.waiting
            said.append(ask(handler))
            await asyncio.to_thread(lambda: None)
            handler.finish("end")

    class Alone(RequestHandler):
        def get(self) -> None:
            said.append(ask(self))

    site.app.route("/wait")(waiting_in(site))
    site.app.route("/touch", endpoint="Touches")(Touches)
    site.app.route("/alone")(Alone)
    with serve(site.app) as base, site.client(base, "ann") as ann, site.client(base, "bob") as bob:
        ann.get("/alone")
        waiter = threading.Thread(target=ann.get, args=("/wait",))
        waiter.start()
        assert site.came.wait(LIMIT)
        assert bob.get("/touch").status_code == 200
        waiter.join(LIMIT)
    assert said[0] == said[1]
    seen = dict(site.seen)
    if name == "get_current_user":  # the program's own method, which bob's request has called
        assert seen.pop(name) == ("bob", "/touch")
    assert seen.pop("after touch") == "bob"
    assert set(seen.values()) == {("ann", "/wait")}


SENT: dict[str, Callable[[Any], Any]] = {
    "finish": lambda handler: handler.finish("text"),
    "send_error": lambda handler: handler.send_error(418),
    "redirect": lambda handler: handler.redirect("/elsewhere"),
    "render": lambda handler: handler.render("page.html"),
    "flush": lambda handler: (handler.write("a"), handler.flush(), handler.finish("b")),
}


@pytest.mark.parametrize("where", ["request", "timer", "thread"])
@pytest.mark.parametrize("name", SENT)
def test_what_is_sent_by_others(name: str, where: str, serve: Serve, tmp_path: Any) -> None:
    """The answer of ann's handler goes through the hooks of ann's request, to ann."""
    (tmp_path / "page.html").write_text("{{ current_user }}")
    site = Site(template_path=str(tmp_path))
    send = SENT[name]

    class Touches(RequestHandler):
        async def get(self) -> None:
            await asyncio.sleep(0)
            (handler,) = site.waiting
            loop = IOLoop.current()
            if where == "request":
                send(handler)
            elif where == "timer":
                loop.call_later(0.01, send, handler)
            else:
                threading.Thread(target=loop.add_callback, args=(send, handler)).start()
            self.write("thanks")

    site.app.route("/wait")(waiting_in(site))
    site.app.route("/touch")(Touches)
    got: list[httpx.Response] = []
    with serve(site.app) as base, site.client(base, "ann") as ann, site.client(base, "bob") as bob:
        waiter = threading.Thread(target=lambda: got.append(ann.get("/wait")))
        waiter.start()
        assert site.came.wait(LIMIT)
        assert bob.get("/touch").text == "thanks"
        waiter.join(LIMIT)
    (answer,) = got
    status = {"send_error": 418, "redirect": 302}.get(name, 200)
    assert answer.status_code == status
    if name == "render":
        assert answer.text == "ann"
    seen = dict(site.seen)
    assert seen.pop("after touch") == "bob"
    assert set(seen.values()) == {("ann", "/wait")}
    assert {"after_request", "on_finish", "log_function"} <= set(seen)


def test_a_socket_is_its_own_request(serve: Serve) -> None:
    """A WebSocket's user and session, its messages and its end, when another user's request, a
    timer or a thread writes to it or closes it."""
    site = Site()
    closed = threading.Event()

    class Chat(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            site.waiting.append(self)
            self.write_message("open")

        def on_close(self) -> None:
            site.note("on_close")
            closed.set()

        def say(self) -> None:
            self.write_message(f"{self.current_user} {self.session['user']}")

    class Say(RequestHandler):
        async def get(self) -> None:
            (client,) = site.waiting
            client.say()
            IOLoop.current().call_later(0.01, client.say)
            threading.Thread(target=IOLoop.current().add_callback, args=(client.say,)).start()
            self.write(self.current_user)

    class Close(RequestHandler):
        def get(self) -> None:
            site.waiting[0].close()

    site.app.route("/chat")(Chat)
    site.app.route("/say")(Say)
    site.app.route("/close")(Close)
    with serve(site.app) as base, site.client(base, "ann") as ann, site.client(base, "bob") as bob:
        cookie = f"session={ann.cookies['session']}"
        url = base.replace("http", "ws").rstrip("/") + "/chat"
        with connect(url, additional_headers={"Cookie": cookie}) as client:
            assert client.recv(LIMIT) == "open"
            assert bob.get("/say").text == "bob"
            assert [client.recv(LIMIT) for _ in range(3)] == ["ann ann"] * 3
            assert bob.get("/close").status_code == 200
            assert closed.wait(LIMIT)
    assert site.seen == [("on_close", ("ann", "/chat"))]


def test_a_handler_that_has_ended_is_still_its_own(serve: Serve) -> None:
    """One that never waited, and is kept: nobody else's user, nor none."""
    site = Site()
    said: list[Any] = []

    class Ends(RequestHandler):
        def get(self) -> None:
            self.session["user"]
            site.waiting.append(self)

    class Touches(RequestHandler):
        def get(self) -> None:
            said.append((site.waiting[0].current_user, site.waiting[0].session["user"]))

    site.app.route("/ends")(Ends)
    site.app.route("/touch")(Touches)
    with serve(site.app) as base, site.client(base, "ann") as ann, site.client(base, "bob") as bob:
        ann.get("/ends")
        bob.get("/touch")
    assert said == [("ann", "ann")]


def test_the_loop_of_a_visitor_who_has_left_ends(serve: Serve) -> None:
    """Writing to a client that has gone raises, also for the first time, and without
    `on_connection_close`."""
    app = App(__name__)
    ended: list[str] = []
    both = threading.Semaphore(0)
    came = threading.Semaphore(0)
    left = threading.Event()

    class Streams(RequestHandler):
        async def get(self, name: str) -> None:
            came.release()
            if name == "late":
                await asyncio.to_thread(left.wait, LIMIT)
            try:
                while True:
                    self.write("data: x\n\n")
                    await self.flush()
                    await asyncio.sleep(0.01)
            except OSError as error:  # Tornado's StreamClosedError is one
                ended.append(type(error).__name__)
                both.release()

    app.add_handlers([("/(.*)", Streams)])
    with serve(app) as base:
        port = int(base.rstrip("/").rpartition(":")[2])
        for name in ("early", "late"):
            with closing(socket.create_connection(("127.0.0.1", port), timeout=LIMIT)) as client:
                client.sendall(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert came.acquire(timeout=LIMIT)
                if name == "early":
                    assert client.recv(15) == b"HTTP/1.1 200 OK"
        left.set()
        assert both.acquire(timeout=LIMIT)
        assert both.acquire(timeout=LIMIT)
    assert ended == ["StreamClosedError"] * 2


def test_who_touches_a_handler_is_in_its_very_context(serve: Serve) -> None:
    """Between a stranger's timer and the handler, variables go both ways, and so do tokens."""
    mood: ContextVar[str] = ContextVar("mood", default="none")
    app = App(__name__)
    seen: list[str] = []

    class Waits(RequestHandler):
        async def get(self) -> None:
            await asyncio.sleep(0)
            of_handler = mood.set("waiting")
            done = asyncio.Event()
            Context().run(IOLoop.current().call_later, 0.01, self.touch, done)
            await done.wait()
            seen.append(mood.get())
            mood.reset(self.of_stranger)
            seen.append(mood.get())
            mood.reset(of_handler)
            self.write(mood.get())

        def touch(self, done: asyncio.Event) -> None:
            seen.append(mood.get())
            assert self.current_user == "somebody"
            seen.append(mood.get())
            done.set()

        def get_current_user(self) -> str:
            seen.append(mood.get())
            self.of_stranger = mood.set("asked")
            return "somebody"

    app.route("/")(Waits)
    with serve(app) as base:
        answer = httpx.get(base)
    assert (answer.status_code, answer.text) == (200, "none")
    assert seen == ["none", "waiting", "none", "asked", "waiting"]


def test_nobody_enters_where_a_thread_is_at_work(serve: Serve) -> None:
    """While a `def` hook of a handler's request runs in its thread, a timer asks the handler."""
    app = App(__name__)
    app.config["CANCEL_ON_DISCONNECT"] = False
    at_work, asked = threading.Event(), threading.Event()
    kept: list[Any] = []
    users: list[Any] = []

    class Waits(RequestHandler):
        async def get(self) -> None:
            kept.append(self)
            loop = IOLoop.current()
            threading.Thread(target=self.ask_meanwhile, args=(loop,)).start()
            await asyncio.sleep(0)
            self.write("done")

        @staticmethod
        def ask_meanwhile(loop: IOLoop) -> None:
            at_work.wait(LIMIT)
            loop.add_callback(lambda: (users.append(kept[0].current_user), asked.set()))

        def get_current_user(self) -> str:
            return request.path

    def after(response: Any) -> Any:
        at_work.set()
        assert asked.wait(LIMIT)
        return response

    app.route("/here")(Waits)
    app.after_request(after)
    with serve(app) as base:
        answer = httpx.get(f"{base}/here")
    assert (answer.status_code, answer.text) == (200, "done")
    assert users == ["/here"]
