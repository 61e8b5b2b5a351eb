"""Bodies that a handler takes piece by piece."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from rooms_site import client_of, served

from waterspout.tornado.httputil import HTTPInputError
from waterspout.tornado.iostream import StreamClosedError
from waterspout.tornado.web import (
    HTTPError,
    RequestHandler,
    _has_stream_request_body,
    stream_request_body,
)


@stream_request_body
class Streams(RequestHandler):
    """Notes what happens, and answers with it."""

    def initialize(self, waits: bool = False) -> None:
        self.waits = waits
        self.happened: list[str] = []
        self.size = self.running = 0

    async def prepare(self) -> None:
        await asyncio.sleep(0)
        self.happened.append("prepare")

    def data_received(self, chunk: bytes) -> Any:
        self.size += len(chunk)
        if not self.happened[-1].startswith("data"):
            self.happened.append("data")
        return self._take() if self.waits else None

    async def _take(self) -> None:
        self.running += 1
        assert self.running == 1, "a second piece before the first was taken"
        await asyncio.sleep(0)
        self.running -= 1

    def post(self) -> None:
        self.write({"happened": self.happened, "size": self.size})


def pieces() -> Iterator[bytes]:
    for _ in range(20):
        yield b"x" * 50_000


@pytest.mark.parametrize("waits", [False, True])
def test_pieces_of_a_body(waits: bool) -> None:
    """Prepare, then the pieces, each when the one before is taken, then the method."""
    with served(("/", Streams, {"waits": waits})) as client:
        for content in (pieces(), b"x" * 1_000_000):  # without and with a length
            response = client.post("/", content=content)
            assert response.json() == {"happened": ["prepare", "data"], "size": 1_000_000}


def test_a_body_without_pieces() -> None:
    """The method is called all the same; behind WSGI too."""
    expected = {"happened": ["prepare"], "size": 0}
    with served(("/", Streams)) as client:
        assert client.post("/").json() == expected
    assert client_of(("/", Streams)).post("/").json == expected


def test_arguments_come_from_the_query_alone() -> None:
    """A form body is not read as one."""

    @stream_request_body
    class Form(RequestHandler):
        def data_received(self, chunk: bytes) -> None:
            pass

        def post(self) -> None:
            self.write({"a": self.get_arguments("a")})

    with served(("/", Form)) as client:
        assert client.post("/?a=1", data={"a": "2"}).json() == {"a": ["1"]}


def test_the_request_has_no_body() -> None:
    """`request.body` is empty from the start to the end, however the body comes."""

    @stream_request_body
    class Looks(RequestHandler):
        def prepare(self) -> None:
            self.seen = [self.request.body]

        def data_received(self, chunk: bytes) -> None:
            self.seen.append(self.request.body)

        def post(self) -> None:
            self.write({"empty": {*self.seen, self.request.body} == {b""}})

    with served(("/", Looks)) as client:
        for content in (b"", b"abc", pieces(), b"x" * 1_000_000):
            assert client.post("/", content=content).json() == {"empty": True}
    assert client_of(("/", Looks)).post("/", data=b"abc").json == {"empty": True}


@pytest.mark.parametrize("stage", ["prepare", "data_received", "post"])
def test_errors_at_each_stage(stage: str, caplog: pytest.LogCaptureFixture) -> None:
    """The client is answered and the server goes on, whenever the handler fails."""

    @stream_request_body
    class Fails(RequestHandler):
        def _fail_at(self, name: str) -> None:
            if name == stage:
                raise HTTPError(418) if name != "data_received" else ValueError("bad piece")

        def prepare(self) -> None:
            self._fail_at("prepare")

        def data_received(self, chunk: bytes) -> None:
            self._fail_at("data_received")

        def post(self) -> None:
            self._fail_at("post")

    class Fine(RequestHandler):
        def get(self) -> None:
            self.write("fine")

    with served(("/", Fails), ("/fine", Fine)) as client:
        response = client.post("/", content=b"x" * 10)
        assert response.status_code == (500 if stage == "data_received" else 418)
        assert client.get("/fine").text == "fine"


@pytest.mark.parametrize("first", [b"", b"4\r\nasdf\r\n"])
def test_an_answer_from_prepare_does_not_wait_for_the_body(first: bytes) -> None:
    """A client that has sent nothing of its body yet, or a piece, gets the answer."""

    @stream_request_body
    class Refuses(RequestHandler):
        def prepare(self) -> None:
            raise HTTPError(401)

    with (
        served(("/", Refuses)) as client,
        socket.create_connection((client.base_url.host, client.base_url.port or 80)) as peer,
    ):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer.sendall(head + first)
        assert peer.recv(100).startswith(b"HTTP/1.1 401 ")


def test_a_client_that_leaves_in_the_middle() -> None:
    """on_connection_close is called, the method is not, and nothing is logged as an error."""
    happened: list[str] = []
    closed = asyncio.Event()

    @stream_request_body
    class Left(RequestHandler):
        def data_received(self, chunk: bytes) -> None:
            happened.append("data")

        def on_connection_close(self) -> None:
            super().on_connection_close()
            happened.append("closed")
            closed.set()

        def post(self) -> None:
            happened.append("post")

    class Asks(RequestHandler):
        async def get(self) -> None:
            await closed.wait()
            await asyncio.sleep(0)
            self.write({"happened": happened})

    with served(("/", Left), ("/asks", Asks)) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        assert client.get("/asks").json()["happened"][-1:] == ["closed"]


def test_a_handler_below_a_streaming_one_ends_when_its_client_leaves() -> None:
    """The class under the decorator is a subclass of it; nothing waits for the rest."""
    begun, ended = threading.Event(), threading.Event()

    class Below(Streams):
        def data_received(self, chunk: bytes) -> None:
            weakref.finalize(self, ended.set)
            begun.set()

    with served(("/", Below)) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            assert begun.wait(20)
        while not ended.wait(0.05):  # as long as a test may take
            gc.collect()


def test_what_the_decorator_takes() -> None:
    """Handler classes; the mark is inherited."""

    class Below(Streams):
        pass

    assert _has_stream_request_body(Below)
    assert not _has_stream_request_body(RequestHandler)
    with pytest.raises(TypeError, match="expected subclass of RequestHandler"):
        stream_request_body(dict)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("error", "status", "level"),
    [
        (HTTPError(415, "not this"), 415, "WARNING"),
        (OSError("disk full"), 500, "ERROR"),
        (HTTPInputError("no such part"), 400, "WARNING"),
        (StreamClosedError(), 500, "ERROR"),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_data_received_that_fails(
    error: Exception, status: int, level: str, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler answers for it as for any other error, once, and its task ends."""
    happened: list[str] = []
    tasks: list[asyncio.Task[Any] | None] = []

    @stream_request_body
    class Fails(RequestHandler):
        def prepare(self) -> None:
            tasks.append(asyncio.current_task())

        def data_received(self, chunk: bytes) -> Any:
            happened.append("data")
            if waits:
                return self.fail()
            raise error

        async def fail(self) -> None:
            await asyncio.sleep(0)
            raise error

        def put(self) -> None:
            happened.append("put")

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            happened.append("write_error")
            self.finish("page")

        def on_connection_close(self) -> None:
            happened.append("gone")
            super().on_connection_close()

        def on_finish(self) -> None:
            happened.append("on_finish")

    with served(("/", Fails)) as client, caplog.at_level("WARNING", "tornado"):
        answer = client.put("/", content=pieces())
        assert (answer.status_code, answer.text) == (status, "page")
    assert happened == ["data", "write_error", "on_finish"]
    (task,) = tasks
    assert task is not None
    assert task.done()
    names = ("tornado.application", "tornado.general")
    logged = [record.levelname for record in caplog.records if record.name in names]
    assert logged == [level]


def test_a_body_that_breaks_off_ends_the_handler(caplog: pytest.LogCaptureFixture) -> None:
    """Also one whose `on_connection_close` does not call Tornado's; it is told once."""
    told: list[str] = []
    tasks: list[asyncio.Task[Any] | None] = []
    prepared = threading.Event()

    @stream_request_body
    class Told(RequestHandler):
        def prepare(self) -> None:
            tasks.append(asyncio.current_task())
            prepared.set()

        def data_received(self, chunk: bytes) -> None:
            pass

        def on_connection_close(self) -> None:
            told.append("gone")

    with served(("/", Told)) as client:
        host, port = client.base_url.host, client.base_url.port
        with socket.create_connection((host, port), timeout=10) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
            assert prepared.wait(10)
    (task,) = tasks
    assert task is not None
    assert task.done()
    assert told == ["gone"]
