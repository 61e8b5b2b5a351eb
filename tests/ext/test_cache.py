"""The cache: views, handlers and functions, in memory, files and Redis; whose answers it keeps."""

from __future__ import annotations

import itertools
import pickle
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from cachelib.serializers import JSONSerializer
from own_redis import own_redis
from services import service_url

from waterspout import (
    App,
    RequestHandler,
    Response,
    abort,
    g,
    make_response,
    render_template_string,
    request,
    session,
)
from waterspout.ext.auth import LoginManager, UserMixin, login_user
from waterspout.ext.cache import Cache, CachedResponse, cache_view_hit
from waterspout.ext.forms import CSRFProtect, generate_csrf
from waterspout.server import serve_in_thread

CACHES = ("memory", "redis", "file")


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Return the settings of a cache, which is empty before and after."""
    prefix = f"ws_cache_{uuid4().hex[:8]}_"
    if request.param == "redis":
        yield {"CACHE_URL": service_url("redis"), "CACHE_KEY_PREFIX": prefix}
        with redis.Redis.from_url(service_url("redis")) as client:
            for key in client.scan_iter(f"{prefix}*"):
                client.delete(key)
    else:
        yield {"CACHE_URL": f"file://{tmp_path}/cache" if request.param == "file" else "memory://"}


@contextmanager
def serving(app: App) -> Iterator[httpx.Client]:
    with serve_in_thread(app) as server, httpx.Client(base_url=server.urls[0]) as client:
        yield client


def make_app(**settings: Any) -> tuple[App, Cache]:
    app = App(__name__)
    app.config.update(SECRET_KEY="a key of the tests", **settings)
    return app, Cache(app)


@pytest.mark.parametrize("settings", CACHES, indirect=True)
def test_every_kind_of_code_is_cached(settings: dict[str, Any]) -> None:
    """A view, an async one, handlers of both kinds: each is called once; a POST is not cached."""
    app, cache = make_app(**settings)
    calls = itertools.count(1)

    @app.route("/view", methods=["GET", "POST"])
    @cache.cached(timeout=60)
    def view() -> str:
        return f"{request.path} {next(calls)}"

    @app.get("/async/<name>")
    @cache.cached(timeout=60, query_string=True)
    async def asynchronous(name: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        return {"name": name, "n": next(calls)}, 203, {"X-Name": name}

    class Handler(RequestHandler):
        @cache.cached(timeout=60)
        def get(self) -> None:
            self.set_status(203)
            self.add_header("X-Part", "a")
            self.add_header("X-Part", "b")
            self.write({"n": next(calls)})

        @cache.cached(timeout=60)
        def post(self) -> None:
            self.finish(str(next(calls)))

    class AsyncHandler(RequestHandler):
        @cache.cached(timeout=60)
        async def get(self) -> None:
            self.set_header("Content-Type", "text/plain")
            await self.finish(str(next(calls)))

    app.add_handlers([("/handler", Handler), ("/async-handler", AsyncHandler)])
    with serving(app) as client:
        for path in ("/view", "/async/a?x=1&y=2", "/handler", "/async-handler"):
            first = client.get(path)
            again = client.get(path)
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers["content-type"] == first.headers["content-type"]
        assert client.get("/async/a?y=2&x=1").json() == client.get("/async/a?x=1&y=2").json()
        assert client.get("/async/a?x=3").headers["x-name"] == "a"
        assert client.get("/handler").headers.get_list("x-part") == ["a", "b"]
        assert client.get("/handler").status_code == 203
        said = next(calls)
        for path in ("/view", "/handler"):
            assert client.post(path).text != client.post(path).text
        assert next(calls) == said + 5
    with app.app_context():
        assert cache.delete_cached(view, "/view")
        assert cache.delete_cached(asynchronous, "/async/a", {"x": 3})
    assert app.test_client().get("/view").text == f"/view {next(calls) - 1}"


@pytest.mark.parametrize("settings", ["memory", "redis"], indirect=True)
def test_one_clients_answer_is_no_others(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What uses the session, sets a cookie, says that it is private, or answers credentials."""
    app, cache = make_app(**settings)
    calls = itertools.count(1)

    @app.get("/me")
    @cache.cached()
    async def me() -> str:
        return session.get("name", "nobody")

    @app.get("/cookie")
    @cache.cached()
    def cookie() -> Response:
        response = make_response("yours")
        response.set_cookie("token", str(next(calls)))
        return response

    @app.get("/private")
    @cache.cached()
    def private() -> tuple[str, dict[str, str]]:
        return str(next(calls)), {"Cache-Control": "private"}

    @app.get("/open")
    @cache.cached()
    async def opened() -> str:
        return str(next(calls))

    @app.get("/told")
    @cache.cached(shared=True)
    async def told() -> str:
        return session.get("name", "nobody")

    @app.get("/own")
    @cache.cached(key_prefix=lambda: f"of {session.get('name')}")
    async def own() -> str:
        return f"{session.get('name')} {next(calls)}"

    class Handler(RequestHandler):
        @cache.cached()
        def get(self) -> None:
            self.write(str(self.session.get("name", "nobody")))

    app.add_handlers([("/handler", Handler)])

    @app.before_request
    def load_user() -> None:
        g.name = session.get("name")  # using the session before the view is no matter

    @app.get("/login/<name>")
    def login(name: str) -> str:
        session["name"] = name
        return "in"

    ada, bob = app.test_client(), app.test_client()
    ada.get("/login/Ada")
    for path in ("/me", "/handler"):
        assert ada.get(path).text == "Ada"
        assert bob.get(path).text == "nobody"
    assert "is not cached: it uses the session" in caplog.text
    for path in ("/cookie", "/private"):
        assert ada.get(path).data + ada.get(path).headers.get("Set-Cookie", "").encode() != (
            bob.get(path).data + bob.get(path).headers.get("Set-Cookie", "").encode()
        )
    token = {"Authorization": "Bearer x"}
    assert ada.get("/open", headers=token).text != ada.get("/open", headers=token).text
    assert ada.get("/open").text == bob.get("/open").text
    assert ada.get("/told").text == bob.get("/told").text == "Ada"
    assert ada.get("/own").text == ada.get("/own").text
    assert bob.get("/own").text.startswith("None ")


