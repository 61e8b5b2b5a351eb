"""The life of a request handler: what is called, when, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest
from rooms_site import client_of, served

from waterspout.tornado.web import Finish, HTTPError, RequestHandler


class Recording(RequestHandler):
    """Notes in *calls* what is called."""

    def initialize(self, calls: list[str], fail: str = "") -> None:
        self.calls, self.fail = calls, fail
        self._note("initialize")

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if self.fail == name:
            raise ZeroDivisionError(name)

    def set_default_headers(self) -> None:
        # Called for the first time before initialize.
        getattr(self, "calls", FIRST).append("set_default_headers")

    def prepare(self) -> Awaitable[None] | None:
        self._note("prepare")
        return None

    def get(self) -> None:
        self._note("get")
        self.write("answered")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._note("write_error")
        super().write_error(status_code, **kwargs)

    def log_exception(self, *args: Any) -> None:
        self._note("log_exception")

    def on_finish(self) -> None:
        self._note("on_finish")


FIRST: list[str] = []


def calls_of(fail: str = "", handler: type[RequestHandler] = Recording) -> tuple[Any, list[str]]:
    calls: list[str] = []
    FIRST.clear()
    response = client_of(("/", handler, {"calls": calls, "fail": fail})).get("/")
    return response, [*FIRST, *calls]


def test_the_order_of_the_calls() -> None:
    """set_default_headers, initialize, prepare, the method, on_finish."""
    response, calls = calls_of()
    assert response.text == "answered"
    assert calls == ["set_default_headers", "initialize", "prepare", "get", "on_finish"]


@pytest.mark.parametrize("stage", ["prepare", "get"])
def test_the_order_when_something_fails(stage: str) -> None:
    """After an error log_exception, set_default_headers, write_error, on_finish."""
    response, calls = calls_of(fail=stage)
    assert response.status_code == 500
    assert calls[calls.index(stage) :] == [
        *(stage, "log_exception", "set_default_headers", "write_error", "on_finish")
    ]


def test_a_failing_write_error_still_answers(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the status, the log both errors."""

    class Fails(Recording):
        def write_error(self, status_code: int, **kwargs: Any) -> None:
            raise LookupError("in the error page")

    response, calls = calls_of(fail="get", handler=Fails)
    assert (response.status_code, response.text) == (500, "")
    assert calls[-1] == "on_finish"
    assert "Uncaught exception in write_error" in caplog.text


def test_a_failing_logger_still_answers(caplog: pytest.LogCaptureFixture) -> None:
    """An error in log_exception does not leave the client waiting."""

    class Fails(Recording):
        def log_exception(self, *args: Any) -> None:
            raise LookupError("in the logger")

    response, _ = calls_of(fail="get", handler=Fails)
    assert response.status_code == 500
    assert "Error in exception logger" in caplog.text


