"""`def` views that block: the loop and the other threads go on."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hostile_app import Seen
from hostile_site import Site
from hostile_vector import head
from hostile_wire import Answer, Wire, ask, until

from waterspout import App, Response, send_from_directory
from waterspout.server.exchange import Exchange


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def app(seen: Seen, gate: threading.Event, tmp_path: Any) -> App:
    app = App("pool", root_path=str(tmp_path))
    (tmp_path / "a.txt").write_text("file")

    @app.get("/held")
    def held() -> str:
        seen.note("held")
        gate.wait(20)
        return "held"

    @app.get("/async")
    async def asynchronous() -> str:
        return "async"

    @app.get("/file")
    async def file() -> Response:
        return send_from_directory(".", "a.txt")

    return app


SMALL = {"views_min": 4, "views_max": 4, "queue": 10}


def held_clients(site: Site, seen: Seen, count: int) -> list[Wire]:
    wires = [site.connect() for _ in range(count)]
    for wire in wires:
        wire.send(head(b"Connection: close\r\n", target=b"/held"))
    assert seen.wait_for("held", 4)
    return wires


def test_a_full_pool_refuses_and_the_loop_goes_on(
    serve: Any, app: App, seen: Seen, gate: threading.Event
) -> None:
    """4 threads, 10 waiting, the rest gets 503 with Retry-After; `async def` is unaffected."""
    site = serve(app, threads=SMALL)
    wires = held_clients(site, seen, 40)
    refused: list[Answer] = []

    def answered() -> bool:
        for wire in wires:
            wire.sock.settimeout(0.05)
            try:
                refused.append(wire.read_answer())
            except TimeoutError:
                continue
            wires.remove(wire)
        return len(refused) == 40 - 4 - 10

    assert until(answered)
    assert {answer.status for answer in refused} == {503}
    assert all(answer.field("Retry-After") for answer in refused)
    for target, body in (("/async", b"async"), ("/file", b"file")):
        assert ask(site.address, target).body == body
    gate.set()
    for wire in wires:
        wire.sock.settimeout(15)
        assert wire.read_answer().body == b"held"
    assert ask(site.address, "/held").body == b"held"


def test_a_hook_that_finds_no_thread_is_503_too(
    serve: Any, app: App, seen: Seen, gate: threading.Event
) -> None:
    """An `async def` view whose `def` hook would have to wait beyond the queue."""
    app.before_request(lambda: None)
    site = serve(app, threads={**SMALL, "queue": 4})
    held_clients(site, seen, 8)
    assert until(lambda: site.call(lambda: site.server.lanes.views.waiting) == 4)
    answer = ask(site.address, "/async")
    assert answer.status == 503
    assert answer.field("Retry-After")


def test_what_began_is_ended_although_the_pool_is_full(
    serve: Any, app: App, seen: Seen, gate: threading.Event
) -> None:
    """A stream's client leaves while no thread is free for its end."""

    @app.teardown_request
    def over(error: BaseException | None) -> None:
        seen.note("teardown")

    @app.get("/stream")
    def stream() -> Any:
        def pieces() -> Iterator[str]:
            try:
                while True:
                    yield "piece"
                    seen.note("piece")
                    time.sleep(0.01)
            finally:
                seen.note("closed")

        return pieces()

    site = serve(app, threads={"views_min": 4, "views_max": 4, "queue": 1})
    wire = site.connect()
    wire.send(head(target=b"/stream"))
    assert seen.wait_for("piece")
    held_clients(site, seen, 5)
    wire.reset()
    gate.set()
    assert seen.wait_for("closed")
    assert seen.wait_for("teardown", 1)


def test_sleeping_views_do_not_hold_up_async_ones(
    serve: Any, app: App, seen: Seen, gate: threading.Event
) -> None:
    """50 clients of a `def` view that waits, more than there are threads, and one of an `async def`
    view: it is answered, again and again, before any of them."""
    site = serve(app)
    waiting = [site.connect().send(head(target=b"/held")) for _ in range(50)]
    assert seen.wait_for("held", 40)
    with Wire(site.address) as wire:
        for _ in range(200):
            assert wire.send(head(target=b"/async")).read_answer().body == b"async"
    assert seen.count("held") == 40
    gate.set()
    assert [wire.read_answer().body for wire in waiting] == [b"held"] * 50


@pytest.mark.parametrize("cancels", [True, False])
def test_a_queued_request_of_a_client_that_has_left_is_not_run(
    serve: Any, seen: Seen, gate: threading.Event, cancels: bool
) -> None:
    app = App("left")
    app.config["CANCEL_ON_DISCONNECT"] = cancels
    ran: list[str] = []

    @app.route("/<name>", methods=["GET", "POST"])
    def view(name: str) -> str:
        ran.append(name)
        seen.note(name)
        if name == "first":
            gate.wait(20)
        return name

    site = serve(app, threads={"views_min": 1, "views_max": 1})
    first = site.connect().send(head(target=b"/first"))
    assert seen.wait_for("first")
    left = [site.connect().send(head(target=b"/left")) for _ in range(3)]
    # One that changes something is run to its end, whoever waits for the answer.
    posted = head(b"Content-Length: 0\r\n", method=b"POST", target=b"/posted")
    left.append(site.connect().send(posted))
    assert until(lambda: site.call(lambda: site.server.lanes.views.waiting) == 4)
    for wire in left:
        wire.reset()
    assert until(lambda: site.call(lambda: len(site.server.connections)) == 1)
    gate.set()
    assert first.read_answer().body == b"first"
    assert ask(site.address, "/last").body == b"last"
    assert ran == ["first", *([] if cancels else ["left"] * 3), "posted", "last"]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("where", ["task", "thread"])
def test_nothing_is_kept_of_an_answered_request_until_its_time_limit(
    serve: Any, loop: str, where: str
) -> None:
    app = App("limited")

    if where == "task":

        @app.get("/", timeout=600)
        async def view() -> str:
            return "x"

    else:

        @app.get("/", timeout=600)
        def view() -> str:
            return "x"

    wire = serve(app, loop=loop).connect()
    for _ in range(50):
        assert wire.send(head()).read_answer().body == b"x"
    gc.collect()
    assert sum(isinstance(found, Exchange) for found in gc.get_objects()) < 10


def test_more_requests_with_async_hooks_than_threads_are_all_answered(serve: Any) -> None:
    """Threads above the limit end, and none that was woken for a job leaves it lying."""
    app = App("hooked")

    @app.before_request
    async def before() -> None: ...

    @app.get("/")
    def view() -> str:
        return "hello"

    site = serve(app, threads={"views_min": 1, "views_max": 2})

    wires = [site.connect() for _ in range(64)]
    for _ in range(20):
        for wire in wires:
            wire.send(head())
        assert {wire.read_answer().status for wire in wires} == {200}
