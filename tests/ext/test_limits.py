"""Rate limits: on every kind of code, in memory and in Redis, through many workers, and without
the storage."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from limits.errors import ConfigurationError
from own_redis import own_redis
from services import service_url
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from waterspout import App, Blueprint, RequestHandler, WebSocket, make_response, request
from waterspout.ext.limits import ExemptionScope, Limiter, RateLimitExceeded, RequestLimit
from waterspout.ext.limits.util import get_remote_address
from waterspout.server import serve_in_thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from processes import running

STRATEGIES = ("fixed-window", "moving-window", "sliding-window-counter")


@pytest.fixture(params=["memory", "redis"])
def settings(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Return the settings of a storage in which nothing is counted yet."""
    if request.param == "memory":
        yield {}
        return
    prefix = f"ws_limits_{uuid4().hex[:8]}"
    yield {"RATELIMIT_URL": service_url("redis"), "RATELIMIT_KEY_PREFIX": prefix}
    with redis.Redis.from_url(service_url("redis")) as client:
        for key in client.scan_iter(f"*{prefix}*"):
            client.delete(key)


@contextmanager
def serving(app: App) -> Iterator[httpx.Client]:
    with serve_in_thread(app) as server, httpx.Client(base_url=server.urls[0]) as client:
        yield client


def make_app(*, limiter: dict[str, Any] | None = None, **settings: Any) -> tuple[App, Limiter]:
    app = App(__name__)
    app.config.update(settings)
    return app, Limiter(get_remote_address, app=app, **(limiter or {}))


def statuses(client: Any, path: str, times: int, method: str = "get") -> list[int]:
    return [getattr(client, method)(path).status_code for _ in range(times)]


def test_one_limiter_guards_each_of_its_applications() -> None:
    """A module's limiter, and a factory that makes several applications."""
    limiter = Limiter(get_remote_address, default_limits=["1/minute"])
    shop = Blueprint("shop", __name__)
    shop.get("/shop", endpoint="shop")(lambda: "shop")
    limiter.limit("2/minute")(shop)

    def create_app() -> App:
        app = App(__name__)
        limiter.init_app(app)
        app.register_blueprint(shop)
        app.get("/", endpoint="page")(lambda: "page")
        return app

    for app in (create_app(), create_app()):
        limiter.reset()
        assert statuses(app.test_client(), "/", 2) == [200, 429]
        assert statuses(app.test_client(), "/shop", 3) == [200, 200, 429]


def test_each_application_of_a_limiter_has_its_own_settings() -> None:
    """Limits, counts, and whether there are any, are those of the application that is asked."""
    limiter = Limiter(get_remote_address)

    def create_app(**settings: Any) -> App:
        app = App(__name__)
        app.config.update(settings)
        limiter.init_app(app)
        app.get("/")(lambda: "page")
        app.get("/own", endpoint="own")(limiter.limit("1/minute")(lambda: "own"))
        return app

    off = create_app(RATELIMIT_ENABLED=False, RATELIMIT_DEFAULT="1/minute")
    shop = create_app(RATELIMIT_DEFAULT="2/minute", RATELIMIT_HEADERS_ENABLED=True)
    forum = create_app(RATELIMIT_DEFAULT="3/minute")
    none = create_app()
    later = create_app(RATELIMIT_ENABLED=False)
    for app, passed in ((shop, 2), (forum, 3), (off, 4), (none, 4), (later, 4)):
        client = app.test_client()
        assert statuses(client, "/", 4) == [200] * passed + [429] * (4 - passed)
        own = [200, 200] if app in (off, later) else [200, 429]
        assert statuses(client, "/own", 2) == own
        assert ("X-RateLimit-Limit" in client.get("/").headers) == (app is shop)


