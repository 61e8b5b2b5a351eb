"""The session in a signed cookie: Flask's format both ways, its attributes, caching, size."""

from __future__ import annotations

import datetime as dt
import gc
import secrets
import uuid
import warnings
from typing import Any

import flask
import flask.sessions
import pytest
from markupsafe import Markup
from werkzeug.http import parse_date
from werkzeug.test import TestResponse

from waterspout import App, Request, Response, session
from waterspout.flask import Flask
from waterspout.json.tag import TaggedJSONSerializer
from waterspout.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionCookieTooLarge,
    SessionInterface,
    SessionMixin,
    session_json_serializer,
)

CONTENT: dict[str, Any] = {
    "id": 42,
    "name": "Ångström ☃",
    "tuple": (1, (2, 3)),
    "bytes": b"\xff\0",
    "markup": Markup("<b>"),
    "uuid": uuid.UUID(int=7),
    "when": dt.datetime(2024, 2, 29, 12, 0, tzinfo=dt.UTC),
    "like a tag": {" t": "not a tuple"},
    "long": "x" * 300,
    "_permanent": True,
}


def make(app: Any) -> Any:
    """Give *app* a secret key and routes that read and write the session."""
    app.secret_key = "secret"
    proxy = flask.session if isinstance(app, flask.Flask) else session

    @app.get("/set")
    def put() -> str:
        proxy.update(CONTENT)
        return ""

    @app.get("/read")
    def read() -> str:
        return ",".join(sorted(proxy)) if dict(proxy) == CONTENT else f"other: {dict(proxy)}"

    @app.get("/add/<key>")
    def add(key: str) -> str:
        proxy[key] = 1
        return ""

    @app.get("/keys")
    def keys() -> str:
        return ",".join(sorted(proxy))

    @app.get("/clear")
    def clear() -> str:
        proxy.clear()
        return ""

    @app.get("/permanent")
    def permanent() -> str:
        proxy["a"] = 1
        proxy.permanent = True
        return ""

    @app.get("/nothing")
    def nothing() -> str:
        return ""

    return app


@pytest.fixture(params=[Flask, App], ids=["compat", "modern"])
def app(request: pytest.FixtureRequest) -> Any:
    return make(request.param("shop"))


def cookie(response: TestResponse) -> str:
    found = response.headers.getlist("Set-Cookie")
    assert len(found) == 1
    return found[0]


def value_of(response: TestResponse) -> str:
    return cookie(response).partition("=")[2].partition(";")[0]


def visit(app: Any, path: str, cookies: str) -> Any:
    """Send a Cookie header as it is; the client's own jar would replace it."""
    return app.test_client(use_cookies=False).get(path, headers={"Cookie": cookies})


def test_a_cookie_of_flask_is_read_here_and_the_other_way_round_e1(app: Any) -> None:
    theirs = make(flask.Flask("shop"))
    for maker, reader in ((theirs, app), (app, theirs)):
        made = value_of(maker.test_client().get("/set"))
        answer = visit(reader, "/read", f"session={made}")
        assert answer.text == ",".join(sorted(CONTENT))


def test_set_cookie_lines_are_flasks_e1() -> None:
    settings: dict[str, Any] = {
        "SESSION_COOKIE_NAME": "sid",
        "SESSION_COOKIE_DOMAIN": ".example.com",
        "SESSION_COOKIE_PATH": "/shop",
        "SESSION_COOKIE_HTTPONLY": False,
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_PARTITIONED": True,
        "SESSION_COOKIE_SAMESITE": "strict",
    }
    for changed in ({}, settings, {"APPLICATION_ROOT": "/root"}):
        ours, theirs = make(Flask("shop")), make(flask.Flask("shop"))
        for path in ("/add/x", "/clear"):
            lines = []
            for program in (ours, theirs):
                program.config.update(changed)
                client = program.test_client()
                if path == "/clear":
                    client.get("/add/x", "https://www.example.com/shop")
                answer = client.get(path, "https://www.example.com/shop")
                found = answer.headers.getlist("Set-Cookie")
                lines.append([line.partition(";")[2] for line in found])
            assert lines[0] == lines[1]


def test_modern_preset_sets_samesite_and_keeps_caches_away_e1() -> None:
    """Hostile no shared caching of an answer with the cookie."""
    modern, compat = make(App("shop")), make(Flask("shop"))
    answer = modern.test_client().get("/add/x")
    assert "SameSite=Lax" in cookie(answer)
    assert answer.headers["Cache-Control"] == "private"
    answer = compat.test_client().get("/add/x")
    assert "SameSite" not in cookie(answer)
    assert "Cache-Control" not in answer.headers


