"""Sessions while their store is gone, slow or busy, and while two write one session."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from own_redis import OwnRedis, own_redis
from services import service_url
from session_app import KINDS, make_app

from waterspout import session
from waterspout.server import serve_in_thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from processes import running, wait_until


@pytest.fixture
def server(tmp_path: Path, reserve: Callable[[], int]) -> Iterator[OwnRedis]:
    with own_redis(tmp_path, reserve()) as found:
        yield found


def test_redis_is_killed_and_started_again_under_load(
    server: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """503 with Retry-After meanwhile, one line in the log; then every client has its session, with
    all that was said to be stored. Pages without a session go on."""
    app = make_app(SESSION_URL=server.url, SESSION_RETRY_AFTER=0.05)
    answers: Counter[tuple[str, int]] = Counter()
    stop: list[bool] = []

    @app.get("/count/<kind>")
    async def count(kind: str) -> str:
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    with serve_in_thread(app) as running_app:
        url = running_app.urls[0].rstrip("/")

        def visit(number: int) -> tuple[int, int]:
            """Count until told to stop; return the last number said, and the one in the store."""
            said = 0
            with httpx.Client(base_url=url, timeout=30) as client:
                assert client.get("/count/first").text == "1"
                said = 1
                while not stop:
                    answer = client.get("/count/again")
                    answers["session", answer.status_code] += 1
                    if answer.status_code == 200:
                        assert int(answer.text) > said
                        said = int(answer.text)
                    else:
                        assert answer.headers["retry-after"] == "1"
                        assert "set-cookie" not in answer.headers
                    answers["plain", client.get("/plain").status_code] += 1
                return said, int(client.get("/async").json()["n"])

        with ThreadPoolExecutor(4) as pool:
            visits = [pool.submit(visit, number) for number in range(4)]
            for _ in range(2):
                before = answers["session", 200]
                wait_until(lambda before=before: answers["session", 200] > before + 20)
                server.kill()
                before = answers["session", 503]
                wait_until(lambda before=before: answers["session", 503] > before + 20)
                server.start()
            before = answers["session", 200]
            wait_until(lambda: answers["session", 200] > before + 20)
            stop.append(True)
            for done in visits:
                said, kept = done.result()
                assert kept == said
    assert {key for key, times in answers.items() if times} == {
        *(("session", 200), ("session", 503), ("plain", 200))
    }
    lines = [record.getMessage() for record in caplog.records]
    assert sum("cannot be reached" in line for line in lines) == 2
    assert sum("can be reached again" in line for line in lines) == 2
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_store(server: OwnRedis, kind: str) -> None:
    """Whoever brings no session is served, unless one would have to be stored; whoever brings one
    keeps the cookie."""
    app = make_app(SESSION_URL=server.url, SESSION_RETRY_AFTER=0)
    client = app.test_client()
    assert client.get(f"/{kind}", query_string={"name": "Ada"}).status_code == 200
    cookie = client.get_cookie("session")
    server.kill()
    stranger = app.test_client()
    assert stranger.get(f"/{kind}").status_code == 200
    for who, values in ((stranger, {"name": "Bob"}), (client, {})):
        answer = who.get(f"/{kind}", query_string=values)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert "127.0.0.1" not in answer.text
    assert client.get_cookie("session") == cookie
    server.start()
    assert client.get(f"/{kind}").json == {"name": "Ada"}


def test_a_full_store_is_not_a_lost_session(server: OwnRedis) -> None:
    """A Redis without memory takes no writes: 503 for them, what it holds is read."""
    app = make_app(SESSION_URL=server.url, SESSION_RETRY_AFTER=0)
    client = app.test_client()
    client.get("/async", query_string={"name": "Ada"})
    server.ask("CONFIG", "SET", "maxmemory", "1")
    assert client.get("/async", query_string={"name": "Eve"}).status_code == 503
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert client.get("/async").json == {"name": "Ada"}


def test_a_handler_of_the_program_answers_for_the_store(server: OwnRedis) -> None:
    app = make_app(SESSION_URL=server.url)

    @app.errorhandler(503)
    async def sorry(error: Exception) -> tuple[str, int]:
        return "back soon", 503

    client = app.test_client()
    server.kill()
    answer = client.get("/async", query_string={"name": "Ada"})
    assert (answer.status_code, answer.text) == (503, "back soon")


@pytest.mark.parametrize("kind", KINDS)
def test_waiting_for_redis_holds_nobody_else(server: OwnRedis, kind: str) -> None:
    """The loop goes on while a session is being read."""
    app = make_app(SESSION_URL=server.url, SESSION_TIMEOUT=30)
    with serve_in_thread(app) as running_app, ThreadPoolExecutor(1) as pool:
        url = running_app.urls[0].rstrip("/")
        with httpx.Client(base_url=url, timeout=60) as ada, httpx.Client(base_url=url) as bob:
            assert ada.get(f"/{kind}", params={"name": "Ada"}).status_code == 200
            server.hold()
            asked = pool.submit(ada.get, f"/{kind}")
            for _ in range(5):
                assert bob.get("/plain").text == "plain"
            assert not asked.done()
            server.go_on()
            assert asked.result().json() == {"name": "Ada"}


@pytest.mark.parametrize("kind", KINDS)
def test_waiting_for_a_file_holds_nobody_else(tmp_path: Path, kind: str) -> None:
    """A store that only threads may wait for."""
    app = make_app(instance_path=str(tmp_path), SESSION_TIMEOUT=30)
    with serve_in_thread(app) as running_app, ThreadPoolExecutor(1) as pool:
        url = running_app.urls[0].rstrip("/")
        with httpx.Client(base_url=url, timeout=60) as ada, httpx.Client(base_url=url) as bob:
            assert ada.get(f"/{kind}", params={"name": "Ada"}).status_code == 200
            other = sqlite3.connect(tmp_path / "sessions.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            asked = pool.submit(ada.get, f"/{kind}", params={"name": "Bob"})
            for _ in range(5):
                assert bob.get("/plain").text == "plain"
            assert not asked.done()
            other.execute("COMMIT")
            other.close()
            assert asked.result().json() == {"name": "Bob"}


@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_two_processes_write_one_session(tmp_path: Path, store: str) -> None:
    """Keys of different names are all kept; of one name, the last that was written."""
    path = tmp_path / "two.sqlite"
    url = f"sqlite:///{path}" if store == "sqlite" else service_url("redis")
    environ = {**os.environ, "SESSION_APP_URL": url, "WATERSPOUT_RUN_FROM_CLI": "1"}
    command = ("-m", "waterspout", "--app", "session_app:app", "run", "--port", "0")
    here = Path(__file__).parent
    with ExitStack() as stack:
        urls = [stack.enter_context(running(here, *command, environ=environ)) for _ in range(2)]
        hosts = [url.removeprefix("http://") for url in urls]

        def ask(number: int, path: str, cookie: str = "") -> tuple[str, Any]:
            """Return the cookie and the JSON of a process's answer, over a new connection."""
            connection = HTTPConnection(hosts[number % 2], timeout=30)
            connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            answer = connection.getresponse()
            assert answer.status == 200
            said = json.loads(answer.read())
            connection.close()
            return (answer.getheader("Set-Cookie") or "").partition(";")[0], said

        cookie, _ = ask(0, "/view?name=Ada")

        def write(number: int) -> Any:
            kind = KINDS[number // 2 % len(KINDS)]
            return ask(number, f"/{kind}?k{number}=x&last={number}", cookie)[1]

        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(write, range(48)))
        kept = ask(1, "/async", cookie)[1]
        assert kept.pop("name") == "Ada"
        assert kept.pop("last") in {str(number) for number in range(48)}
        assert kept == {f"k{number}": "x" for number in range(48)}
        assert all(one["name"] == "Ada" for one in said)
        assert ask(1, "/end", cookie)[1] == {}


@pytest.mark.parametrize("kind", ["view", "async"])
def test_a_write_does_not_bring_an_ended_session_back(kind: str) -> None:
    """A request that began before a logout, and ends after it."""
    prefix = f"ws_sessions_{uuid4().hex[:8]}:"
    app = make_app(SESSION_URL=service_url("redis"), SESSION_KEY_PREFIX=prefix)
    client, other = app.test_client(), app.test_client()

    @app.get("/slow")
    def slow() -> str:
        session["slow"] = True
        other.get("/logout")
        return "done"

    client.get("/view", query_string={"name": "Ada"})
    cookie = client.get_cookie("session")
    assert cookie is not None
    other.set_cookie("session", cookie.value)
    answer = client.get("/slow")
    assert answer.text == "done"
    assert "Set-Cookie" not in answer.headers
    assert client.get(f"/{kind}").json == {}
    with redis.Redis.from_url(service_url("redis")) as held:
        assert list(held.scan_iter(f"{prefix}*")) == []