@pytest.mark.parametrize("settings", CACHES, indirect=True)
def test_functions_are_memoized(settings: dict[str, Any]) -> None:
    """By their arguments, however given; forgotten by call, by object, or altogether; from both
    kinds of code alike."""
    app, cache = make_app(**settings)
    calls = itertools.count(1)

    @cache.memoize(60)
    def add(a: int, b: int = 2) -> int:
        next(calls)
        return a + b

    @cache.memoize(60)
    async def add_async(a: int, b: int = 2) -> int:
        next(calls)
        return a + b

    class Account:
        def __init__(self, name: str) -> None:
            self.name = name

        def __caching_id__(self) -> str:
            return self.name

        @cache.memoize(60)
        def worth(self, factor: int) -> str:
            return f"{self.name} {factor} {next(calls)}"

    def made() -> int:
        """Tell how many calls there were since the last time."""
        nonlocal before
        number = next(calls)
        before, since = number + 1, number - before
        return since

    before = 1
    with app.app_context():
        assert [add(1), add(1, 2), add(1, b=2), add(b=2, a=1), add(2, 1)] == [3] * 5
        assert made() == 2
        cache.delete_memoized(add, 1, 2)
        assert (add(1), add(2, 1), made()) == (3, 3, 1)
        cache.delete_memoized(add)
        assert (add(1), add(2, 1), made()) == (3, 3, 2)
        ada, bob = Account("ada"), Account("bob")
        worths = [ada.worth(1), ada.worth(2), bob.worth(1)]
        assert [ada.worth(1), Account("ada").worth(2), bob.worth(1)] == worths
        cache.delete_memoized(ada.worth)
        assert ada.worth(1) != worths[0]
        assert bob.worth(1) == worths[2]
        made()
        cache.set("n", 1)
        assert cache.get_dict("n", "m") == {"n": 1, "m": None}

    @app.get("/")
    async def index() -> dict[str, Any]:
        both = [await add_async(1), await add_async(a=1), await add_async(1, b=2)]
        counted = made()
        await cache.delete_memoized_async(add_async, 1, 2)
        await add_async(1)
        await cache.delete_memoized_async(add_async)
        await add_async(1)
        assert await cache.get_async("n") == 1
        assert await cache.inc_async("n", 2) == 3
        assert await cache.dec_async("n") == 2
        assert await cache.add_async("n", 9) is False
        await cache.set_many_async({"a": [1], "b": {"c": (2,)}}, timeout=60)
        assert await cache.get_many_async("a", "b", "z") == [[1], {"c": (2,)}, None]
        assert await cache.get_dict_async("a") == {"a": [1]}
        assert await cache.delete_many_async("a", "b") == ["a", "b"]
        assert await cache.has_async("a") is False
        assert await cache.delete_async("n")
        return {"both": both, "counted": counted, "more": made()}

    with serving(app) as client:
        assert client.get("/").json() == {"both": [3, 3, 3], "counted": 1, "more": 2}
    with app.app_context():
        cache.set("x", 1, timeout=60)
        assert cache.clear()
        assert cache.get("x") is None


