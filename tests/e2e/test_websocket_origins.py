"""Who opens a WebSocket is looked at before it is accepted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from e2e_clients import SECONDS, ask
from e2e_servers import Serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from waterspout import App, WebSocket, abort, request, session
from waterspout.tornado.web import HTTPError
from waterspout.tornado.websocket import WebSocketHandler

EVIL = "https://evil.test"
Dial = Callable[..., ClientConnection]


class Visits:
    """Which code of which socket has run."""

    said: list[str]


class Greeting(WebSocketHandler):
    """Greets the user."""

    def initialize(self, visits: Visits) -> None:
        self.visits = visits

    def open(self) -> None:
        self.visits.said.append("class")
        self.write_message(f"hello {self.current_user}")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Guarded(Greeting):
    """Lets nobody in who is not logged in."""

    def prepare(self) -> None:
        if not self.current_user:
            raise HTTPError(401)
        if self.current_user != "admin":
            raise HTTPError(403)


class Choosy(Greeting):
    """Has origins of its own."""

    def check_origin(self, origin: str) -> bool:
        return origin == "https://partner.test"


@pytest.fixture
def visits() -> Visits:
    made = Visits()
    made.said = []
    return made


@pytest.fixture
def sockets(app: App, visits: Visits) -> App:
    """A login over HTTP; sockets of both kinds."""

    @app.post("/login/<user>")
    def login(user: str) -> str:
        session["user"] = user
        return user

    app.identify(lambda: session.get("user"))

    @app.websocket("/function")
    async def function(ws: WebSocket) -> None:
        visits.said.append("function")
        await ws.send(f"hello {session.get('user')}")
        async for message in ws:
            await ws.send(message)

    mine = {"visits": visits}
    app.add_handlers(
        [("/class", Greeting, mine), ("/guarded", Guarded, mine), ("/choosy", Choosy, mine)]
    )
    return app


@pytest.fixture
def port(sockets: App, serve: Serve) -> Iterator[int]:
    with serve(sockets) as port:
        yield port


@pytest.fixture
def dial(port: int) -> Dial:
    """Open a WebSocket with header fields, and the cookie of a user who is logged in."""

    def dial(path: str, *, user: str | None = "ann", **fields: str) -> ClientConnection:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if user is not None:
            cookie = ask(port, f"/login/{user}", "POST", b"").headers["set-cookie"]
            headers["Cookie"] = cookie.partition(";")[0]
        return connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers)

    return dial


def refused(dial: Dial, path: str, **how: Any) -> int:
    """Return the status that the opening handshake is answered with."""
    with pytest.raises(InvalidStatus) as answer:
        dial(path, **how)
    status: int = answer.value.response.status_code
    return status


BOTH = pytest.mark.parametrize("kind", ["function", "class"])


@BOTH
@pytest.mark.parametrize(
    "fields",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.test"},
        {"Origin": EVIL, "Sec_Fetch_Site": "cross-site"},
        {"Origin": EVIL, "Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_evil_origin_with_a_valid_cookie(
    dial: Dial, visits: Visits, kind: str, fields: dict[str, str]
) -> None:
    """Ideal: "evil origin + valid cookie → 403 with no handler code run, on function and class
    sockets"."""
    assert refused(dial, f"/{kind}", **fields) == 403
    assert visits.said == []


@BOTH
def test_a_missing_origin_is_no_browser(dial: Dial, visits: Visits, kind: str) -> None:
    """Ideal: "missing Origin (non-browser) allowed"."""
    with dial(f"/{kind}") as client:
        assert client.recv(SECONDS) == "hello ann"
    assert visits.said == [kind]


@BOTH
def test_the_sites_own_pages_may(dial: Dial, port: int, kind: str) -> None:
    """The same origin, told by Origin or by the browser's own word."""
    for fields in (
        {"Origin": f"http://127.0.0.1:{port}"},
        {"Origin": "https://behind.proxy.test", "Sec_Fetch_Site": "same-origin"},
    ):
        with dial(f"/{kind}", **fields) as client:
            assert client.recv(SECONDS) == "hello ann"


@BOTH
def test_one_list_of_other_origins(sockets: App, serve: Serve, kind: str) -> None:
    """Ideal: "same policy object": the setting WEBSOCKET_ORIGINS is for sockets of both kinds."""
    sockets.config["WEBSOCKET_ORIGINS"] = ["https://partner.test"]
    with serve(sockets) as port:
        uri = f"ws://127.0.0.1:{port}/{kind}"
        with connect(uri, additional_headers={"Origin": "https://partner.test"}) as client:
            assert client.recv(SECONDS) == "hello None"
        with pytest.raises(InvalidStatus):
            connect(uri, additional_headers={"Origin": EVIL})


