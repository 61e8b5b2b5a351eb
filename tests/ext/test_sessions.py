"""Sessions on the server: every store, from every kind of code, and who may have one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import redis
import sqlalchemy
from cachelib import FileSystemCache, SimpleCache
from services import service_url
from session_app import KINDS, make_app
from websockets.sync.client import connect

from waterspout import App, session
from waterspout.ext import sessions
from waterspout.flask import Flask
from waterspout.server import serve_in_thread

Open = Callable[..., AbstractContextManager[httpx.Client]]

STORES = ("redis", "sqlite", "postgresql", "mariadb", "filesystem", "cachelib")
#: Those that know whose a session is also in other processes.
SHARED = ("redis", "sqlite", "postgresql", "mariadb")


@pytest.fixture(scope="module")
def redis_client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(service_url("redis")) as client:
        yield client


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Return the settings of a store, which is empty before and after."""
    name = f"ws_sessions_{uuid4().hex[:8]}"
    kind = request.param
    if kind in {"filesystem", "cachelib"}:
        cache = FileSystemCache(str(tmp_path / "cache")) if kind == "cachelib" else None
        yield {
            "SESSION_TYPE": kind,
            "SESSION_CACHELIB": cache,
            "SESSION_FILE_DIR": str(tmp_path / "files"),
        }
        return
    url = "sqlite:///s.sqlite" if kind == "sqlite" else service_url(kind)
    yield {"SESSION_URL": url, "SESSION_KEY_PREFIX": f"{name}:", "SESSION_SQLALCHEMY_TABLE": name}
    if kind == "redis":
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"{name}:*"):
                client.delete(key)
    elif kind != "sqlite":
        drivers = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}
        engine = sqlalchemy.create_engine(f"{drivers[kind]}:{url.partition(':')[2]}")
        with engine.begin() as connection:
            for table in (name, f"{name}_users"):
                connection.execute(sqlalchemy.text(f"DROP TABLE IF EXISTS {table}"))
        engine.dispose()


@contextmanager
def serving(app: App) -> Iterator[str]:
    """Serve on our own server; give the URL."""
    with serve_in_thread(app) as server:
        yield server.urls[0].rstrip("/")


@contextmanager
def browser(url: str, sid: str | None = None) -> Iterator[httpx.Client]:
    """Give a client with cookies of its own, or with the one of a session."""
    cookies = None if sid is None else {"session": sid}
    with httpx.Client(base_url=url, cookies=cookies, timeout=30, verify=False) as client:
        yield client


def sid_of(client: httpx.Client) -> str:
    jar: CookieJar = client.cookies.jar
    [value] = [cookie.value for cookie in jar if cookie.name == "session"]
    assert value is not None
    return value


@pytest.mark.parametrize("settings", STORES, indirect=True)
def test_a_session_is_known_to_every_kind_of_code(settings: dict[str, Any], tmp_path: Path) -> None:
    """What one sets the others read; each client has its own."""
    app = make_app(instance_path=str(tmp_path), **settings)
    with serving(app) as url, browser(url) as ada, browser(url) as bob:
        assert bob.get("/view", params={"name": "Bob"}).json() == {"name": "Bob"}
        expected = {}
        for kind in KINDS:
            expected[kind] = "seen"
            answer = ada.get(f"/{kind}", params={kind: "seen"})
            assert (answer.status_code, answer.json()) == (200, expected)
            assert answer.headers["vary"] == "Cookie"
        for kind in KINDS:
            assert ada.get(f"/{kind}").json() == expected
            assert bob.get(f"/{kind}").json() == {"name": "Bob"}
        assert ada.get("/logout").text == "bye"
        assert ada.get("/view").json() == {}
    client = app.test_client()
    client.get("/async", query_string={"name": "Cyd"})
    assert client.get("/handler").json == {"name": "Cyd"}
    with client.session_transaction() as held:
        held["name"] = "Dee"
    assert client.get("/async").json == {"name": "Dee"}


@pytest.mark.parametrize("settings", STORES, indirect=True)
def test_an_old_id_is_dead(settings: dict[str, Any], tmp_path: Path) -> None:
    """After `regenerate`, a login, a logout; and an id that we have not issued is never adopted."""
    app = make_app(instance_path=str(tmp_path), **settings)
    with serving(app) as url, browser(url) as ada:
        ada.get("/view", params={"name": "Ada"})
        first = sid_of(ada)
        assert ada.get("/regenerate").json() == {"name": "Ada"}
        second = sid_of(ada)
        assert ada.get("/login/7").json() == {"name": "Ada", "device": "7's"}
        third = sid_of(ada)
        ada.get("/login/7")
        assert sid_of(ada) == third
        assert ada.get("/async").json() == {"name": "Ada", "device": "7's"}
        ada.get("/logout")
        for dead in (first, second, third, "chosen-by-an-attacker", "user:7", "../x", "a" * 9000):
            with browser(url, dead) as thief:
                assert thief.get("/async").json() == {}
                answer = thief.get("/view", params={"name": "Eve"})
                assert answer.json() == {"name": "Eve"}
                assert answer.cookies["session"] != dead
            with browser(url, dead) as thief:
                assert thief.get("/view").json() == {}