def test_requests_within_a_context_of_the_test_have_their_own_limits() -> None:
    """A fixture that keeps an application context open: each answer tells of its own request."""
    app, limiter = make_app(RATELIMIT_HEADERS_ENABLED=True)

    @app.get("/rare")
    @limiter.limit("2/minute")
    def rare() -> str:
        return str(len(limiter.current_limits))

    @app.get("/often")
    @limiter.limit("9/minute")
    def often() -> str:
        return str(len(limiter.current_limits))

    with app.app_context():
        client = app.test_client()
        answers = [client.get(path) for path in ("/rare", "/often", "/rare")]
    assert [answer.text for answer in answers] == ["1", "1", "1"]
    left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert left == ["1", "8", "0"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_kind_of_code_is_limited(settings: dict[str, Any], strategy: str) -> None:
    """Views, async ones, handlers' methods of both kinds, and WebSockets; together where they share
    a limit."""
    app, limiter = make_app(RATELIMIT_STRATEGY=strategy, **settings)

    @app.get("/view")
    @limiter.limit("3/hour")
    def view() -> str:
        return "view"

    @app.get("/async")
    @limiter.limit("3/hour")
    async def asynchronous() -> str:
        return "async"

    class Handler(RequestHandler):
        @limiter.limit("3/hour")
        def get(self) -> None:
            self.write("handler")

        def post(self) -> None:
            self.write("posted")

    class AsyncHandler(RequestHandler):
        @limiter.limit("3/hour")
        async def get(self) -> None:
            self.write("handler")

    app.add_handlers([("/handler", Handler), ("/async-handler", AsyncHandler)])

    @app.websocket("/socket")
    @limiter.limit("1/hour")
    async def socket(ws: WebSocket) -> None:
        await ws.send("hello")

    together = limiter.shared_limit("4/hour", scope="together")

    @app.get("/one")
    @together
    def one() -> str:
        return "one"

    @app.get("/two")
    @together
    async def two() -> str:
        return "two"

    with serving(app) as client:
        for path in ("/view", "/async", "/handler", "/async-handler"):
            assert statuses(client, path, 5) == [200] * 3 + [429] * 2
        assert client.post("/handler").text == "posted"
        assert statuses(client, "/one", 2) + statuses(client, "/two", 3) == [200] * 4 + [429]
        assert client.get("/one").status_code == 429
        url = f"ws{str(client.base_url)[4:].rstrip('/')}/socket"
        with connect(url) as first:
            assert first.recv() == "hello"
        with pytest.raises(InvalidStatus) as refused:
            connect(url)
        assert refused.value.response.status_code == 429
    assert statuses(app.test_client(), "/async", 1) == [429]


def test_what_a_client_is_told(settings: dict[str, Any]) -> None:
    """X-RateLimit fields where they are asked for, Retry-After with each 429, the message."""
    app, limiter = make_app(RATELIMIT_HEADERS_ENABLED=True, **settings)

    @app.get("/view")
    @limiter.limit("2/minute; 100/day", error_message="Slowly, please.")
    def view() -> str:
        return "view"

    @app.get("/async")
    @limiter.limit("2/minute")
    async def asynchronous() -> dict[str, Any]:
        [met] = limiter.current_limits
        assert limiter.current_limit is met
        return {"left": met.remaining, "breached": met.breached}

    @app.errorhandler(429)
    async def too_many(error: RateLimitExceeded) -> tuple[str, int]:
        return f"{error.description} ({error.limit.limit})", 429

    with serving(app) as client:
        for path in ("/view", "/async"):
            for left in ("1", "0"):
                answer = client.get(path)
                assert answer.status_code == 200
                assert answer.headers["x-ratelimit-limit"] == "2"
                assert answer.headers["x-ratelimit-remaining"] == left
                assert 0 <= int(answer.headers["retry-after"]) <= 61
            refused = client.get(path)
            assert refused.status_code == 429
            assert refused.headers["x-ratelimit-remaining"] == "0"
            assert 1 <= int(refused.headers["retry-after"]) <= 61
            said = "Slowly, please." if path == "/view" else "2 per 1 minute"
            assert refused.text == f"{said} (2 per 1 minute)"
    app, limiter = make_app(**settings)
    app.add_url_rule("/", "index", limiter.limit("1/minute")(lambda: "x"))
    client = app.test_client()
    assert "X-RateLimit-Limit" not in client.get("/").headers
    assert 1 <= int(client.get("/").headers["Retry-After"]) <= 61


def test_limits_of_all_routes_and_of_blueprints() -> None:
    """Defaults, unless a route or its blueprint has its own; those of the application besides."""
    app, limiter = make_app(
        limiter={
            "default_limits": ["2/hour"],
            "application_limits": ["14/hour"],
            "application_limits_exempt_when": lambda: "free" in request.args,
        }
    )
    shop, admin = Blueprint("shop", __name__), Blueprint("admin", __name__)

    @app.get("/default")
    def default() -> str:
        return "x"

    @app.get("/async-default")
    async def async_default() -> str:
        return "x"

    @app.get("/own")
    @limiter.limit("3/hour")
    async def own() -> str:
        return "x"

    @app.get("/both")
    @limiter.limit("3/hour", override_defaults=False)
    def both() -> str:
        return "x"

    @app.get("/exempt")
    @limiter.exempt
    async def exempt() -> str:
        return "x"

    @app.get("/only-application")
    @limiter.exempt(flags=ExemptionScope.DEFAULT)
    async def only_application() -> str:
        return "x"

    @shop.get("/shop")
    async def in_shop() -> str:
        return "x"

    @admin.get("/admin")
    def in_admin() -> str:
        return "x"

    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("x")

        @limiter.limit("3/hour")
        def post(self) -> None:
            self.write("x")

    app.add_handlers([("/handler", Handler)])
    limiter.limit("1/hour")(shop)
    limiter.exempt(admin)
    app.register_blueprint(shop)
    app.register_blueprint(admin)
    client = app.test_client()
    for path, allowed in {
        "/default": 2,
        "/async-default": 2,
        "/both": 2,
        "/own": 3,
        "/shop": 1,
    }.items():
        path = f"{path}?free"
        assert statuses(client, path, 4) == [200] * allowed + [429] * (4 - allowed)
    assert statuses(client, "/handler?free", 3) == [200, 200, 429]
    assert statuses(client, "/handler?free", 4, "post") == [200] * 3 + [429]
    assert statuses(client, "/exempt", 20) == [200] * 20
    assert statuses(client, "/admin", 20) == [200] * 20
    assert statuses(client, "/static/none.css", 20) == [404] * 20
    assert statuses(client, "/only-application", 16) == [200] * 14 + [429] * 2


def test_options_of_a_limit() -> None:
    """key_func, methods, exempt_when, cost, deduct_when, on_breach, functions for values."""
    breaches: list[RequestLimit] = []
    app, limiter = make_app()

    def who() -> str:
        return request.args.get("who", "nobody")

    def answer(met: RequestLimit) -> Any:
        breaches.append(met)
        return make_response("no more", 429)

    @app.route("/keyed", methods=["GET", "POST"])
    @limiter.limit("1/hour", key_func=who, methods=["POST"], on_breach=answer)
    def keyed() -> str:
        return "x"

    @app.get("/cost")
    @limiter.limit(lambda: "10/hour", cost=lambda: int(request.args["cost"]))
    async def costly() -> str:
        return "x"

    @app.get("/failed")
    @limiter.limit("1/hour", deduct_when=lambda response: response.status_code == 400)
    async def failed() -> tuple[str, int]:
        return "x", int(request.args["status"])

    @app.get("/free")
    @limiter.limit("1/hour", exempt_when=lambda: "free" in request.args)
    def free() -> str:
        return "x"

    @app.get("/block")
    async def block() -> str:
        async with limiter.limit("1/hour"):
            return "x"

    @limiter.request_filter
    def from_inside() -> bool:
        return request.headers.get("X-Inside") == "yes"

    client = app.test_client()
    assert statuses(client, "/keyed?who=a", 3) == [200] * 3
    assert statuses(client, "/keyed?who=a", 2, "post") == [200, 429]
    assert statuses(client, "/keyed?who=b", 1, "post") == [200]
    assert client.post("/keyed?who=b").text == "no more"
    assert [met.remaining for met in breaches] == [0, 0]
    assert [client.get(f"/cost?cost={n}").status_code for n in (6, 4, 1)] == [200, 200, 429]
    assert [client.get(f"/failed?status={n}").status_code for n in (200, 200, 400, 200)] == [
        *(200, 200, 400, 429)
    ]
    assert statuses(client, "/free?free", 3) + statuses(client, "/free", 2) == [200] * 4 + [429]
    assert statuses(client, "/block", 2) == [200, 429]
    assert client.get("/block", headers={"X-Inside": "yes"}).status_code == 429
    assert client.get("/free", headers={"X-Inside": "yes"}).status_code == 200


def test_who_goes_on_is_shut_out() -> None:
    """A meta limit: of how often a client may exceed its limits."""
    app, limiter = make_app(limiter={"meta_limits": ["2/day"]})

    @app.get("/one")
    @limiter.limit("1/hour")
    def one() -> str:
        return "x"

    @app.get("/two")
    @limiter.limit("1/hour")
    async def two() -> str:
        return "x"

    client = app.test_client()
    assert statuses(client, "/one", 3) == [200, 429, 429]
    assert statuses(client, "/two", 1) == [429]


def test_who_exceeds_one_limit_is_shut_out_of_its_routes() -> None:
    """A meta limit of one limit; a route that is exempt from meta limits."""
    app, limiter = make_app()
    limit = limiter.shared_limit("1/second", "shared", meta_limits=["1/day"])
    app.add_url_rule("/page", "page", limit(lambda: "x"))
    exempt = limiter.exempt(limiter.limit("9/second", meta_limits=["1/day"])(lambda: "x"))
    app.add_url_rule("/exempt", "exempt", exempt)
    app.add_url_rule("/other", "other", limiter.limit("9/second")(lambda: "x"))
    client = app.test_client()
    while client.get("/page").status_code == 200:  # until two have come in one second
        pass
    limiter.storage.clear("LIMITS:LIMITER/127.0.0.1/shared/1/1/second")
    assert statuses(client, "/page", 1) == [429]
    assert statuses(client, "/other", 1) == [200]
    assert statuses(client, "/exempt", 1) == [200]


def test_a_limit_that_cannot_be_read_gives_way_to_the_default(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody goes unlimited for a slip of the pen; an empty one is none."""
    app, limiter = make_app(limiter={"default_limits": ["1/hour"]})
    app.get("/slip", endpoint="slip")(limiter.limit("5 per fortnight")(lambda: "x"))
    app.get("/none", endpoint="none")(limiter.limit(lambda: "")(lambda: "x"))
    client = app.test_client()
    assert statuses(client, "/slip", 2) == [200, 429]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "failed to load ratelimit '5 per fortnight', the default ones hold:"
            " no granularity matched for fortnight"
        )
    ] * 2
    assert statuses(client, "/none", 2) == [200, 200]


def test_defaults_are_overridden_by_what_a_view_calls() -> None:
    """From the second request on: a function's own limit holds in place of the default one."""
    app, limiter = make_app(limiter={"default_limits": ["1/hour"]})
    ask = limiter.limit("3/hour")(lambda: "x")
    app.get("/", endpoint="page")(lambda: ask())
    assert statuses(app.test_client(), "/", 4) == [200, 200, 200, 429]


def test_nested_blueprints_inherit_limits() -> None:
    """A blueprint's limit that does not override has those of all blueprints around it besides."""
    app, limiter = make_app(limiter={"default_limits": ["1/hour"]})
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__, url_prefix="/inner")
    limiter.limit("2/hour")(outer)
    limiter.limit("5/day", override_defaults=False)(inner)
    inner.get("/", endpoint="page")(lambda: "x")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert statuses(app.test_client(), "/inner/", 3) == [200, 200, 429]


@pytest.mark.parametrize("kind", ["view", "async"])
def test_header_fields_tell_what_is_left_after_the_response(
    settings: dict[str, Any], kind: str
) -> None:
    """What was counted by the response is in its own header fields."""
    app, limiter = make_app(RATELIMIT_HEADERS_ENABLED=True, **settings)
    limit = limiter.limit("5/hour", deduct_when=lambda response: response.status_code == 400)
    app.get("/view/<int:status>", endpoint="view")(limit(lambda status: ("x", status)))

    @app.get("/async/<int:status>")
    @limit
    async def asynchronous(status: int) -> tuple[str, int]:
        return "x", status

    with serving(app) as client:
        left = [
            client.get(f"/{kind}/{status}").headers["X-RateLimit-Remaining"]
            for status in (200, 400, 200, 400)
        ]
    assert left == ["5", "4", "4", "3"]


def test_who_is_asked_for_the_page_of_a_breach_may_fail() -> None:
    """As under Flask-Limiter: 500, or with RATELIMIT_SWALLOW_ERRORS the plain 429."""
    for swallow, status in ((False, 500), (True, 429)):
        app, limiter = make_app(RATELIMIT_SWALLOW_ERRORS=swallow)
        wrong: Any = lambda: "no argument is taken"  # noqa: E731
        app.get("/", endpoint="page")(limiter.limit("1/hour", on_breach=wrong)(lambda: "x"))
        assert statuses(app.test_client(), "/", 2) == [200, status]


def test_limits_for_the_time_without_the_storage_count_once(
    tmp_path: Path, reserve: Callable[[], int]
) -> None:
    """However many checks a route has."""
    with own_redis(tmp_path, reserve()) as server:
        app, limiter = make_app(
            limiter={"default_limits": ["9/hour"], "in_memory_fallback": ["2/hour"]},
            RATELIMIT_URL=server.url,
        )
        limit = limiter.limit("9/hour", override_defaults=False)
        app.get("/", endpoint="page")(limit(lambda: "x"))
        server.kill()
        assert statuses(app.test_client(), "/", 3) == [200, 200, 429]


def test_brute_force_through_two_workers() -> None:
    """The count is exact, whichever process and kind of view a request comes to."""
    prefix = f"ws_limits_{uuid4().hex[:8]}"
    environ = {**os.environ, "LIMITS_APP_URL": service_url("redis"), "LIMITS_APP_PREFIX": prefix}
    command = ("-m", "waterspout", "--app", "limits_app:app", "run", "--port", "0", "-w", "2")
    here = Path(__file__).parent
    with running(here, *command, environ=environ) as url, ThreadPoolExecutor(8) as pool:
        host = url.removeprefix("http://")

        def attempt(path: str) -> tuple[int, str]:
            """Try to log in over a new connection; return the status, and the worker."""
            connection = HTTPConnection(host, timeout=30)
            connection.request("POST", path)
            answer = connection.getresponse()
            answer.read()
            connection.request("GET", "/pid")
            pid = connection.getresponse().read().decode()
            connection.close()
            return answer.status, pid

        answers = list(pool.map(attempt, ["/login", "/async-login"] * 15))
        while len({pid for _, pid in answers}) < 2:  # a worker that was late
            answers.append(attempt("/login"))
    counts = Counter(status for status, _ in answers)
    assert counts == {200: 10, 429: len(answers) - 10}
    with redis.Redis.from_url(service_url("redis")) as client:
        assert client.delete(*client.scan_iter(f"*{prefix}*")) == 1


@pytest.mark.parametrize("kind", ["view", "async"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [503, 503, 503]),
        ({"swallow_errors": True}, [200, 200, 200]),
        ({"in_memory_fallback_enabled": True}, [200, 200, 429]),
        ({"in_memory_fallback": ["1/hour"]}, [200, 429, 429]),
    ],
)
def test_without_the_storage(
    tmp_path: Path,
    reserve: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    expected: list[int],
    kind: str,
) -> None:
    """Refused, let through, or counted in memory; one line in the log, and it is used again."""
    with own_redis(tmp_path, reserve()) as server:
        app, limiter = make_app(limiter=options, RATELIMIT_URL=server.url, RATELIMIT_RETRY_AFTER=0)
        limit = limiter.limit("2/hour")
        app.add_url_rule("/view", "view", limit(lambda: "x"))

        @app.get("/async")
        @limit
        async def asynchronous() -> str:
            return "x"

        with serving(app) as client:
            path = f"/{kind}"
            assert statuses(client, path, 1) == [200]
            server.kill()
            assert statuses(client, path, 3) == expected
            assert [record.levelname for record in caplog.records] == ["ERROR"]
            assert caplog.records[0].exc_info is None
            server.start()
            assert statuses(client, path, 2) == [200, 429]