def test_an_explicit_public_is_taken_back_where_the_cookie_is_set_e1() -> None:
    modern = make(App("shop"))

    @modern.after_request
    def cache(response: Response) -> Response:
        response.cache_control.public = True
        response.cache_control.max_age = 60
        return response

    answer = modern.test_client().get("/add/x")
    assert answer.cache_control.private
    assert not answer.cache_control.public
    assert modern.test_client().get("/nothing").cache_control.public


def test_samesite_is_checked_e1(app: Any) -> None:
    app.testing = True
    app.config["SESSION_COOKIE_SAMESITE"] = "invalid"
    with pytest.raises(ValueError, match="SameSite"):
        app.test_client().get("/add/x")


def test_vary_follows_access_e1(app: Any) -> None:
    """CVE-2023-30861 and Flask 3.1.3's rule: asked for in any way, changed, or refreshed."""

    @app.get("/in")
    def contains() -> str:
        return str("a" in session)

    @app.get("/len")
    def length() -> str:
        return str(len(session))

    @app.get("/bool")
    def true() -> str:
        return str(bool(session))

    @app.get("/own")
    def own() -> Response:
        session["a"] = 1
        return Response(headers={"Vary": "Accept-Encoding, Cookie"})

    client = app.test_client()
    for path in ("/in", "/len", "/bool", "/keys", "/add/x", "/clear"):
        assert client.get(path).headers.getlist("Vary") == ["Cookie"], path
    assert client.get("/own").headers.getlist("Vary") == ["Accept-Encoding, Cookie"]
    assert "Vary" not in client.get("/nothing").headers
    client.get("/permanent")
    assert client.get("/nothing").headers.getlist("Vary") == ["Cookie"]


@pytest.mark.parametrize(("permanent", "refresh"), [(True, True), (True, False), (False, True)])
def test_permanent_sessions_are_refreshed_where_asked_e1(
    app: Any, permanent: bool, refresh: bool
) -> None:
    app.config["SESSION_REFRESH_EACH_REQUEST"] = refresh
    client = app.test_client()
    client.get("/permanent" if permanent else "/add/a")
    answer = client.get("/keys")
    assert ("Set-Cookie" in answer.headers) is (permanent and refresh)


def test_permanent_sessions_end_after_the_lifetime_e1(app: Any) -> None:
    app.config["PERMANENT_SESSION_LIFETIME"] = 3600
    client = app.test_client()
    line = cookie(client.get("/permanent"))
    expires = parse_date(line.partition("Expires=")[2].partition(";")[0])
    assert expires is not None
    left = expires - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=59) < left <= dt.timedelta(hours=1)
    app.config["PERMANENT_SESSION_LIFETIME"] = -1  # every age is too old now
    assert client.get("/keys").text == ""
    assert "Expires" not in cookie(app.test_client().get("/add/x"))


def test_key_rotation_e1(app: Any) -> None:
    """Changes of the settings are noticed by the serializer that is kept."""
    client = app.test_client()
    client.get("/add/x")
    app.secret_key = "unknown"
    assert client.get("/keys").text == ""
    app.secret_key, app.config["SECRET_KEY_FALLBACKS"] = "new", ["older", "secret"]
    assert client.get("/keys").text == "x"
    client.get("/add/y")
    app.config["SECRET_KEY_FALLBACKS"].clear()
    assert client.get("/keys").text == "x,y"


def test_many_keys_do_not_pile_up_e1(app: Any) -> None:
    interface = SecureCookieSessionInterface()
    app.session_interface = interface
    for _ in range(50):
        app.secret_key = secrets.token_hex()
        assert app.test_client().get("/add/x").status_code == 200
    assert len(interface._waterspout_serializers or ()) <= 8


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.b.c", "x" * 8192, "%00", '"\\377\\376"', "é.é.é", "=.=.="],
)
def test_a_foreign_cookie_is_no_session_e1(app: Any, text: str) -> None:
    """A cookie that is no session of ours is an empty session."""
    answer = visit(app, "/keys", f"session={text}")
    assert (answer.status_code, answer.text) == (200, "")


