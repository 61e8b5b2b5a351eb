"""Errors of the program: one 500 and a traceback in the log; the framing stays."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hostile_vector import head
from hostile_wire import Wire, until

from waterspout import (
    App,
    Response,
    after_this_request,
    render_template_string,
    request,
    session,
)
from waterspout.sessions import SecureCookieSessionInterface
from waterspout.signals import request_finished, request_started, request_tearing_down


class Boom(Exception):
    """What is raised everywhere."""


def boom(*args: Any, **kwargs: Any) -> Any:
    raise Boom("boom")


async def boom_async(*args: Any, **kwargs: Any) -> Any:
    raise Boom("boom")


@pytest.fixture
def app() -> App:
    app = App("errors")
    app.config.update(SECRET_KEY="errors")

    @app.get("/fine")
    async def fine() -> str:
        return "fine"

    return app


def traceback_logged(caplog: pytest.LogCaptureFixture) -> bool:
    return any(
        record.levelno >= logging.ERROR and record.exc_info and record.exc_info[0] is Boom
        for record in caplog.records
    )


def ask_twice(site: Any, target: bytes = b"/", method: bytes = b"GET") -> list[Any]:
    """Ask for the broken page and a fine one on the same connection, pipelined."""
    wire = site.connect()
    wire.send(head(method=method, target=target) + head(target=b"/fine"))
    return [wire.read_answer(to_head=method == b"HEAD"), wire.read_answer()]


Break = Callable[[App, Callable[..., Any]], None]


def _view(app: App, how: Any) -> None:
    app.add_url_rule("/", "view", how)


def _hook(name: str) -> Break:
    def install(app: App, how: Any) -> None:
        once = _once(how)
        getattr(app, name)(once)
        app.add_url_rule("/", "view", _good)

    return install


def _once(how: Any) -> Any:
    """Fail for `/` only, so that the next request is fine."""
    if how is boom_async:

        async def asynchronous(*args: Any) -> Any:
            if request.path == "/":
                raise Boom("boom")
            return args[0] if args else None

        return asynchronous

    def synchronous(*args: Any) -> Any:
        if request.path == "/":
            raise Boom("boom")
        return args[0] if args else None

    return synchronous


def _good() -> str:
    return "good"


def _after_this(app: App, how: Any) -> None:
    def view() -> str:
        after_this_request(how)
        return "good"

    app.add_url_rule("/", "view", view)


def _handler(app: App, how: Any) -> None:
    app.register_error_handler(ZeroDivisionError, how)
    app.add_url_rule("/", "view", lambda: str(1 // 0))


def _handler_of_500(app: App, how: Any) -> None:
    app.register_error_handler(500, how)
    app.add_url_rule("/", "view", boom)


def _template(app: App, how: Any) -> None:
    app.jinja_env.globals["boom"] = boom
    app.add_url_rule("/", "view", lambda: render_template_string("a{{ boom() }}b"))


def _bad_value(app: App, how: Any) -> None:
    class Odd(Response):
        def get_wsgi_headers(self, environ: Any) -> Any:
            raise Boom("boom")

    app.add_url_rule("/", "view", lambda: Odd("x"))


BEFORE_THE_ANSWER: dict[str, Break] = {
    "view": _view,
    "before_request": _hook("before_request"),
    "url_value_preprocessor": _hook("url_value_preprocessor"),
    "after_request": _hook("after_request"),
    "after_this_request": _after_this,
    "errorhandler": _handler,
    "errorhandler-500": _handler_of_500,
    "template": _template,
    "wsgi-headers": _bad_value,
}


@pytest.mark.parametrize("how", [boom, boom_async], ids=["def", "async"])
@pytest.mark.parametrize("install", BEFORE_THE_ANSWER.values(), ids=BEFORE_THE_ANSWER.keys())
def test_an_error_before_the_answer_is_one_500(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture, install: Break, how: Any
) -> None:
    """A traceback in the log, nothing of it on the page, and the connection goes on."""
    install(app, how)
    broken, fine = ask_twice(serve(app))
    assert broken.status == 500
    assert b"boom" not in broken.body
    assert fine.body == b"fine"
    assert until(lambda: traceback_logged(caplog))


@pytest.mark.parametrize("how", [boom, boom_async], ids=["def", "async"])
@pytest.mark.parametrize("hook", ["teardown_request", "teardown_appcontext"])
def test_an_error_in_a_teardown_costs_no_answer(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture, hook: str, how: Any
) -> None:
    """The answer was made already; the error is logged, the other teardowns run."""
    app.add_url_rule("/", "view", _good)
    getattr(app, hook)(how)
    broken, fine = ask_twice(serve(app))
    assert broken.status == 200
    assert fine.status == 200
    assert until(lambda: traceback_logged(caplog))


@pytest.mark.parametrize("name", ["open_session", "save_session"])
def test_an_error_of_the_session_store(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A store that is down is a 500 for pages that use it, in bounded time."""

    class Broken(SecureCookieSessionInterface):
        pass

    setattr(Broken, name, boom)
    app.session_interface = Broken()
    app.add_url_rule("/", "view", lambda: str(session.update(a=1)))
    broken, _ = ask_twice(serve(app))
    assert broken.status == 500
    assert until(lambda: traceback_logged(caplog))


