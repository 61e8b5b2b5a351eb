"""Request bodies that arrive: linear work and bounded memory in any cut; a full disk is told."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, SupportsIndex

import pytest

from waterspout import App, request
from waterspout.server import ServerSettings, serve_in_thread
from waterspout.server.exchange import Exchange
from waterspout.server.http1.body_buffer import BodyBuffer

KIB = 1024
MIB = 1024 * KIB
PATIENCE = 15.0


class Counted(bytes):
    """A piece that counts how often it is looked at."""

    looks = 0

    def __len__(self) -> int:
        Counted.looks += 1
        return super().__len__()

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        Counted.looks += 1
        return super().__getitem__(key)


# -- the buffer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes",
    [[1] * 50_000, [512 * KIB, *[1] * 20_000], [70_000, 1] * 20, [4096] * 50, [4095] * 50, [0] * 9],
    ids=["small", "small-behind-large", "in-turns", "at-the-border", "below-the-border", "empty"],
)
def test_every_byte_comes_out_once_and_in_order(sizes: list[int]) -> None:
    data = b"".join(bytes([n % 251]) * size for n, size in enumerate(sizes))
    whole, by_piece = BodyBuffer(), BodyBuffer()
    at = 0
    for size in sizes:
        whole.add(data[at : at + size])
        by_piece.add(data[at : at + size])
        at += size
    assert whole.size == by_piece.size == len(data)
    assert whole.take_all() == data
    assert whole.size == 0
    pieces = []
    while by_piece.size:
        pieces.append(by_piece.take_piece())
    assert b"".join(pieces) == data
    assert all(type(piece) is bytes for piece in pieces)


def test_small_pieces_are_joined_and_take_little_more_than_their_size() -> None:
    buffer = BodyBuffer()
    data = b"x"
    tracemalloc.start()
    try:
        for _ in range(50_000):
            buffer.add(bytes(bytearray(data)))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert buffer.pieces <= 4
    assert taken < 2 * buffer.size


def test_each_piece_of_a_body_is_looked_at_once() -> None:
    """Behind 512 KiB each further piece made the whole list be counted again."""
    exchange = Exchange()
    exchange._file = open("/dev/null", "wb")  # noqa: SIM115  # closed by `discard_body`
    pieces = [Counted(b"x") for _ in range(20_000)]
    exchange.collect(bytes(512 * KIB))
    Counted.looks = 0
    for piece in pieces:
        assert exchange.collect(piece)
    assert Counted.looks <= 3 * len(pieces)
    assert exchange.received == 512 * KIB + len(pieces)
    exchange.discard_body()


# -- on each way in ----------------------------------------------------------------------------


class Held:
    """A view that waits with a body at hand."""

    def __init__(self) -> None:
        self.app = app = App("bodies")
        self.reading = threading.Event()
        self.go_on = threading.Event()

        @app.post("/buffered", max_content_length=8 * MIB)
        async def buffered() -> str:
            return str(len(request.get_data()))

        @app.post("/threaded", max_content_length=8 * MIB)
        def threaded() -> str:
            return str(len(request.get_data()))

        @app.post("/streamed", stream=True, max_content_length=8 * MIB)
        async def streamed() -> str:
            total = 0
            async for piece in request.chunks():
                total += len(piece)
            return str(total)

        @app.post("/bit-by-bit", stream=True, max_content_length=8 * MIB)
        def bit_by_bit() -> str:
            total = 0
            while data := request.stream.read(100):
                total += len(data)
            return str(total)


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def whole_answer(sock: socket.socket) -> bytes:
    answer = b""
    while piece := sock.recv(65536):
        answer += piece
    return answer


def post(url: str, target: str, body: bytes, *fields: str) -> bytes:
    """Send a request and return its answer; one that comes early is read all the same."""
    head = "\r\n".join([f"POST {target} HTTP/1.1", "Host: a", "Connection: close", *fields, "", ""])
    with connect(url) as sock:
        try:
            sock.sendall(head.encode() + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return whole_answer(sock)


def chunks(*sizes: int) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes)


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("target", ["/buffered", "/threaded", "/streamed", "/bit-by-bit"])
@pytest.mark.parametrize(
    "sizes",
    [[1] * 30_000, [512 * KIB + 1, *[1] * 5_000], [64 * KIB + 1, 1] * 20],
    ids=["small", "small-behind-large", "in-turns"],
)
def test_a_body_in_any_cut_is_taken_whole(loop: str, target: str, sizes: list[int]) -> None:
    with serve_in_thread(Held().app, ServerSettings(port=0, loop=loop)) as server:
        answer = post(server.urls[0], target, chunks(*sizes, 0), CHUNKED)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n%d" % sum(sizes))


@pytest.mark.parametrize("target", ["/buffered", "/streamed"])
def test_what_is_kept_of_a_body_is_at_most_four_times_what_was_sent(target: str) -> None:
    count = 30_000  # chunks of two bytes: less than a channel holds
    app = Held().app
    received = threading.Event()

    @app.post("/slow", stream=True)
    async def slow() -> str:
        await asyncio.get_running_loop().run_in_executor(None, received.wait, PATIENCE)
        return await streamed_length()

    async def streamed_length() -> str:
        return str(sum([len(piece) async for piece in request.chunks()]))

    target = "/slow" if target == "/streamed" else target
    with (
        serve_in_thread(app, ServerSettings(port=0)) as server,
        connect(server.urls[0]) as sock,
    ):
        head = f"POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{CHUNKED}\r\n\r\n"
        sock.sendall(head.encode())
        raw = chunks(*[2] * count)
        tracemalloc.start()
        try:
            sock.sendall(raw)
            exchange = waiting_exchange(server, 2 * count)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            received.set()
        assert exchange.received == 2 * count
        assert kept < 4 * len(raw)
        sock.sendall(b"0\r\n\r\n")
        assert whole_answer(sock).endswith(b"\r\n\r\n%d" % (2 * count))


def waiting_exchange(server: Any, count: int) -> Exchange:
    """Return the request being received once it has *count* bytes of its body."""
    done = threading.Event()
    found: list[Exchange] = []

    def look() -> None:
        for connection in server.connections:
            exchange = connection.receiving
            if exchange is not None and exchange.received >= count:
                found.append(exchange)
                done.set()
                return
        server.loop.call_later(0.005, look)

    server.loop.call_soon_threadsafe(look)
    assert done.wait(PATIENCE)
    return found[0]


# -- a full disk -------------------------------------------------------------------------------


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Give what lets no file of this process grow above a size, as a full disk does."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def storing_app() -> App:
    app = App("storing")
    app.config.update(MAX_CONTENT_LENGTH=8 * MIB)

    @app.post("/async")
    async def buffered() -> str:
        return str(len(request.get_data()))

    @app.post("/def")
    def threaded() -> str:
        return str(len(request.get_data()))

    @app.post("/files")
    def files() -> str:
        return str(len(request.files))

    @app.get("/")
    async def index() -> str:
        return "index"

    return app


@pytest.fixture(params=["own", "own-wsgi", "asgi"])
def storing(request: pytest.FixtureRequest) -> Iterator[Callable[[str, bytes, str], int]]:
    """Give what sends a body to an application on one of the ways in, and returns the status."""
    app: Any = storing_app()
    if request.param == "asgi":
        yield lambda target, body, kind: asyncio.run(asgi_status(app, target, body, kind))
        return
    if request.param == "own-wsgi":
        inner = app.wsgi_app
        app.wsgi_app = lambda environ, start: inner(environ, start)
    with serve_in_thread(app, ServerSettings(port=0)) as server:

        def send(target: str, body: bytes, kind: str) -> int:
            fields = (f"Content-Length: {len(body)}", f"Content-Type: {kind}")
            answer = post(server.urls[0], target, body, *fields)
            return int(answer[9:12])

        yield send
        assert int(post(server.urls[0], "/async", b"x", "Content-Length: 1")[9:12]) == 200


async def asgi_status(app: Any, target: str, body: bytes, kind: str) -> int:
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": target, "raw_path": target.encode(), "query_string": b"",
        "root_path": "", "server": ("a", 80), "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"a"), (b"content-length", b"%d" % len(body)),
                    (b"content-type", kind.encode())],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("target", ["/async", "/def"])
@pytest.mark.parametrize("limit", [100_000, 600_000, 1_299_999], ids=["first", "later", "last"])
def test_a_body_that_the_disk_does_not_take_is_507(
    storing: Any, full_disk: Any, caplog: pytest.LogCaptureFixture, target: str, limit: int
) -> None:
    """In the first write, in a later one, and in the very last bytes."""
    full_disk(limit)
    assert storing(target, bytes(1_300_000), "application/octet-stream") == 507
    stored = [r for r in caplog.records if "could not be stored" in r.getMessage()]
    assert [record.levelno for record in stored] == [logging.ERROR]


def form(size: int) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    return head + bytes(size) + b"\r\n--b--\r\n"


FORM = "multipart/form-data; boundary=b"


def test_a_form_that_the_disk_does_not_take_is_507(storing: Any, full_disk: Any) -> None:
    full_disk(600_000)
    assert storing("/files", form(1_300_000), FORM) == 507


def test_a_client_that_has_shut_its_write_side_is_told_too(full_disk: Any) -> None:
    full_disk(600_000)
    with (
        serve_in_thread(storing_app(), ServerSettings(port=0)) as server,
        connect(server.urls[0]) as sock,
    ):
        sock.sendall(b"POST /def HTTP/1.1\r\nHost: a\r\nContent-Length: 1300000\r\n\r\n")
        sock.sendall(bytes(1_300_000))
        sock.shutdown(socket.SHUT_WR)
        assert whole_answer(sock).startswith(b"HTTP/1.1 507 ")