def test_without_a_secret_key_writing_explains_e1(app: Any) -> None:
    app.secret_key = None
    with app.test_request_context():
        assert session.get("a") is None
        for change in (
            lambda: session.__setitem__("a", 1),
            lambda: session.pop("a"),
            lambda: session.update(a=1),
            lambda: session.setdefault("a", 1),
            session.clear,
            session.popitem,
        ):
            with pytest.raises(RuntimeError, match="session is unavailable because no secret key"):
                change()
    assert "Set-Cookie" not in app.test_client().get("/keys").headers


def test_a_session_above_the_browsers_limit_e1() -> None:
    """Hostile refused by default, sent with a warning in the compat preset."""

    def big(app: Any) -> Any:
        @app.get("/big")
        def view() -> str:
            session["big"] = secrets.token_urlsafe(4000)
            return ""

        app.testing = True
        return make(app)

    modern, compat = big(App("shop")), big(Flask("shop"))
    with pytest.raises(SessionCookieTooLarge, match=r"'session' would have 5\d\d\d bytes.* 4093"):
        modern.test_client().get("/big")
    with pytest.warns(UserWarning, match="'session' cookie is too large"):
        compat.test_client().get("/big")
    modern.config["MAX_COOKIE_SIZE"] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert modern.test_client().get("/big").status_code == 200


def test_the_limit_is_exact_e1() -> None:
    app = make(App("shop"))
    app.testing = True
    size = len(cookie(app.test_client().get("/add/x")))
    app.config["MAX_COOKIE_SIZE"] = size
    assert app.test_client().get("/add/x").status_code == 200
    app.config["MAX_COOKIE_SIZE"] = size - 1
    with pytest.raises(SessionCookieTooLarge, match=f"would have {size} bytes"):
        app.test_client().get("/add/x")


def test_nested_changes_are_told_by_hand_e1() -> None:
    found = SecureCookieSession({"list": []})
    assert (found.modified, found.accessed, found.new, found.permanent) == (
        *(False, False, False, False),
    )
    found["list"].append(1)
    assert not found.modified
    found.permanent = True
    assert found.modified
    assert found["_permanent"] is True
    assert NullSession() == {}


def test_own_interface_and_session_class_e1(app: Any) -> None:
    class DictSession(dict[str, Any], SessionMixin):
        pass

    class InMemory(SessionInterface):
        store: dict[str, DictSession] = {}

        def open_session(self, app: App, request: Request) -> SessionMixin:
            return self.store.setdefault(
                request.cookies.get(self.get_cookie_name(app), ""), DictSession()
            )

        def save_session(self, app: App, session: SessionMixin, response: Response) -> None:
            if self.should_set_cookie(app, session):
                response.set_cookie(self.get_cookie_name(app), "", path=self.get_cookie_path(app))

    app.session_interface = InMemory()
    client = app.test_client()
    client.get("/add/x")
    client.get("/add/y")
    assert client.get("/keys").text == "x,y"


def test_own_cookie_interface_settings_e1(app: Any) -> None:
    class Stronger(SecureCookieSessionInterface):
        salt = "other"
        digest_method = staticmethod(__import__("hashlib").sha512)
        serializer = TaggedJSONSerializer()

    before = app.test_client().get("/add/x")
    app.session_interface = Stronger()
    assert visit(app, "/keys", f"session={value_of(before)}").text == ""
    client = app.test_client()
    client.get("/add/x")
    assert client.get("/keys").text == "x"


def test_base_interface_must_be_completed_e1(app: Any) -> None:
    interface: Any = SessionInterface()
    with pytest.raises(NotImplementedError):
        interface.open_session(app, None)
    with pytest.raises(NotImplementedError):
        interface.save_session(app, SecureCookieSession(), Response())
    assert interface.is_null_session(interface.make_null_session(app))
    assert interface.pickle_based is False


def test_flask_wing_has_the_same_objects_e1() -> None:
    import waterspout.flask.sessions as wing

    assert wing.SecureCookieSessionInterface is SecureCookieSessionInterface
    assert wing.session_json_serializer is session_json_serializer
    public = {
        name for name in vars(flask.sessions) if name.startswith(("Secure", "Null", "Session"))
    }
    assert public <= set(dir(wing))


def test_a_request_with_a_session_leaves_no_garbage_e1(app: Any) -> None:
    client = app.test_client()
    client.get("/add/x")
    gc.collect()
    gc.disable()
    try:
        client.get("/keys")
        left = [o for o in gc.get_objects() if isinstance(o, SecureCookieSession)]
        assert left == []
    finally:
        gc.enable()