@pytest.mark.parametrize("settings", ["memory", "redis"], indirect=True)
@pytest.mark.parametrize("kind", ["view", "async"])
def test_one_computes_for_many(settings: dict[str, Any], kind: str) -> None:
    """Twenty want what is not there: it is made once, also by two programs over one Redis."""
    calls = itertools.count(1)
    began, go_on = threading.Event(), threading.Event()

    def make() -> tuple[App, Cache]:
        app, cache = make_app(**settings)

        @app.get("/view")
        @cache.cached(60)
        def view() -> str:
            number = next(calls)
            began.set()
            go_on.wait(20)
            return str(number)

        @app.get("/async")
        @cache.cached(60)
        async def asynchronous() -> str:
            from waterspout import run_in_thread

            return await run_in_thread(view.uncached)  # type: ignore[attr-defined]

        @app.get("/ping")
        async def ping() -> str:
            return "pong"

        return app, cache

    two = settings["CACHE_URL"] != "memory://"
    with ExitStack() as stack:
        clients = [stack.enter_context(serving(make()[0])) for _ in range(1 + two)]
        pool = stack.enter_context(ThreadPoolExecutor(20))
        asked = [pool.submit(clients[n % len(clients)].get, f"/{kind}") for n in range(20)]
        began.wait(20)
        assert clients[0].get("/ping").text == "pong"
        go_on.set()
        assert {one.result().text for one in asked} == {"1"}
    assert next(calls) == 2


def test_what_fails_or_is_not_kept_is_nobody_elses(tmp_path: Path) -> None:
    """An error reaches its own client; the next one computes anew."""
    app, cache = make_app()
    calls = itertools.count(1)

    @app.get("/fails")
    @cache.cached()
    async def fails() -> str:
        number = next(calls)
        if number == 1:
            raise KeyError(number)
        return str(number)

    @app.get("/filtered")
    @cache.cached(response_filter=lambda value: value != "3")
    def filtered() -> str:
        return str(next(calls))

    client = app.test_client()
    assert client.get("/fails").status_code == 500
    assert [client.get("/fails").text for _ in range(2)] == ["2", "2"]
    assert [client.get("/filtered").text for _ in range(3)] == ["3", "4", "4"]