def test_waiting_for_the_storage_holds_nobody_else(
    tmp_path: Path, reserve: Callable[[], int]
) -> None:
    """The loop goes on while a request is being counted."""
    with own_redis(tmp_path, reserve()) as server:
        app, limiter = make_app(RATELIMIT_URL=server.url, RATELIMIT_SERVER_TIMEOUT=30)
        limit = limiter.limit("5/hour")
        app.add_url_rule("/view", "view", limit(lambda: "x"))

        @app.get("/async")
        @limit
        async def asynchronous() -> str:
            return "x"

        class Handler(RequestHandler):
            @limit
            def get(self) -> None:
                self.write("x")

        app.add_handlers([("/handler", Handler)])

        @app.get("/plain")
        async def plain() -> str:
            return "plain"

        with serving(app) as client, ThreadPoolExecutor(3) as pool:
            for path in ("/view", "/async", "/handler"):
                assert client.get(path).status_code == 200
            server.hold()
            asked = [
                pool.submit(httpx.get, f"{str(client.base_url).rstrip('/')}/{path}", timeout=60)
                for path in ("view", "async", "handler")
            ]
            for _ in range(5):
                assert client.get("/plain").text == "plain"
            assert not any(one.done() for one in asked)
            server.go_on()
            assert [one.result().status_code for one in asked] == [200] * 3