@pytest.mark.parametrize(
    ("signal", "status"),
    [(request_started, 500), (request_finished, 500), (request_tearing_down, 200)],
)
def test_an_error_in_a_signal_receiver(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture, signal: Any, status: int
) -> None:
    """As an error of a hook at that point."""
    app.add_url_rule("/", "view", _good)
    with signal.connected_to(boom, app):
        broken, fine = ask_twice(serve(app))
    assert broken.status == status
    assert fine.status == status
    assert until(lambda: traceback_logged(caplog))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_error_while_a_response_is_closed(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture, asynchronous: bool
) -> None:
    """`call_on_close` runs after the answer was written."""

    def view() -> Response:
        response = Response("good")
        response.call_on_close(boom)
        return response

    async def view_async() -> Response:
        return view()

    app.add_url_rule("/", "view", view_async if asynchronous else view)
    broken, fine = ask_twice(serve(app))
    assert broken.body == b"good"
    assert fine.body == b"fine"
    assert until(lambda: traceback_logged(caplog))


@pytest.mark.parametrize(
    ("where", "error"),
    [(where, error) for where in ("view", "hook")
     for error in (SystemExit, KeyboardInterrupt, BaseException)]
    + [("teardown", SystemExit), ("stream", SystemExit)],
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_no_exception_does_not_end_the_server(
    app: App, serve: Any, error: type[BaseException], asynchronous: bool, where: str
) -> None:
    """A view that says `sys.exit()`: that request fails, the process serves on."""

    def leave(*args: Any) -> Any:
        if request.path == "/":
            raise error()

    async def leave_async(*args: Any) -> Any:
        leave()

    def pieces() -> Iterator[str]:
        yield "first"
        raise error()

    async def pieces_async() -> AsyncIterator[str]:
        yield "first"
        raise error()

    view: Any = leave_async if asynchronous else leave
    body: Callable[[], Any] = pieces_async if asynchronous else pieces
    if where == "stream":
        app.add_url_rule("/", "view", lambda: Response(body()))
    elif where == "view":
        app.add_url_rule("/", "view", view)
    else:
        app.add_url_rule("/", "view", _good)
        (app.before_request if where == "hook" else app.teardown_request)(view)
    site = serve(app)
    wire = site.connect()
    wire.send(head())
    assert wire.more()
    if where in ("view", "hook"):
        assert wire.read_answer().status == 500
    for _ in range(20):
        other = site.connect()
        other.send(head(target=b"/fine"))
        assert other.read_answer().body == b"fine"


def test_a_view_that_ignores_its_time_limit_has_one_answer(app: App, serve: Any) -> None:
    """504 was sent; what the view returns in the end is not sent behind it."""
    late = threading.Event()

    @app.get("/", timeout=0.1)
    async def view() -> str:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            late.set()
        return "late"

    wire = serve(app).connect()
    wire.send(head() + head(target=b"/fine"))
    answers = wire.read_answers()
    assert [answer.status for answer in answers] == [504]
    assert late.wait(10)


# -- streams -----------------------------------------------------------------------------------


def broken_stream(kind: str) -> Any:
    def pieces() -> Iterator[str]:
        yield "first"
        raise Boom("boom")

    async def pieces_async() -> AsyncIterator[str]:
        yield "first"
        raise Boom("boom")

    return pieces() if kind.startswith("def") else pieces_async()


@pytest.mark.parametrize("length", [None, "100"])
@pytest.mark.parametrize("kind", ["def-in-def", "async-in-def", "def-in-async", "async-in-async"])
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_an_error_in_a_stream_ends_it_short(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture, kind: str, length: str | None,
    version: bytes,
) -> None:  # fmt: skip
    """No last chunk, no second status line, no next answer; a traceback in the log."""

    def view() -> Response:
        response = Response(broken_stream(kind))
        if length is not None:
            response.headers["Content-Length"] = length
        return response

    async def view_async() -> Response:
        return view()

    app.add_url_rule("/", "view", view_async if kind.endswith("async") else view)
    site = serve(app)
    with Wire(site.address) as wire:
        wire.send(head(version=version) + head(target=b"/fine"))
        data = wire.read_to_end()
    assert data.count(b"HTTP/1.") <= 1
    assert b"0\r\n\r\n" not in data
    assert b"boom" not in data
    assert b"fine" not in data
    assert until(lambda: traceback_logged(caplog))
    other = site.connect()
    other.send(head(target=b"/fine"))
    assert other.read_answer().body == b"fine"


def test_an_error_before_the_first_piece(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The head leaves with the first piece, so it is a 500 like any other."""

    def view() -> Any:
        return (1 // 0 for _ in [0])

    app.add_url_rule("/", "view", view)
    wire = serve(app).connect()
    wire.send(head() + head(target=b"/fine"))
    assert [wire.read_answer().status, wire.read_answer().status] == [500, 200]
    assert [bool(record.exc_info) for record in caplog.records] == [True]


@pytest.mark.parametrize("piece", [5, None, object()])
def test_a_piece_that_is_neither_text_nor_bytes(app: App, serve: Any, piece: Any) -> None:
    async def pieces() -> AsyncIterator[Any]:
        yield "first"
        yield piece

    @app.get("/")
    async def view() -> Any:
        return pieces()

    wire = serve(app).connect()
    wire.send(head())
    data = wire.read_to_end() if piece is not None else b""
    assert b"0\r\n\r\n" not in data


# -- what is not the program's view ------------------------------------------------------------


def test_an_error_in_a_converter_is_a_500(
    app: App, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A converter of the program's own runs before there is a view; it is no bad request."""
    from werkzeug.routing import BaseConverter

    class Odd(BaseConverter):
        def to_python(self, value: str) -> Any:
            raise Boom("boom")

    app.url_map.converters["odd"] = Odd
    app.add_url_rule("/odd/<odd:x>", "view", lambda x: "x")
    broken, fine = ask_twice(serve(app), b"/odd/1")
    assert broken.status == 500
    assert fine.body == b"fine"
    assert until(lambda: traceback_logged(caplog))


def test_the_date_is_of_now_after_a_silence(app: App, serve: Any) -> None:
    """The clock that stands still without connections is set when one comes."""
    import time
    from email.utils import parsedate_to_datetime

    site = serve(app)
    for _ in range(2):
        with Wire(site.address) as wire:
            wire.send(head(target=b"/fine"))
            date = wire.read_answer().field("Date")
        assert date is not None
        assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < 3
        time.sleep(2.2)