def test_an_error_in_on_finish_is_logged_and_the_answer_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer has been given by then."""

    class Fails(RequestHandler):
        def get(self) -> None:
            self.write("answered")

        def on_finish(self) -> None:
            raise LookupError("too late")

    response = client_of(("/", Fails)).get("/")
    assert (response.status_code, response.text) == (200, "answered")
    assert "Uncaught exception GET /" in caplog.text
    assert "too late" in caplog.text


@pytest.mark.parametrize("ending", ["finish", "redirect", "send_error"])
def test_prepare_that_finishes_leaves_the_method_out(ending: str) -> None:
    """So does one that redirects or sends an error."""
    called = []

    class Prepares(RequestHandler):
        async def prepare(self) -> None:
            await asyncio.sleep(0)
            if ending == "finish":
                self.finish("from prepare")
            elif ending == "redirect":
                self.redirect("/elsewhere")
            else:
                self.send_error(403)

        def get(self) -> None:
            called.append("get")

    response = client_of(("/", Prepares)).get("/")
    assert response.status_code == {"finish": 200, "redirect": 302, "send_error": 403}[ending]
    assert called == []


def test_coroutines_and_futures_are_awaited() -> None:
    """Whatever prepare and the method return, if it can be awaited."""

    class Waits(RequestHandler):
        def prepare(self) -> Awaitable[None]:
            done = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(self._prepared, done)
            return done

        def _prepared(self, done: asyncio.Future[None]) -> None:
            self.ready = True
            done.set_result(None)

        async def get(self) -> None:
            await asyncio.sleep(0)
            self.write({"ready": self.ready})

    assert client_of(("/", Waits)).get("/").json == {"ready": True}


def test_a_def_method_runs_without_suspending() -> None:
    """A handler of def methods needs no turn of the event loop."""
    turns = []

    class Quick(RequestHandler):
        def prepare(self) -> None:
            asyncio.get_running_loop().call_soon(turns.append, "a turn")

        def get(self) -> None:
            assert turns == []
            self.write("quick")

    assert client_of(("/", Quick)).get("/").text == "quick"


def test_finish_raises_out_of_the_method() -> None:
    """Finish ends the request with what is written, or with its argument."""

    class Ends(RequestHandler):
        def get(self) -> None:
            self.set_status(401)
            self.write("written")
            raise Finish(*self.get_arguments("more"))

    client = client_of(("/", Ends))
    assert (client.get("/").status_code, client.get("/").text) == (401, "written")
    assert client.get("/?more=+and+more").text == "writtenand more"


def test_an_answer_later_than_the_method() -> None:
    """With _auto_finish off the handler is answered when the program says so."""

    class Later(RequestHandler):
        def get(self) -> None:
            self._auto_finish = False
            asyncio.get_running_loop().call_soon(self.finish, "later")

    with served(("/", Later)) as client:
        assert client.get("/").text == "later"


def test_an_error_after_finish_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client keeps its answer."""

    class Late(RequestHandler):
        def get(self) -> None:
            self.finish("answered")
            raise LookupError("after finish")

    assert client_of(("/", Late)).get("/").text == "answered"
    assert "LookupError: after finish" in caplog.text