def test_a_wrong_setting_is_told_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="RATELIMIT_STRATEGY is one of"):
        make_app(RATELIMIT_STRATEGY="guess")
    with pytest.raises(ValueError, match="couldn't parse"):
        make_app(RATELIMIT_DEFAULT="many")


def test_two_limiters_and_nested_blueprints() -> None:
    """Each limiter counts by its own limits; an inner blueprint's go before those around it."""
    app, first = make_app(limiter={"default_limits": ["1/hour"], "key_prefix": "first"})
    second = Limiter(get_remote_address, app=app, key_prefix="second")
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)

    @app.get("/both")
    @first.limit("2/hour")
    @second.limit("3/hour")
    async def both() -> dict[str, int]:
        return {"first": len(first.current_limits), "second": len(second.current_limits)}

    @app.route("/some", methods=["GET", "POST"])
    @first.limit("2/hour", methods=["POST"])
    def some() -> str:
        return "x"

    @inner.get("/inner")
    async def in_inner() -> str:
        return "x"

    first.limit("4/hour")(outer)
    first.limit("3/hour")(inner)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = app.test_client()
    assert client.get("/both").json == {"first": 1, "second": 1}
    assert statuses(client, "/both", 2) == [200, 429]
    assert statuses(client, "/some", 2) == [200, 429]
    assert statuses(client, "/some", 3, "post") == [200, 200, 429]
    assert statuses(client, "/inner", 4) == [200] * 3 + [429]