@pytest.mark.parametrize("settings", [*SHARED, "filesystem"], indirect=True)
def test_a_users_sessions_are_listed_and_revoked(settings: dict[str, Any], tmp_path: Path) -> None:
    """One by its public id, or all but the current one; the id in the list is no credential."""
    app = make_app(instance_path=str(tmp_path), **settings)
    with serving(app) as url, browser(url) as one, browser(url) as two, browser(url) as three:
        for client in (one, two, three):
            client.get("/login/7")
        with browser(url) as other:
            other.get("/login/8")
            listed = one.get("/of/7").json()
            assert [entry["device"] for entry in listed] == ["7's"] * 3
            assert sum(entry["current"] for entry in listed) == 1
            assert two.get("/async-of/7").json() != listed
            assert all(sid_of(one) not in entry["id"] for entry in listed)
            [mine] = [entry["id"] for entry in two.get("/async-of/7").json() if entry["current"]]
            with browser(url, mine) as thief:
                assert thief.get("/view").json() == {}
            assert one.get(f"/revoke/{mine}").json() == {"ended": 1}
            assert one.get(f"/revoke/{mine}").json() == {"ended": 0}
            assert two.get("/view").json() == {}
            assert one.get("/revoke-others/7").json() == {"ended": 1}
            assert three.get("/async").json() == {}
            assert one.get("/async").json() == {"device": "7's"}
            assert other.get("/view").json() == {"device": "8's"}
            assert len(one.get("/of/7").json()) == 1
            one.get("/logout")
            assert other.get("/of/7").json() == []


def test_sessions_as_flask_session_keeps_them(redis_client: redis.Redis) -> None:
    """A program moves with its settings: prefix and signer; its users stay logged in."""
    import flask
    import flask_session

    name = f"ws_sessions_{uuid4().hex[:8]}:"
    for written in ("msgpack", "json"):
        config = {
            "SECRET_KEY": "shared",
            "SESSION_TYPE": "redis",
            "SESSION_REDIS": redis_client,
            "SESSION_KEY_PREFIX": name,
            "SESSION_USE_SIGNER": True,
            "SESSION_SERIALIZATION_FORMAT": written,
        }
        old, new = flask.Flask("old"), Flask("new")
        for app in (old, new):
            app.config.update(config)
        with pytest.warns(DeprecationWarning, match="use_signer"):
            flask_session.Session(old)
        sessions.Session(new)
        clients = []
        for app, held in ((old, flask.session), (new, session)):

            def put(value: str, held: Any = held) -> Any:
                before = held.get("name", "nobody")
                held["name"] = value
                return before

            app.add_url_rule("/<value>", "put", put)
            clients.append(app.test_client())
        ours, theirs = clients[1], clients[0]
        assert theirs.get("/Ada").text == "nobody"
        cookie = theirs.get_cookie("session")
        assert cookie is not None
        ours.set_cookie("session", cookie.value)
        assert ours.get("/Bob").text == "Ada"
        assert theirs.get("/Cyd").text == "Bob"
        assert ours.get("/Dee").text == "Cyd"
        sid, _, signature = cookie.value.rpartition(".")
        ours.set_cookie("session", f"{sid}.{signature[::-1]}")
        assert ours.get("/Eve").text == "nobody"
    redis_client.delete(*redis_client.scan_iter(f"{name}*"))