def test_an_error_after_flush_cuts_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing else can be said to the client but that it is not whole, and the log says why."""
    ended = []

    class Half(RequestHandler):
        async def get(self) -> None:
            self.write("half")
            await self.flush()
            raise LookupError("between")

        def on_finish(self) -> None:
            ended.append(self.get_status())

    with (
        served(("/", Half)) as client,
        pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"),
    ):
        client.get("/")
    assert "Cannot send error response after headers written" in caplog.text
    assert [r.exc_info and r.exc_info[0] for r in caplog.records] == [LookupError, None]
    assert ended == [200]


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("waits", [False, True])
def test_an_answer_that_fails_does_not_look_whole(
    declared: bool, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """With a declared length and without, and if the handler has not waited in between."""

    class Half(RequestHandler):
        async def get(self) -> None:
            if declared:
                self.set_header("Content-Length", 100)
            self.write("half")
            done = self.flush()
            if waits:
                await done
            raise LookupError("between")

    with served(("/", Half)) as client:
        address = client.base_url.host, client.base_url.port
        with socket.create_connection(address, timeout=10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            data = b""
            while piece := sock.recv(65536):
                data += piece
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"half" in data
    assert not data.endswith(b"0\r\n\r\n")
    assert [r.exc_info and r.exc_info[0] for r in caplog.records] == [LookupError, None]


def test_a_failed_answer_of_which_nothing_has_left_is_an_error() -> None:
    """Where answers are sent whole, by WSGI and the test client."""

    class Half(RequestHandler):
        def get(self) -> None:
            self.write("half")
            self.flush()
            raise LookupError("between")

    answer = client_of(("/", Half)).get("/")
    assert (answer.status_code, answer.text) == (500, "")


def test_a_status_without_body_refuses_one(caplog: pytest.LogCaptureFixture) -> None:
    """204 with content is a 500, not a broken answer; without, it has no fields for one."""

    class Nothing(RequestHandler):
        def get(self) -> None:
            self.set_status(204)
            if self.get_argument("body", ""):
                self.write("something")

    client = client_of(("/", Nothing))
    assert client.get("/?body=1").status_code == 500
    assert "Cannot send body with status code HTTP204" in caplog.text
    response = client.get("/")
    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Type" not in response.headers


def test_errors_with_a_reason_and_a_message(caplog: pytest.LogCaptureFixture) -> None:
    """The reason is for the client, the message for the log; percent signs are just that."""

    class Teapot(RequestHandler):
        def get(self) -> None:
            raise HTTPError(418, "100%% %s", "tea", reason="Short and stout")

        def post(self) -> None:
            raise HTTPError(400, "100%")

    client = client_of(("/", Teapot))
    with caplog.at_level("WARNING", "tornado.general"):
        response = client.get("/")
    assert response.status == "418 Short and stout"
    assert "<body>418: Short and stout</body>" in response.text
    assert "tea" not in response.text
    client.post("/")
    said = [r.getMessage() for r in caplog.records if r.name == "tornado.general"]
    assert said == ["418 GET / (127.0.0.1): 100% tea", "400 POST / (127.0.0.1): 100%"]


@pytest.mark.parametrize("reason", ["<script>", "two\r\nlines", "snow ☃"])
def test_an_unsafe_reason_is_replaced(reason: str) -> None:
    """It goes into the status line and into the error page."""

    class Unsafe(RequestHandler):
        def get(self) -> None:
            self.send_error(400, reason=reason)

    response = client_of(("/", Unsafe)).get("/")
    assert response.status == "400 Unknown"
    assert "<body>400: Unknown</body>" in response.text


def test_a_traceback_only_when_asked_for() -> None:
    """serve_traceback shows it as plain text; without it nothing of it is shown."""

    class Fails(RequestHandler):
        def get(self) -> None:
            raise LookupError("the secret")

    shown = client_of(("/", Fails), serve_traceback=True).get("/")
    assert shown.headers["Content-Type"] == "text/plain"
    assert "LookupError: the secret" in shown.text
    assert "the secret" not in client_of(("/", Fails)).get("/").text


def test_methods_that_a_handler_lacks_or_does_not_support() -> None:
    """405; SUPPORTED_METHODS may be extended."""

    class Dav(RequestHandler):
        SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "PROPFIND")

        def propfind(self) -> None:
            self.write("found")

    client = client_of(("/", Dav))
    assert client.open("/", method="PROPFIND").text == "found"
    assert client.get("/").status_code == 405
    assert client.open("/", method="MKCOL").status_code == 405


def test_a_message_that_does_not_fit_its_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """The status is still the program's, and the log shows both."""

    class Misfit(RequestHandler):
        def get(self) -> None:
            raise HTTPError(404, "%d items", "no")

    assert client_of(("/", Misfit)).get("/").status_code == 404
    assert "%d items ('no',)" in caplog.text


def test_a_client_is_answered_when_the_error_page_cannot_be_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With set_default_headers failing for the error page nothing is left but the status."""

    class Fails(RequestHandler):
        failing = False

        def set_default_headers(self) -> None:
            if self.failing:
                raise LookupError("no headers")

        def get(self) -> None:
            self.failing = True
            raise KeyError("first")

    with served(("/", Fails)) as client:
        response = client.get("/")
    assert (response.status_code, response.content) == (500, b"")
    assert "KeyError: 'first'" in caplog.text
    assert "Exception in exception handler" in caplog.text


def test_a_failing_log_function_does_not_cost_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """log_function is called when the client has its answer."""

    class Good(RequestHandler):
        def get(self) -> None:
            self.write("good")

    def fail(handler: RequestHandler) -> None:
        raise LookupError("in log_function")

    with served(("/", Good), log_function=fail) as client:
        assert client.get("/").text == "good"
    assert "in log_function" in caplog.text


def test_the_handler_is_freed_when_the_answer_is_sent() -> None:
    """No reference cycle keeps a handler until the next collection."""
    import gc
    import weakref

    seen: list[weakref.ref[RequestHandler]] = []

    class Freed(RequestHandler):
        def get(self) -> None:
            seen.append(weakref.ref(self))
            self.write(str(len(self.ui)))

    client = client_of(("/", Freed))
    client.get("/")
    gc.collect()
    gc.disable()
    try:
        client.get("/")
        assert seen[1]() is None
    finally:
        gc.enable()
