"""Error handlers, the 500 page, the page of debug mode, and what is not shown."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from core_ways import Answer, Ask, Way, ask_socket
from werkzeug.exceptions import BadRequestKeyError, Forbidden, HTTPException, NotFound

from waterspout import App, Blueprint, abort, request
from waterspout.server import serve_in_thread

SECRET = "wonderful-database-password"


class Trouble(Exception):
    pass


class SmallTrouble(Trouble):
    pass


class Teapot(HTTPException):
    code = 418
    description = "short and stout"


RAISED: dict[str, Any] = {
    "trouble": lambda: _raise(Trouble("t")),
    "small": lambda: _raise(SmallTrouble("s")),
    "value": lambda: _raise(ValueError(SECRET)),
    "403": lambda: abort(403),
    "404": lambda: abort(404),
    "409": lambda: abort(409, "taken"),
    "teapot": lambda: _raise(Teapot()),
    "response": lambda: abort(app_response()),
    "key": lambda: request.form["missing"],
}


def app_response() -> Any:
    return App.response_class("own", 422)


def _raise(error: Exception) -> None:
    raise error


def raiser(way: Way) -> Any:
    return way.fn(lambda kind: RAISED[kind]() or "no error")


def handler(way: Way, name: str) -> Any:
    def handle(error: Exception) -> tuple[str, int]:
        return f"{name}: {type(error).__name__}", getattr(error, "code", None) or 555

    return way.fn(handle)


@pytest.fixture
def ask(app: App, way: Way) -> Ask:
    """Ask an application whose handlers say who they are."""
    blue = Blueprint("blue", __name__, url_prefix="/blue")
    app.register_error_handler(Trouble, handler(way, "app Trouble"))
    app.errorhandler(SmallTrouble)(handler(way, "app SmallTrouble"))
    app.errorhandler(403)(handler(way, "app 403"))
    app.errorhandler(HTTPException)(handler(way, "app any"))
    blue.errorhandler(Trouble)(handler(way, "blue Trouble"))
    blue.errorhandler(404)(handler(way, "blue 404"))
    blue.register_error_handler(Forbidden, handler(way, "blue Forbidden"))
    blue.app_errorhandler(Teapot)(handler(way, "by blue for all"))
    app.route("/<kind>", methods=["GET", "POST"])(raiser(way))
    blue.get("/<kind>")(raiser(way))
    app.register_blueprint(blue)
    return way.serve(app)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/trouble", 555, "app Trouble: Trouble"),
        ("/small", 555, "app SmallTrouble: SmallTrouble"),
        ("/403", 403, "app 403: Forbidden"),
        ("/404", 404, "app any: NotFound"),
        ("/409", 409, "app any: Conflict"),
        ("/teapot", 418, "by blue for all: Teapot"),
        ("/response", 422, "own"),
        ("/key", 400, "app any: BadRequestKeyError"),
        ("/no/route/here", 404, "app any: NotFound"),
        ("/blue/trouble", 555, "blue Trouble: Trouble"),
        # The blueprint's own handlers come before the app's, even for a base class.
        ("/blue/small", 555, "blue Trouble: SmallTrouble"),
        ("/blue/403", 403, "blue Forbidden: Forbidden"),
        ("/blue/404", 404, "blue 404: NotFound"),
        ("/blue/409", 409, "app any: Conflict"),
        ("/blue/teapot", 418, "by blue for all: Teapot"),
        # An error that no handler knows is a 500, which is an HTTP error as well.
        ("/value", 500, "app any: InternalServerError"),
    ],
)
def test_the_most_specific_handler_wins(ask: Ask, path: str, status: int, body: str) -> None:
    """By blueprint, then by code, then by the nearest class."""
    said = ask(path)
    assert (said.status, said.text) == (status, body)


def test_a_wrong_method_and_a_handler_for_it(ask: Ask) -> None:
    said = ask("/trouble", "DELETE")
    assert (said.status, said.text) == (405, "app any: MethodNotAllowed")


def test_pages_of_http_errors_without_handlers(app: App, way: Way) -> None:
    """Status, HTML page with the escaped description, and the error's own headers."""
    app.get("/<kind>")(raiser(way))
    ask = way.serve(app)
    for kind, status, text in (
        ("409", 409, "<p>taken</p>"),
        ("teapot", 418, "<p>short and stout</p>"),
        ("404", 404, "<h1>Not Found</h1>"),
    ):
        said = ask(f"/{kind}")
        assert said.status == status
        assert said.headers["Content-Type"] == "text/html; charset=utf-8"
        assert text in said.text
    refused = ask("/404", "DELETE")
    assert (refused.status, set(refused.headers["Allow"].split(", "))) == (
        405,
        {"GET", "HEAD", "OPTIONS"},
    )