def test_check_origin_is_honoured(dial: Dial) -> None:
    """Ideal: "`check_origin` override still honoured"."""
    with dial("/choosy", Origin="https://partner.test") as client:
        assert client.recv(SECONDS) == "hello ann"
    assert refused(dial, "/choosy", Origin=EVIL) == 403


@BOTH
@pytest.mark.parametrize("way", ["abort", "return"])
@pytest.mark.parametrize("status", [401, 403])
def test_before_request_functions_refuse(
    sockets: App, serve: Serve, visits: Visits, kind: str, way: str, status: int
) -> None:
    """Ideal: "before-request and login checks run **before** accept and can refuse with
    401/403"."""

    @sockets.before_request
    def check() -> Any:
        if request.path.startswith("/login") or "user" in session:
            return None
        return abort(status) if way == "abort" else ("Who are you?", status)

    with serve(sockets) as port:
        with pytest.raises(InvalidStatus) as answer:
            connect(f"ws://127.0.0.1:{port}/{kind}")
        assert answer.value.response.status_code == status
        if way == "return":
            assert answer.value.response.body == b"Who are you?"
        assert visits.said == []
        cookie = ask(port, "/login/ann", "POST", b"").headers["set-cookie"].partition(";")[0]
        with connect(f"ws://127.0.0.1:{port}/{kind}", additional_headers={"Cookie": cookie}) as ws:
            assert ws.recv(SECONDS) == "hello ann"


def test_a_function_refuses_before_it_accepts(sockets: App, serve: Serve) -> None:
    """A login check in the function itself, by `abort`."""

    @sockets.websocket("/members")
    async def members(ws: WebSocket) -> None:
        if "user" not in session:
            abort(401)
        await ws.send("welcome")

    with serve(sockets) as port, pytest.raises(InvalidStatus) as answer:
        connect(f"ws://127.0.0.1:{port}/members")
    assert answer.value.response.status_code == 401


def test_prepare_refuses(dial: Dial, visits: Visits) -> None:
    """The same for a class: `prepare`, with the user that the app identifies."""
    assert refused(dial, "/guarded", user=None) == 401
    assert refused(dial, "/guarded", user="ann") == 403
    assert visits.said == []
    with dial("/guarded", user="admin") as client:
        assert client.recv(SECONDS) == "hello admin"


@BOTH
def test_a_message_above_the_cap(sockets: App, serve: Serve, kind: str) -> None:
    """Ideal: "caps on … frame size": one setting for both kinds, close code 1009."""
    sockets.config["WEBSOCKET_MAX_MESSAGE_SIZE"] = 1000
    with serve(sockets) as port, connect(f"ws://127.0.0.1:{port}/{kind}") as client:
        client.recv(SECONDS)
        client.send("x" * 1000)
        assert client.recv(SECONDS) == "x" * 1000
        client.send("x" * 1001)
        with pytest.raises(ConnectionClosed) as end:
            client.recv(SECONDS)
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1009


@BOTH
def test_messages_above_the_rate(sockets: App, serve: Serve, kind: str) -> None:
    """Ideal: "caps on … message rate": a burst of ten seconds' worth, then close code 1008."""
    sockets.config["WEBSOCKET_MESSAGE_RATE"] = 2
    with serve(sockets) as port, connect(f"ws://127.0.0.1:{port}/{kind}") as client:
        client.recv(SECONDS)
        for number in range(20):
            client.send(str(number))
            assert client.recv(SECONDS) == str(number)
        with pytest.raises(ConnectionClosed) as end:
            for _ in range(1000):
                client.send("too many")
                client.recv(SECONDS)
        assert end.value.rcvd is not None
        assert (end.value.rcvd.code, end.value.rcvd.reason) == (1008, "too many messages")


@BOTH
def test_connections_of_one_client(sockets: App, serve: Serve, kind: str) -> None:
    """Ideal: "caps on connections per client": the one above it gets 429; a place that becomes free
    is taken again."""
    sockets.config["WEBSOCKET_PER_CLIENT"] = 2
    with serve(sockets) as port:
        uri = f"ws://127.0.0.1:{port}/{kind}"
        with connect(uri) as first:
            with connect(uri) as second:
                for client in (first, second):
                    assert client.recv(SECONDS) == "hello None"
                with pytest.raises(InvalidStatus) as answer:
                    connect(uri)
                assert answer.value.response.status_code == 429
            with ExitStack() as stack:
                assert dial_when_free(stack, uri).recv(SECONDS) == "hello None"


def dial_when_free(stack: ExitStack, uri: str) -> ClientConnection:
    """Connect once the server has noticed that another client left."""
    for _ in range(500):
        try:
            return stack.enter_context(connect(uri))
        except InvalidStatus as refusal:
            if refusal.response.status_code != 429:
                raise
            threading.Event().wait(0.02)
    raise AssertionError("no place becomes free")
