"""Server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from waterspout import App, Response, ServerSentEvent, g, request, session, sse
from waterspout.concurrency.streaming import last_event_id
from waterspout.http.sse import encode_event

# -- the format ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "sent"),
    [
        ("hello", b"data: hello\n\n"),
        ("", b"data: \n\n"),
        (b"caf\xc3\xa9", b"data: caf\xc3\xa9\n\n"),
        ("é\u2028\x0b", "data: é\u2028\x0b\n\n".encode()),
        ("a\nb\r\nc\rd\n", b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        ("\n: no comment\nevent: x", b"data: \ndata: : no comment\ndata: event: x\n\n"),
        ({"data": {"n": 1}, "event": "tick", "id": 7}, b'event: tick\nid: 7\ndata: {"n": 1}\n\n'),
        (ServerSentEvent(data=[1], retry=500), b"retry: 500\ndata: [1]\n\n"),
        (ServerSentEvent(event="bare"), b"event: bare\n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
        (ServerSentEvent(comment="a\nb"), b": a\n: b\n\n"),
        ({"data": 0}, b"data: 0\n\n"),
        (None, b":\n\n"),
    ],
)
def test_events_on_the_wire(item: Any, sent: bytes) -> None:
    assert encode_event(item) == sent


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_a_field_cannot_hold_another(field: str, character: str) -> None:
    with pytest.raises(ValueError, match=f"the {field} of an event"):
        encode_event({"data": "x", field: f"a{character}data: forged"})


@pytest.mark.parametrize("retry", [-1, 1.5, "5\ndata: x", True])
def test_retry_is_a_whole_number(retry: Any) -> None:
    with pytest.raises(ValueError, match="milliseconds"):
        encode_event({"retry": retry})


def test_mistakes_are_explained() -> None:
    with pytest.raises(TypeError, match=r"no field 'price'.*yield {'data': your_dict}"):
        encode_event({"price": 3})
    with pytest.raises(TypeError, match="not int"):
        encode_event(3)
    with pytest.raises(ValueError, match="at least one"):
        encode_event(ServerSentEvent())
    with pytest.raises(TypeError, match="call it"):
        sse(lambda: iter("ab"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="heartbeat"):
        sse(iter("ab"), heartbeat=0)


# -- the response ----------------------------------------------------------------------------------


def sync_events() -> Iterator[Any]:
    yield f"{request.path} {g.x} {session['n']}"
    yield None
    yield {"id": last_event_id(), "data": "again"}


async def async_events() -> AsyncIterator[Any]:
    for event in sync_events():
        await asyncio.sleep(0)
        yield event


@pytest.mark.parametrize("events", [sync_events, async_events])
@pytest.mark.parametrize("view_is_async", [True, False])
def test_a_generator_is_streamed_in_its_request(
    app: App, client: Any, events: Callable[[], Any], view_is_async: bool
) -> None:
    ended: list[str] = []
    app.teardown_request(lambda error: ended.append(request.path))

    def view() -> Response:
        g.x, session["n"] = 1, 2
        return sse(events(), retry=3000)

    async def async_view() -> Response:
        return view()

    app.add_url_rule("/live", view_func=async_view if view_is_async else view)
    response = client.get(
        "/live", buffered=True, headers={"Last-Event-ID": "é7".encode().decode("latin-1")}
    )
    assert response.text == "retry: 3000\n\ndata: /live 1 2\n\n:\n\nid: é7\ndata: again\n\n"
    assert response.mimetype == "text/event-stream"
    assert response.cache_control.no_cache
    assert response.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in response.headers
    assert ended == ["/live"]


def test_data_is_written_by_the_json_of_the_application(app: App) -> None:
    app.json.dumps = lambda value, **kwargs: f"own {value}"  # type: ignore[method-assign]
    with app.test_request_context():
        response = sse(iter([{"data": [1]}]))
    assert response.data == b":\n\ndata: own [1]\n\n"


def test_works_without_an_application() -> None:
    assert sse(iter(["a"])).data == b":\n\ndata: a\n\n"


def test_a_first_visit_has_no_last_event(app: App) -> None:
    with app.test_request_context():
        assert last_event_id() is None


# -- time: heartbeats, slow clients, the end -----------------------------------------------------


def body_of(events: AsyncIterator[Any], heartbeat: float | None = 60) -> Any:
    body: Any = sse(events, heartbeat=heartbeat).response
    return body


def run(scenario: Callable[[], Any]) -> None:
    async def within() -> None:
        await asyncio.wait_for(scenario(), 20)

    asyncio.run(within())


def test_a_silent_generator_gets_heartbeats_and_is_not_disturbed() -> None:
    async def scenario() -> None:
        door = asyncio.Event()
        cancelled: list[bool] = []

        async def events() -> AsyncIterator[str]:
            try:
                await door.wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise
            yield "opened"

        body = body_of(events(), heartbeat=0.01)
        assert [await anext(body) for _ in range(4)] == [b":\n\n"] * 4  # the opening, and three
        door.set()
        chunk = b":\n\n"
        while chunk == b":\n\n":
            chunk = await anext(body)
        assert chunk == b"data: opened\n\n"
        with pytest.raises(StopAsyncIteration):
            while True:
                assert await anext(body) == b":\n\n"
        assert cancelled == []

    run(scenario)


def test_the_generator_runs_in_one_task() -> None:
    """What spans a ``yield``, such as a task group or a time limit, begins and ends in one task."""

    async def scenario() -> None:
        tasks = set()

        async def events() -> AsyncIterator[str]:
            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                for number in range(3):
                    tasks.add(asyncio.current_task())
                    yield str(number)
                tasks.add(asyncio.current_task())

        assert len([chunk async for chunk in body_of(events())]) == 4
        assert len(tasks) == 1

    run(scenario)


def test_a_slow_client_holds_the_generator_back() -> None:
    async def scenario() -> None:
        made: list[int] = []

        async def events() -> AsyncIterator[str]:
            for number in range(5):
                made.append(number)
                yield str(number)

        body = body_of(events())
        await anext(body)
        assert made == []
        for number in range(3):
            await anext(body)
            for _ in range(10):
                await asyncio.sleep(0)
            assert made == list(range(number + 1))
        await body.aclose()

    run(scenario)


@pytest.mark.parametrize("waiting", [True, False])
def test_a_client_that_leaves_ends_the_generator(app: App, waiting: bool) -> None:
    """It is cancelled where it waits, or closed where it has yielded; its request is current."""

    async def scenario() -> None:
        ended: list[tuple[type[BaseException], str]] = []
        tasks = asyncio.all_tasks()

        async def events() -> AsyncIterator[str]:
            try:
                yield "first"
                await asyncio.sleep(60)
            except BaseException as error:
                ended.append((type(error), request.path))
                raise

        with app.test_request_context("/live"):
            body = body_of(events())
        await anext(body)
        assert await anext(body) == b"data: first\n\n"
        if waiting:
            step = asyncio.ensure_future(anext(body))
            for _ in range(5):
                await asyncio.sleep(0)
            step.cancel()
            with pytest.raises(asyncio.CancelledError):
                await step
        await body.aclose()
        await body.aclose()
        kind = asyncio.CancelledError if waiting else GeneratorExit
        assert ended == [(kind, "/live")]
        assert asyncio.all_tasks() == tasks

    run(scenario)


def test_an_error_in_the_generator_reaches_the_server() -> None:
    async def scenario() -> None:
        async def events() -> AsyncIterator[str]:
            yield "a"
            raise KeyError("broken")

        body = body_of(events())
        assert await anext(body) == b":\n\n"
        assert await anext(body) == b"data: a\n\n"
        with pytest.raises(KeyError, match="broken"):
            await anext(body)
        await body.aclose()

    run(scenario)


def test_an_error_while_ending_is_not_lost() -> None:
    async def scenario() -> None:
        async def events() -> AsyncIterator[str]:
            try:
                yield "a"
            finally:
                raise KeyError("broken")

        body = body_of(events())
        await anext(body)
        await anext(body)
        with pytest.raises(KeyError, match="broken"):
            await body.aclose()

    run(scenario)


def test_a_generator_that_ignores_its_end_is_ended() -> None:
    async def scenario() -> None:
        async def events() -> AsyncIterator[str]:
            yield "a"
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    yield "still here"

        body = body_of(events(), heartbeat=0.01)
        for _ in range(3):
            await anext(body)
        await body.aclose()

    run(scenario)


def test_a_body_that_is_never_read_ends_quietly() -> None:
    async def events() -> AsyncIterator[str]:
        yield "a"

    run(lambda: body_of(events()).aclose())
