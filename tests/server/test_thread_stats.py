"""What `thread_stats` says of the threads of a server, and the limits that its settings set."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from processes import wait_until
from waterspout import App, Response, request, thread_stats
from waterspout.server import Server, Threads, serve_in_thread

WEBSOCKET = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}


def connect(server: Server) -> HTTPConnection:
    return HTTPConnection(urlsplit(server.urls[0]).netloc, timeout=20)


def get(server: Server, path: str) -> tuple[int, str]:
    connection = connect(server)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def app(gate: threading.Event) -> App:
    app = App("stats")

    @app.get("/stats")
    def stats() -> dict[str, dict[str, int]]:
        return {name: pool._asdict() for name, pool in thread_stats().items()}

    @app.get("/stream")
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield "first"
            gate.wait(20)
            yield "last"

        return Response(body())

    return app


def test_it_counts_what_works_and_what_is_kept(app: App, gate: threading.Event) -> None:
    with serve_in_thread(app, threads=Threads(views_min=2, views_max=3, kept=2, queue=5)) as server:
        streams = [connect(server) for _ in range(2)]
        for connection in streams:
            connection.request("GET", "/stream")
            assert connection.getresponse().status == 200  # the first piece has left
        views: dict[str, int] = json.loads(get(server, "/stats")[1])["views"]
        assert views == {
            "threads": views["threads"], "at_work": 1, "kept": 2, "waiting": 0,
            "max_threads": 3, "max_waiting": 5, "max_kept": 2,
        }  # fmt: skip
        gate.set()
        for connection in streams:
            connection.close()


def test_one_kept_thread_too_many_is_503_and_views_go_on(app: App, gate: threading.Event) -> None:
    with serve_in_thread(app, threads=Threads(kept=1)) as server:
        first = connect(server)
        first.request("GET", "/stream")
        assert first.getresponse().status == 200
        refused = connect(server)
        refused.request("GET", "/stream")
        answer = refused.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        answer.read()
        assert get(server, "/stats")[0] == 200
        gate.set()
        first.close()
        refused.close()


def test_who_got_504_gets_no_503_behind_it(
    app: App, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    answered, closed = threading.Event(), threading.Event()

    @app.get("/late", timeout=0.05)
    def late() -> Response:
        answered.wait(20)
        response = Response(iter(["a stream, for which there is no thread"]))
        response.call_on_close(closed.set)
        return response

    with serve_in_thread(app, threads=Threads(kept=1)) as server:
        first = connect(server)
        first.request("GET", "/stream")
        assert first.getresponse().status == 200
        assert get(server, "/late")[0] == 504
        answered.set()
        assert closed.wait(20)
        gate.set()
        first.close()
    assert [record.levelname for record in caplog.records if "503" in record.message] == []


def test_a_lent_socket_is_given_back_where_async_code_is_on_the_way(app: App) -> None:
    """The program answers on the client's socket itself, as flask-sock does."""

    @app.before_request
    async def before() -> None:
        pass

    @app.route("/socket", websocket=True)
    def on_socket() -> str:
        client = request.environ["werkzeug.socket"]
        client.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\nbye")
        client.close()
        return ""

    with serve_in_thread(app) as server:
        connection = connect(server)
        connection.request("GET", "/socket", headers={"Connection": "Upgrade", **WEBSOCKET})
        with connection.sock.makefile("rb") as answer:
            assert answer.read().endswith(b"bye")
        connection.close()
        views = server.lanes.views
        wait_until(lambda: (views.busy, views.kept) == (0, 0))


def test_outside_of_a_server_there_is_nothing_to_tell() -> None:
    with pytest.raises(RuntimeError, match="No server of Waterspout's"):
        thread_stats()