def test_a_pickled_session_is_not_read(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """It would run code."""
    prefix = f"ws_sessions_{uuid4().hex[:8]}:"
    app = make_app(SESSION_URL=service_url("redis"), SESSION_KEY_PREFIX=prefix)
    redis_client.set(f"{prefix}{'p' * 30}", b"cposix\nsystem\n(S'false'\ntR.", ex=60)
    client = app.test_client()
    client.set_cookie("session", "p" * 30)
    assert client.get("/view").json == {}
    assert "cannot be read" in caplog.text
    redis_client.delete(f"{prefix}{'p' * 30}")


@pytest.mark.parametrize("kind", ["view", "async"])
def test_a_session_ends_by_its_lifetimes(redis_client: redis.Redis, kind: str) -> None:
    """Idle: the store forgets it. Absolute: it ends however busy it is, counted from the login."""
    prefix = f"ws_sessions_{uuid4().hex[:8]}:"
    app = make_app(
        SESSION_URL=service_url("redis"),
        SESSION_KEY_PREFIX=prefix,
        SESSION_IDLE_LIFETIME=600,
        SESSION_ABSOLUTE_LIFETIME=3600,
    )
    with serving(app) as url, browser(url) as ada:
        ada.get(f"/{kind}", params={"name": "Ada"})
        key = prefix + sid_of(ada)
        assert 0 < redis_client.ttl(key) <= 600
        redis_client.expire(key, 30)
        assert ada.get(f"/{kind}").json() == {"name": "Ada"}
        assert 590 < redis_client.ttl(key) <= 600
        data = msgspec.msgpack.decode(redis_client.get(key))
        for age, left in ((3500, True), (3700, False)):
            data["_created"] = int(time.time()) - age
            redis_client.set(key, msgspec.msgpack.encode(data), ex=600)
            assert ada.get(f"/{kind}").json() == ({"name": "Ada"} if left else {})
        assert redis_client.get(key) is None


def test_what_has_expired_is_collected(tmp_path: Path) -> None:
    """By the command, and now and then by a write."""
    app = make_app(instance_path=str(tmp_path), SESSION_CLEANUP_N_REQUESTS=1)
    file = tmp_path / "sessions.sqlite"
    ada, bob = app.test_client(), app.test_client()
    ada.get("/login/7")
    assert file.stat().st_mode & 0o777 == 0o600

    def age() -> None:
        with sqlite3.connect(file) as held:
            held.execute("UPDATE sessions SET expiry = '2001-01-01 00:00:00.000000'")
        held.close()

    def count() -> tuple[int, int]:
        with sqlite3.connect(file) as held:
            counts = [
                held.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("sessions", "sessions_users")
            ]
        held.close()
        return counts[0], counts[1]

    age()
    assert ada.get("/view").json == {}
    assert count() == (1, 1)
    bob.get("/view", query_string={"name": "Bob"})
    assert count() == (1, 0)
    age()
    assert app.test_cli_runner().invoke(args=["session_cleanup"]).exit_code == 0
    assert count() == (0, 0)


def test_a_program_may_give_its_own_store() -> None:
    """By the three methods that it wrote for Flask-Session, in threads; also over one of ours."""
    kept: dict[str, dict[str, Any]] = {}

    class OwnInterface(sessions.ServerSideSessionInterface):
        def _retrieve_session_data(self, store_id: str) -> dict[str, Any] | None:
            return kept.get(store_id)

        def _delete_session(self, store_id: str) -> None:
            kept.pop(store_id, None)

        def _upsert_session(self, session_lifetime: Any, session: Any, store_id: str) -> None:
            kept[store_id] = dict(session)

    app = make_app(SESSION_TYPE="cachelib", SESSION_CACHELIB=SimpleCache())
    app.session_interface = OwnInterface(app, key_prefix="own:")
    with serving(app) as url, browser(url) as ada:
        for kind in KINDS:
            assert ada.get(f"/{kind}", params={"by": kind}).json() == {"by": kind}
        assert kept[f"own:{sid_of(ada)}"]["by"] == KINDS[-1]
        ada.get("/regenerate")
        assert list(kept) == [f"own:{sid_of(ada)}"]


def test_a_websocket_has_the_session(tmp_path: Path) -> None:
    app = make_app(instance_path=str(tmp_path))
    with serving(app) as url, browser(url) as ada:
        ada.get("/view", params={"name": "Ada"})
        headers = {"Cookie": f"session={sid_of(ada)}"}
        where = f"{url.replace('http', 'ws')}/socket"
        with connect(where, additional_headers=headers) as socket:
            assert socket.recv() == "Ada"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"SESSION_TYPE": "mongodb"}, "Unrecognized value for SESSION_TYPE: mongodb"),
        ({"SESSION_URL": "localhost"}, "SESSION_URL is a URL"),
        ({"SESSION_URL": "reddis://localhost"}, "begins with one of redis, .* not with 'reddis'"),
        ({"SESSION_URL": "sqlite://"}, "SESSION_URL names a file"),
        ({"SESSION_TYPE": "memcached"}, "needs a client in SESSION_MEMCACHED"),
        ({"SESSION_SERIALIZATION_FORMAT": "pickle"}, "'msgpack' or 'json', not 'pickle'"),
    ],
)
def test_a_wrong_setting_is_told_at_the_start(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_app(**settings)


def test_on_flasks_preset_a_store_must_be_chosen() -> None:
    """As with Flask-Session: a setting that was forgotten is an error at the start."""
    with pytest.raises(ValueError, match="Set it, or SESSION_URL"):
        sessions.Session(Flask(__name__))


def test_a_value_that_cannot_be_stored_is_told(tmp_path: Path) -> None:
    app = make_app(instance_path=str(tmp_path), TESTING=True)

    @app.get("/thing")
    def thing() -> str:
        session["thing"] = object()
        return "kept"

    with pytest.raises(TypeError, match="holds a value that cannot be stored"):
        app.test_client().get("/thing")
