"""Clients that go away: no task, file, thread or open generator stays behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hostile_app import Seen
from hostile_site import Site, open_files
from hostile_vector import head
from hostile_wire import Wire, ask, until

from waterspout import App, Response, request, stream_with_context

MIB = 1024 * 1024


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def app(seen: Seen) -> App:
    app = App("lost")

    @app.teardown_request
    def over(error: BaseException | None) -> None:
        if request.path != "/quick":
            seen.note("teardown")

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    @app.post("/upload", max_content_length=10 * MIB)
    async def upload() -> str:
        return str(len(request.get_data()))

    @app.post("/upload-def", max_content_length=10 * MIB)
    def upload_def() -> str:
        return str(len(request.files))

    @app.post("/stream-in", stream=True, max_content_length=10 * MIB)
    async def stream_in() -> str:
        try:
            return str(sum([len(piece) async for piece in request.chunks()]))
        except BaseException as error:
            seen.note(type(error).__name__)
            raise

    @app.post("/stream-in-def", stream=True, max_content_length=10 * MIB)
    def stream_in_def() -> str:
        try:
            return str(len(request.stream.read()))
        except BaseException as error:
            seen.note(type(error).__name__)
            raise

    @app.get("/out")
    async def out() -> Any:
        async def pieces() -> AsyncIterator[str]:
            try:
                while True:
                    yield "piece\n"
                    await asyncio.sleep(0.01)
            finally:
                seen.note("closed")

        return pieces()

    @app.get("/out-silent")
    async def out_silent() -> Any:
        async def pieces() -> AsyncIterator[str]:
            try:
                yield "piece\n"
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # a clean-up may wait
                seen.note("closed")

        return pieces()

    @app.get("/out-def")
    def out_def() -> Any:
        def pieces() -> Iterator[str]:
            pause = threading.Event()
            try:
                while True:
                    yield f"piece {request.path}\n"
                    pause.wait(0.01)
            finally:
                seen.note("closed")

        return stream_with_context(pieces())

    @app.get("/out-close")
    def out_close() -> Any:
        class Pieces:
            def __iter__(self) -> Iterator[bytes]:
                return self

            def __next__(self) -> bytes:
                return b"x" * 100_000

            def close(self) -> None:
                seen.note("closed")

        return Response(Pieces())

    return app


@pytest.fixture
def site(serve: Any, app: App) -> Site:
    site: Site = serve(app)
    assert ask(site.address, "/quick").body == b"quick"
    return site


class Left:
    """What a server has open: the same again afterwards, or something was left behind."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.tasks, self.files = self._count()

    def _count(self) -> tuple[int, int]:
        """Count tasks and descriptors behind a quick request, which leaves a spare task."""
        site = self._site
        assert ask(site.address, "/quick").body == b"quick"
        assert until(lambda: not site.call(lambda: site.server.connections))
        return site.call(lambda: len(asyncio.all_tasks(site.server.loop))), open_files()

    def nothing(self) -> bool:
        def as_before() -> bool:
            tasks, files = self._count()
            return tasks <= self.tasks and files <= self.files

        return until(as_before, 10)

    def __str__(self) -> str:
        tasks, files = self._count()
        return f"tasks {self.tasks} -> {tasks}, files {self.files} -> {files}"