def test_an_unhandled_error_is_logged_and_says_nothing(
    app: App, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """The page of a 500 has nothing of the error; the log has all of it."""
    app.get("/<kind>")(raiser(way))
    said = way.serve(app)("/value")
    assert said.status == 500
    assert_nothing_internal(said)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("core", "Exception on /value [GET]")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


def assert_nothing_internal(said: Answer) -> None:
    text = said.text + str(said.headers)
    for internal in (SECRET, "Traceback", "ValueError", "waterspout", ".py", "__debugger__"):
        assert internal not in text


@pytest.mark.parametrize("code", [500, Exception])
def test_a_handler_for_500_gets_the_error(app: App, way: Way, code: Any) -> None:
    """500 gets the HTTP error with `original_exception`, `Exception` the error itself."""
    app.get("/<kind>")(raiser(way))

    @app.errorhandler(code)
    @way.fn
    def handle(error: Any) -> tuple[str, int]:
        return repr(getattr(error, "original_exception", error)), 500

    assert way.serve(app)("/value").text == repr(ValueError(SECRET))


def test_an_error_in_a_handler_is_a_500(
    app: App, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    app.get("/<kind>")(raiser(way))
    app.errorhandler(Trouble)(way.fn(lambda error: _raise(ValueError(SECRET))))
    said = way.serve(app)("/trouble")
    assert said.status == 500
    assert_nothing_internal(said)
    assert "ValueError" in caplog.text


@pytest.mark.parametrize("place", ["before", "after"])
def test_errors_in_hooks_find_handlers(app: App, way: Way, place: str) -> None:
    """An error before the view has its handler; one after it is a 500."""
    hook = way.fn(lambda *args: _raise(Trouble("hook")))
    (app.before_request if place == "before" else app.after_request)(hook)
    app.errorhandler(Trouble)(handler(way, "handled"))
    app.get("/")(way.fn(lambda: "view"))
    said = way.serve(app)("/")
    if place == "before":
        assert (said.status, said.text) == (555, "handled: Trouble")
    else:
        assert said.status == 500


@pytest.mark.parametrize(
    ("settings", "raised"),
    [
        ({}, False),
        ({"TESTING": True}, True),
        ({"DEBUG": True}, True),
        ({"PROPAGATE_EXCEPTIONS": True}, True),
        ({"TESTING": True, "PROPAGATE_EXCEPTIONS": False}, False),
    ],
)
def test_who_asks_for_exceptions_gets_them(
    app: App, settings: dict[str, Any], raised: bool
) -> None:
    """In the test client the error itself comes out, where the settings ask for it."""
    app.config.update(settings)
    app.get("/<kind>")(raise_kind)
    client = app.test_client()
    if raised:
        with pytest.raises(ValueError, match=SECRET):
            client.get("/value")
    else:
        assert client.get("/value").status_code == 500
    assert client.get("/404").status_code == 404


def raise_kind(kind: str) -> Any:
    return RAISED[kind]() or "no error"


@pytest.mark.parametrize("settings", [{"TESTING": True}, {"PROPAGATE_EXCEPTIONS": True}])
def test_the_server_never_passes_an_error_on(
    app: App, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the settings ask for, a client gets the plain 500, and nothing internal."""
    app.config.update(settings)
    app.get("/<kind>")(raise_kind)
    with serve_in_thread(app) as server:
        said = ask_socket(address(server), "/value")
    assert said.status == 500
    assert_nothing_internal(said)
    assert SECRET in caplog.text


def test_traps_raise_http_errors(app: App) -> None:
    """TRAP_HTTP_EXCEPTIONS and TRAP_BAD_REQUEST_ERRORS make them errors like others."""
    app.testing = True
    app.route("/<kind>", methods=["GET", "POST"])(raise_kind)
    client = app.test_client()
    app.config["TRAP_BAD_REQUEST_ERRORS"] = True
    with pytest.raises(BadRequestKeyError, match="missing"):
        client.post("/key")
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    with pytest.raises(NotFound):
        client.get("/404")


@pytest.mark.parametrize("target", [12, "not a code", 999, ValueError("an instance"), list, None])
def test_what_cannot_be_handled_is_refused(app: App, target: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, LookupError)):
        app.register_error_handler(target, lambda error: "never")


# -- the page of debug mode ------------------------------------------------------------


def address(server: Any) -> str:
    return str(server.urls[0]).removeprefix("http://").rstrip("/")


@pytest.fixture
def debugged(app: App, served: Way, monkeypatch: pytest.MonkeyPatch) -> str:
    """Serve in debug mode; give the address."""
    monkeypatch.setenv("WERKZEUG_DEBUG_PIN", "123-456-789")
    app.debug = True

    def fail() -> str:
        local_value = SECRET
        raise ValueError(local_value)

    app.get("/fail")(served.fn(fail))
    app.get("/fine")(served.fn(lambda: "fine"))
    ask: Any = served.serve(app, debug=True)
    return str(ask.args[0])


def test_debug_mode_shows_the_traceback(debugged: str) -> None:
    """The page names the error, file and line; other pages are as ever."""
    said = ask_socket(debugged, "/fail")
    assert said.status == 500
    assert said.headers["Cache-Control"] == "no-store"
    for shown in (f"ValueError: {SECRET}", "test_error_handlers.py", "raise ValueError"):
        assert shown in said.text
    fine = ask_socket(debugged, "/fine")
    assert (fine.status, fine.text) == (200, "fine")


def _console(page: str) -> tuple[str, str]:
    secret = re.search(r'SECRET = "(\w+)"', page)
    frame = re.findall(r'id="frame-(\d+)"', page)
    assert secret
    assert frame
    return secret.group(1), frame[-1]


def test_the_console_needs_secret_pin_and_host(
    debugged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """SECURITY: code runs only with the page's secret, the PIN's cookie and a host
    that is trusted; without one of them nothing is evaluated."""
    caplog.set_level(logging.CRITICAL)
    page = ask_socket(debugged, "/fail").text
    assert "EVALEX = true" in page
    assert "EVALEX_TRUSTED = false" in page
    secret, frame = _console(page)
    good = {"__debugger__": "yes", "cmd": "local_value[::-1]", "frm": frame, "s": secret}

    def run(headers: dict[str, str], **changed: str) -> Answer:
        query = "&".join(f"{key}={value}" for key, value in {**good, **changed}.items())
        return ask_socket(debugged, f"/?{query}", headers=headers)

    def pin(value: str, **headers: str) -> Answer:
        target = f"/?__debugger__=yes&cmd=pinauth&pin={value}&s={secret}"
        return ask_socket(debugged, target, headers=headers)

    assert SECRET[::-1] not in run({}).text
    assert '"auth": false' in pin("000-000-000").text
    assert "Set-Cookie" not in pin("000-000-000").headers
    entered = pin("123-456-789")
    assert '"auth": true' in entered.text
    cookie = {"Cookie": entered.headers["Set-Cookie"].partition(";")[0]}
    assert "HttpOnly" in entered.headers["Set-Cookie"]

    assert SECRET[::-1] in run(cookie).text
    assert SECRET[::-1] not in run(cookie, s="0" * 20).text
    assert SECRET[::-1] not in run({**cookie, "Host": "evil.example"}).text
    assert SECRET[::-1] not in run({}).text
    foreign = ask_socket(debugged, "/fail", headers={"Host": "evil.example"}).text
    assert "EVALEX = false" in foreign


def test_without_debug_mode_there_is_no_console(app: App, way: Way) -> None:
    """SECURITY: the debugger's requests are requests like any other."""
    app.get("/")(way.fn(lambda: "home"))
    ask = way.serve(app)
    assert ask("/?__debugger__=yes&cmd=resource&f=style.css").text == "home"
    assert ask("/console").status == 404