def test_without_its_server_there_is_no_cache(
    tmp_path: Path, reserve: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    """Values are computed, and one line says why; it is used again when it is back."""
    calls = itertools.count(1)
    with own_redis(tmp_path, reserve()) as server:
        app, cache = make_app(CACHE_URL=server.url, CACHE_RETRY_AFTER=0)
        app.add_url_rule("/view", "view", cache.cached()(lambda: str(next(calls))))

        @app.get("/async")
        @cache.cached()
        async def asynchronous() -> str:
            return str(next(calls))

        with serving(app) as client:
            paths = ("/view", "/async")
            assert [client.get(path).text for path in paths * 2] == ["1", "2"] * 2
            server.kill()
            assert [client.get(path).text for path in paths * 2] == ["3", "4", "5", "6"]
            assert [r.levelname for r in caplog.records if r.name == "waterspout.cache"] == [
                "ERROR"
            ]
            server.start()
            assert [client.get(path).text for path in paths] == ["1", "2"]


def test_options_of_flask_caching() -> None:
    """unless, forced_update, make_cache_key, response_hit_indication, CachedResponse, signals."""
    app, cache = make_app(CACHE_TYPE="SimpleCache", CACHE_ENABLE_SIGNALS=True)
    calls = itertools.count(1)
    hits: list[str] = []

    def note(sender: Any, cache_key: str, **_: Any) -> None:
        hits.append(cache_key)

    cache_view_hit.connect(note)

    @app.get("/unless")
    @cache.cached(unless=lambda: "fresh" in request.args)
    def unless() -> str:
        return str(next(calls))

    @app.get("/forced")
    @cache.cached(forced_update=lambda: "fresh" in request.args, response_hit_indication=True)
    def forced() -> str:
        return str(next(calls))

    @app.post("/keyed")
    @cache.cached(make_cache_key=lambda *args, **kwargs: request.get_data(as_text=True))
    def keyed() -> str:
        return str(next(calls))

    @app.get("/timed")
    @cache.cached(timeout=1)
    def timed() -> CachedResponse:
        return CachedResponse(make_response("timed"), timeout=50)

    client = app.test_client()
    texts = [client.get(f"/unless{q}").text for q in ("", "", "?fresh", "")]
    assert texts == ["1", "1", "2", "1"]
    answers = [client.get(f"/forced{q}") for q in ("", "", "?fresh", "")]
    assert [a.text for a in answers] == ["3", "3", "4", "4"]
    assert [a.headers.get("hit_cache") for a in answers] == [None, "True", None, "True"]
    assert [client.post("/keyed", data=d).text for d in ("a", "b", "a")] == ["5", "6", "5"]
    assert [client.get("/timed").text for _ in range(2)] == ["timed"] * 2
    assert hits.count("view//unless") == 2
    cache_view_hit.disconnect(note)


def test_parts_of_templates_are_cached() -> None:
    app, _ = make_app()
    calls = itertools.count(1)
    source = '{% cache 60, "name", part %}{{ calls() }}{% endcache %}'

    def render(part: str, source: str = source) -> str:
        from waterspout import render_template_string

        return render_template_string(source, part=part, calls=lambda: next(calls))

    with app.test_request_context():
        assert [render("a"), render("a"), render("b")] == ["1", "1", "2"]
        assert render("a", source.replace("60", "'del'")) == "3"
        assert render("a") == "4"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"CACHE_URL": "ftp://x"}, "CACHE_URL is 'memory://'"),
        ({"CACHE_HASH_METHOD": "md5"}, "must be a hash constructor"),
        ({"CACHE_SERIALIZER": 3}, "must be a `cachelib.serializers.BaseSerializer`"),
    ],
)
def test_a_wrong_setting_is_told_at_the_start(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_app(**settings)


def test_a_cache_without_an_application_says_so() -> None:
    """Where `init_app` was forgotten, the error tells."""
    cache = Cache()
    with App(__name__).app_context(), pytest.raises(RuntimeError, match=r"cache\.init_app\(app\)"):
        cache.get("key")


def test_generators(caplog: pytest.LogCaptureFixture) -> None:
    """What a generator gives is kept, unless it reads the session on the way; the stream of an
    asynchronous one is not kept."""
    app = App(__name__)
    app.config.update(SECRET_KEY="a long random text")
    cache, asked = Cache(app), itertools.count(1)

    @app.get("/parts")
    @cache.cached(timeout=60)
    def parts() -> Iterator[str]:
        yield "asked "
        yield str(next(asked))

    @app.get("/mine")
    @cache.cached(timeout=60)
    def mine() -> Iterator[str]:
        yield "of "
        yield session.get("name", "nobody")

    @app.get("/stream")
    @cache.cached(timeout=60)
    async def stream() -> AsyncIterator[str]:
        yield "streamed "
        yield str(next(asked))

    ada, bo = app.test_client(), app.test_client()
    with ada.session_transaction() as kept:
        kept["name"] = "Ada"
    assert [ada.get("/mine").text, bo.get("/mine").text] == ["of Ada", "of nobody"]
    assert [ada.get("/parts").text, bo.get("/parts").text] == ["asked 1", "asked 1"]
    assert [ada.get("/stream").text, bo.get("/stream").text] == ["streamed 2", "streamed 3"]
    assert "failed" not in caplog.text


@pytest.mark.parametrize("kind", ["def", "async", "handler"])
def test_a_page_that_names_its_user_is_not_the_next_ones(kind: str) -> None:
    """Also where the user was looked for before the view began; a page without the user is kept."""
    app = App(__name__)
    app.config.update(SECRET_KEY="a long random text")
    cache, manager, asked = Cache(app), LoginManager(app), itertools.count(1)

    @manager.user_loader
    def load_user(user_id: str) -> UserMixin:
        user = UserMixin()
        user.id = user_id  # type: ignore[attr-defined]  # as programs do
        return user

    @app.post("/login/<name>")
    def login(name: str) -> str:
        login_user(load_user(name))
        return "in"

    def page() -> str:
        return str(render_template_string("{{ current_user.get_id() }}"))

    async def async_page() -> str:
        return page()

    class Page(RequestHandler):
        @cache.cached(timeout=60)
        async def get(self) -> None:
            self.write(self.current_user.get_id())

    if kind == "handler":
        app.add_handlers([("/page", Page)])
    else:
        app.get("/page")(cache.cached(timeout=60)(page if kind == "def" else async_page))

    @app.get("/prices")
    @cache.cached(timeout=60)
    async def prices() -> str:
        return str(render_template_string("{{ asked }}", asked=next(asked)))

    ada, bo = app.test_client(), app.test_client()
    ada.post("/login/ada")
    bo.post("/login/bo")
    assert [ada.get("/page").text, bo.get("/page").text] == ["ada", "bo"]
    assert [ada.get("/prices").text, bo.get("/prices").text] == ["1", "1"]


def test_a_token_that_was_made_before_the_view_is_its_clients() -> None:
    """A hook has asked for the token, and then a cached page shows it."""
    app = App(__name__)
    app.config.update(SECRET_KEY="a long random text")
    cache = Cache(app)
    CSRFProtect(app)
    app.before_request(lambda: generate_csrf() and None)

    @app.get("/form")
    @cache.cached(timeout=60)
    def form() -> str:
        return str(render_template_string("{{ csrf_token() }}"))

    @app.post("/send")
    def send() -> str:
        return "sent"

    for client in (app.test_client(), app.test_client()):
        token = client.get("/form").text
        assert client.post("/send", headers={"X-CSRFToken": token}).text == "sent"


@pytest.mark.parametrize("settings", CACHES, indirect=True)
@pytest.mark.parametrize("kind", ["def", "async"])
def test_an_error_that_is_everybodys_is_kept(settings: dict[str, Any], kind: str) -> None:
    """404 is raised again, for its handler; 401 and 503 are not kept, nor what a filter refuses."""
    app, cache = make_app(**settings)
    asked: list[int] = []
    keep: Any = cache.cached(timeout=60)

    def page(status: int) -> str:
        asked.append(status)
        abort(status, "no such page")

    async def async_page(status: int) -> str:
        return page(status)

    app.get("/<int:status>")(keep(page if kind == "def" else async_page))
    found: Any = cache.cached(timeout=60, response_filter=lambda answer: answer.status_code != 404)
    app.get("/filtered/<int:status>", endpoint="filtered")(found(page))

    @app.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        return f"sorry: {error}", 404

    with serving(app) as client:
        for path in ("/404", "/404", "/401", "/401", "/503", "/503", "/filtered/404"):
            answer = client.get(path)
            assert answer.status_code == int(path.rpartition("/")[2])
        assert answer.text == "sorry: 404 Not Found: no such page"
        assert client.get("/404").text == answer.text
        client.get("/filtered/404")
    assert asked == [404, 401, 401, 503, 503, 404, 404]


def test_arguments_of_a_view_are_no_keys() -> None:
    """A view's argument may be called as those of its `make_cache_key`."""
    app, cache = make_app()

    @app.get("/<path:path>/one")
    @cache.cached(timeout=60)
    def one(path: str) -> str:
        return f"one {path}"

    @app.get("/<path:path>/two")
    @cache.cached(timeout=60)
    def two(path: str) -> str:
        return f"two {path}"

    client = app.test_client()
    assert [client.get(path).text for path in ("/a/one", "/a/two")] == ["one a", "two a"]


def test_a_subclass_sees_what_is_asked() -> None:
    """Its methods are called for what decorators keep."""
    seen: list[str] = []

    class Watched(Cache):
        def get(self, key: str) -> Any:
            seen.append(f"get {key}")
            return super().get(key)

        def set(self, key: str, value: Any, timeout: Any = None) -> Any:
            seen.append(f"set {key}")
            return super().set(key, value, timeout)

    app = App(__name__)
    cache = Watched(app)
    app.get("/", endpoint="page")(cache.cached(timeout=60)(lambda: "x"))
    client = app.test_client()
    assert [client.get("/").text for _ in range(2)] == ["x", "x"]
    assert seen == ["get view//", "set view//", "get view//"]


class Memcached:
    """What pylibmc's client does, in memory, for entries of 100 bytes at the most."""

    def __init__(self, servers: Any, **options: Any) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def get_multi(self, keys: list[str]) -> dict[str, Any]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def set_multi(self, values: dict[str, Any], seconds: int) -> list[str]:
        assert all(len(pickle.dumps(value)) <= 100 for value in values.values())
        self.kept.update(values)
        return []

    def delete_multi(self, keys: list[str]) -> None:
        for key in keys:
            self.kept.pop(key, None)


def test_values_that_are_too_large_for_memcached(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept as several entries; of a value that has lost one, nothing is left."""
    monkeypatch.setitem(sys.modules, "pylibmc", SimpleNamespace(Client=Memcached))
    options = {"chunksize": 60, "maxchunk": 8}
    _, cache = make_app(CACHE_TYPE="SpreadSASLMemcachedCache", CACHE_OPTIONS=options)
    value = list(range(100))
    assert cache.set("numbers", value)
    assert cache.get("numbers") == value
    assert cache.has("numbers")
    with pytest.raises(ValueError, match="more than 8 entries"):
        cache.set("numbers", "x" * 1000)
    kept = cache.cache._client.kept
    del kept["flask_cache_numbers.1"]
    assert cache.get("numbers") is None
    assert cache.set("numbers", "short")
    assert cache.delete("numbers")
    assert not cache.delete("numbers")
    assert kept == {}


def test_a_serializer_without_effect_is_told() -> None:
    with pytest.warns(UserWarning, match="CACHE_SERIALIZER has no effect: NullCache"):
        make_app(
            CACHE_TYPE="NullCache", CACHE_NO_NULL_WARNING=True, CACHE_SERIALIZER=JSONSerializer
        )
