"""Streams that keep their request, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar, Token
from typing import Any

import pytest

from waterspout import App, Response, g, request, session, stream_with_context
from waterspout.context.request_context import has_app_context, has_request_context

colour: ContextVar[str] = ContextVar("colour", default="none")


@pytest.fixture
def teardowns(app: App) -> list[str]:
    """What was torn down, in order."""
    seen: list[str] = []
    app.teardown_request(lambda error: seen.append("request"))
    app.teardown_appcontext(lambda error: seen.append("app"))
    return seen


def sync_body() -> Iterator[str]:
    yield f"{request.args['name']}|"
    session["seen"] = "live"
    yield f"{g.x}|"
    yield session["seen"]


async def async_body() -> AsyncIterator[str]:
    yield f"{request.args['name']}|"
    await asyncio.sleep(0)
    session["seen"] = "live"
    yield f"{g.x}|"
    yield session["seen"]


@pytest.mark.parametrize("body", [sync_body, async_body])
@pytest.mark.parametrize("decorated", [True, False])
@pytest.mark.parametrize("view_is_async", [True, False])
def test_the_request_is_current_in_the_body(
    app: App, client: Any, teardowns: list[str], body: Any, decorated: bool, view_is_async: bool
) -> None:
    def view() -> Any:
        g.x = 7
        if decorated:
            return stream_with_context(body)()
        return Response(stream_with_context(body()))

    async def async_view() -> Any:
        return view()

    app.add_url_rule("/", view_func=async_view if view_is_async else view)
    assert client.get("/?name=Ann", buffered=True).text == "Ann|7|live"
    assert not has_app_context()
    assert teardowns == ["request", "app"]


def test_arguments_reach_a_decorated_function(app: App) -> None:
    @stream_with_context
    def numbers(first: int, *, last: int) -> Iterator[str]:
        """Count."""
        yield from map(str, range(first, last))

    assert numbers.__doc__ == "Count."
    with app.test_request_context():
        assert list(numbers(1, last=3)) == ["1", "2"]


def test_a_wrapped_iterator_is_closed_once(app: App, client: Any) -> None:
    closed: list[bool] = []

    class Body:
        def __init__(self) -> None:
            self.pieces = iter(["a", "b"])

        def __iter__(self) -> Body:
            return self

        def __next__(self) -> str:
            return next(self.pieces) + request.path

        def close(self) -> None:
            closed.append(has_request_context())

    app.add_url_rule("/x", view_func=lambda: Response(stream_with_context(Body())))
    assert client.get("/x").text == "a/xb/x"
    assert closed == [True]


def test_teardown_waits_for_the_body_and_runs_once(
    app: App, client: Any, teardowns: list[str]
) -> None:
    seen: list[list[str]] = []

    @app.get("/")
    def index() -> Any:
        @stream_with_context
        def body() -> Iterator[str]:
            yield "a"
            seen.append(list(teardowns))
            yield "b"

        return body()

    response = client.get("/", buffered=False)
    assert b"".join(response.response) == b"ab"
    response.close()
    assert seen == [[]]
    assert teardowns == ["request", "app"]


def test_a_body_that_is_never_read_is_torn_down(
    app: App, client: Any, teardowns: list[str]
) -> None:
    app.add_url_rule("/", view_func=lambda: stream_with_context(sync_body()))
    client.get("/?name=Ann").close()
    client.head("/?name=Ann").close()
    assert not has_app_context()
    assert teardowns == ["request", "app"] * 2


def test_an_abandoned_stream_closed_on_another_thread_leaves_no_context(
    app: App, teardowns: list[str]
) -> None:
    finished: list[tuple[bool, str]] = []

    @app.get("/")
    def index() -> Any:
        @stream_with_context
        def body() -> Iterator[str]:
            try:
                yield "a"
                yield "b"
            finally:
                finished.append((has_request_context(), request.path))

        return body()

    environ = app.test_request_context("/").request.environ
    left: list[bool] = []

    def serve(bodies: list[Any]) -> None:
        body = iter(app.wsgi_app(environ, lambda *args: None))  # type: ignore[arg-type, return-value]
        assert next(body) == b"a"
        left.append(has_app_context() or has_request_context())
        bodies.append(body)

    bodies: list[Any] = []
    thread = threading.Thread(target=serve, args=(bodies,))
    thread.start()
    thread.join(10)
    assert left == [False]

    bodies.pop().close()
    assert finished == [(True, "/")]
    assert not has_app_context()
    assert teardowns == ["request", "app"]


def test_a_dropped_stream_finishes_in_its_request(app: App) -> None:
    finished: list[str] = []

    def body() -> Iterator[str]:
        try:
            yield "a"
        finally:
            finished.append(request.path)

    with app.test_request_context("/dropped"):
        stream = stream_with_context(body())
        assert next(stream) == "a"
    del stream
    gc.collect()
    assert finished == ["/dropped"]


def test_between_the_steps_nothing_is_current(app: App) -> None:
    with app.test_request_context("/?name=Ann"):
        g.x = 1
        streams = [stream_with_context(sync_body()) for _ in range(2)]
    for _ in range(3):
        for stream in streams:
            next(stream)
            assert not has_app_context()
            assert not has_request_context()
    for stream in streams:
        with pytest.raises(StopIteration):
            next(stream)


def test_interleaved_streams_see_their_own_request(app: App) -> None:
    def body() -> Iterator[str]:
        for _ in range(50):
            yield request.path + g.mark

    async def async_body() -> AsyncIterator[str]:
        for _ in range(50):
            await asyncio.sleep(0)
            yield request.path + g.mark

    streams, async_streams = [], []
    for number in range(50):
        with app.test_request_context(f"/{number}"):
            g.mark = f"-{number}"
            streams.append(stream_with_context(body()))
            async_streams.append(stream_with_context(async_body()))
    for _ in range(50):
        assert [next(stream) for stream in streams] == [f"/{n}-{n}" for n in range(50)]

    async def read(stream: Any) -> set[str]:
        return {item async for item in stream}

    async def read_all() -> list[set[str]]:
        return await asyncio.gather(*map(read, async_streams))

    assert asyncio.run(read_all()) == [{f"/{n}-{n}"} for n in range(50)]


def test_what_a_body_sets_is_seen_by_who_advances_it(app: App) -> None:
    """So a variable that a body binds and resets, or that a hook binds and a body resets, is
    unbound afterwards; as in Flask, where all this happens in one thread."""

    def body(outer: Token[str]) -> Iterator[str]:
        inner = colour.set("red")
        yield colour.get()
        yield colour.get()
        colour.reset(inner)
        colour.reset(outer)

    with app.test_request_context():
        outer = colour.set("blue")
        stream = stream_with_context(body(outer))
        assert [next(stream), colour.get(), next(stream), list(stream)] == ["red", "red", "red", []]
        assert colour.get() == "none"


def test_an_async_body_may_wait_and_be_cancelled(app: App) -> None:
    finished: list[str] = []

    async def body() -> AsyncIterator[str]:
        try:
            yield request.path
            await asyncio.sleep(60)
        finally:
            finished.append(request.path)

    async def scenario() -> None:
        with app.test_request_context("/wait"):
            stream: Any = stream_with_context(body())
        assert await anext(stream) == "/wait"
        step = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        assert finished == ["/wait"]
        await stream.aclose()
        assert not has_request_context()

    asyncio.run(scenario())


def test_an_async_body_is_closed_where_it_yielded(app: App) -> None:
    finished: list[type[BaseException]] = []

    async def body() -> AsyncIterator[str]:
        try:
            yield request.path
        except BaseException as error:
            finished.append(type(error))
            raise

    async def scenario() -> None:
        with app.test_request_context("/x"):
            stream: Any = stream_with_context(body())
        await anext(stream)
        await stream.aclose()

    asyncio.run(scenario())
    assert finished == [GeneratorExit]


def test_an_error_in_the_body_is_raised_and_ends_it(app: App) -> None:
    def body() -> Iterator[str]:
        yield "a"
        raise KeyError(request.path)

    with app.test_request_context("/bad"):
        stream = stream_with_context(body())
    assert next(stream) == "a"
    with pytest.raises(KeyError, match="/bad"):
        next(stream)
    assert list(stream) == []


def test_outside_a_request_the_error_says_so(app: App) -> None:
    with app.app_context(), pytest.raises(RuntimeError, match="such as in a view function"):
        stream_with_context(iter("ab"))