# -- uploads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "finish"])
@pytest.mark.parametrize("size", [1000, 2 * MIB], ids=["memory", "disk"])
@pytest.mark.parametrize("target", [b"/upload", b"/upload-def"])
def test_gone_in_the_middle_of_an_upload(
    site: Site, seen: Seen, caplog: pytest.LogCaptureFixture, target: bytes, size: int, how: str
) -> None:
    """Half a body, then RST or FIN; the view never runs, the temporary file is gone."""
    left = Left(site)
    teardowns = seen.count("teardown")
    for _ in range(100 if size < MIB else 20):
        wire = Wire(site.address)
        wire.send(head(b"Content-Length: %d\r\n" % size, method=b"POST", target=target))
        wire.send(b"x" * (size // 2))
        if how == "finish":
            wire.finish()
            assert wire.read_to_end() == b""
            wire.sock.close()
        else:
            wire.reset()
    assert left.nothing(), str(left)
    assert seen.count("teardown") == teardowns
    assert not caplog.records


@pytest.mark.parametrize("how", ["reset", "finish"])
@pytest.mark.parametrize("target", [b"/stream-in", b"/stream-in-def"])
def test_a_view_that_reads_itself_is_told(site: Site, seen: Seen, target: bytes, how: str) -> None:
    """Every one of them, and its teardown runs."""
    left = Left(site)
    teardowns = seen.count("teardown")
    for _ in range(30):
        wire = Wire(site.address)
        wire.send(head(b"Content-Length: 1000\r\n", method=b"POST", target=target) + b"x" * 500)
        if how == "finish":
            wire.finish()
            wire.read_to_end()
            wire.sock.close()
        else:
            wire.reset()
    assert until(lambda: seen.count("teardown") == teardowns + 30)
    assert seen.count("ClientDisconnected") + seen.count("CancelledError") == 30
    assert left.nothing(), str(left)


def test_whole_uploads_leave_nothing_either(site: Site) -> None:
    """Spooled bodies are closed with their request, read or not."""
    left = Left(site)
    for target in ("/upload", "/upload-def"):
        for _ in range(5):
            assert ask(site.address, target, body=b"x" * 2 * MIB, method="POST").status == 200
    assert left.nothing(), str(left)


# -- streams -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [b"/out", b"/out-silent", b"/out-def", b"/out-close"])
def test_gone_in_the_middle_of_a_stream(site: Site, seen: Seen, target: bytes) -> None:
    """The generator is closed, its `finally` runs, then the teardown."""
    left = Left(site)
    teardowns = seen.count("teardown")
    for _ in range(20):
        wire = Wire(site.address)
        wire.send(head(target=target))
        while b"piece" not in wire.unread and b"xxx" not in wire.unread:
            assert wire.more()
        wire.reset()
    assert seen.wait_for("closed", 20)
    assert seen.wait_for("teardown", teardowns + 20)
    assert left.nothing(), str(left)
    assert seen.count("closed") == 20
    assert seen.count("teardown") == teardowns + 20


@pytest.mark.parametrize("target", [b"/out", b"/out-def"])
def test_gone_before_the_first_piece_was_read(site: Site, seen: Seen, target: bytes) -> None:
    """The request is sent, and the client is gone at once; whatever began is ended."""
    left = Left(site)
    teardowns = seen.count("teardown")
    for _ in range(50):
        wire = Wire(site.address)
        wire.send(head(target=target))
        wire.reset()
    assert left.nothing(), str(left)
    assert until(lambda: site.call(lambda: site.server.lanes.views.busy) == 0)
    # A request that began is torn down; one whose bytes the reset overtook never began.
    assert seen.count("teardown") - teardowns >= seen.count("closed")


def test_pipelined_requests_of_a_client_that_left(site: Site, seen: Seen) -> None:
    """Those behind the stream never run, and nothing of them stays."""
    left = Left(site)
    wire = Wire(site.address)
    wire.send(head(target=b"/out") + head(target=b"/quick") * 10)
    while b"piece" not in wire.unread:
        assert wire.more()
    wire.reset()
    assert seen.wait_for("closed")
    assert left.nothing(), str(left)


# -- cancellation at every place ---------------------------------------------------------------


STAGES = ["before", "view", "after", "stream", "teardown", "error"]


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("stage", STAGES)
def test_gone_while_a_stage_waits(serve: Any, method: bytes, stage: str) -> None:
    """The client leaves while this stage awaits: GET is cancelled, POST finishes; either way
    the teardown runs to its end, once, and the lock that the stage held is free."""
    app = App("cancelled")
    seen = Seen()
    locks: list[asyncio.Lock] = []

    async def wait(here: str) -> None:
        if here != stage or request.path == "/quick":
            return
        locks[:] = locks or [asyncio.Lock()]
        async with locks[0]:
            seen.note("waiting")
            await asyncio.sleep(0.3)

    @app.before_request
    async def before() -> None:
        await wait("before")

    @app.after_request
    async def after(response: Response) -> Response:
        await wait("after")
        return response

    @app.teardown_request
    async def over(error: BaseException | None) -> None:
        await wait("teardown")
        if request.path != "/quick":
            seen.note("teardown")

    @app.errorhandler(ValueError)
    async def handle(error: ValueError) -> tuple[str, int]:
        await wait("error")
        return "handled", 500

    @app.route("/", methods=["GET", "POST"])
    async def view() -> Any:
        await wait("view")
        if stage == "error":
            raise ValueError

        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await wait("stream")
            yield "last"

        return pieces() if stage == "stream" else "plain"

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    site: Site = serve(app)
    left = Left(site)
    wire = Wire(site.address)
    wire.send(head(method=method))
    assert seen.wait_for("waiting")
    wire.reset()
    assert seen.wait_for("teardown")
    assert left.nothing(), str(left)
    assert seen.count("teardown") == 1
    assert not site.call(locks[0].locked)
