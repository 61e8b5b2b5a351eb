"""Tasks in one process, and over each broker: calls, results, retries, delays, contexts."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from services import service_url
from workers import drop_queues as drop_queues  # a fixture
from workers import make_app, working

from waterspout import App, current_app, g
from waterspout.ext.tasks import (
    Progress,
    ResultTimeout,
    Tasks,
    TasksUnavailable,
    TaskTimeout,
)

BROKERS = ["memory", "redis", "rabbitmq", "nats"]
PATIENCE = 20.0


@pytest.fixture(params=BROKERS)
def made(request: pytest.FixtureRequest) -> Iterator[tuple[App, Tasks]]:
    """An application whose tasks go over each broker."""
    url = "memory://" if request.param == "memory" else service_url(request.param)
    settings = {"TASKS_RESULT_URL": service_url("redis")} if request.param == "rabbitmq" else {}
    app, tasks = make_app(url, **settings)
    yield app, tasks
    tasks.close()


def test_a_task_runs_in_the_applications_context(made: tuple[App, Tasks]) -> None:
    """`def` and `async def` functions run with `current_app` and `g`, and teardown runs."""
    app, tasks = made
    torn_down: list[str] = []

    @app.teardown_appcontext
    def teardown(error: BaseException | None) -> None:
        torn_down.append(g.mark)

    @tasks.task
    def plain(a: int, b: int = 1) -> list[object]:
        g.mark = "plain"
        return [a + b, current_app.name]

    @tasks.task
    async def with_await(a: int) -> int:
        g.mark = "await"
        await asyncio.sleep(0)
        return a * 2

    with working(tasks):
        first = plain.enqueue(1, b=2)
        second = with_await.enqueue(4)
        assert first.wait(PATIENCE) == [3, "shop"]
        assert second.wait(PATIENCE) == 8
        assert first.state() == "done"
        assert tasks.result(first.id).wait(PATIENCE) == [3, "shop"]
    assert sorted(torn_down) == ["await", "plain"]


def test_enqueued_from_async_code(made: tuple[App, Tasks]) -> None:
    """`enqueue` refuses to block a running loop; `enqueue_async` and `await result` work on any."""
    _, tasks = made

    @tasks.task
    def add(a: int, b: int) -> int:
        return a + b

    async def main() -> int:
        with pytest.raises(RuntimeError, match=r"await add\.enqueue_async"):
            add.enqueue(1, 2)
        result = await add.enqueue_async(1, 2)
        with pytest.raises(RuntimeError, match="await result"):
            result.wait()
        value: int = await result
        assert await result.state_async() == "done"
        return value

    with working(tasks):
        assert asyncio.run(main()) == 3


def test_retries_with_backoff_and_errors_by_type(
    made: tuple[App, Tasks], caplog: pytest.LogCaptureFixture
) -> None:
    """A task is tried again as often as it says; its last error is raised where it is waited for;
    only errors of the named types are tried again."""
    _, tasks = made
    attempts: list[int] = []

    @tasks.task(retries=2, retry_delay=0.01)
    async def flaky(succeeds_at: int) -> str:
        assert tasks.current is not None
        attempts.append(tasks.current.attempt)
        if tasks.current.attempt < succeeds_at:
            raise LookupError(f"attempt {tasks.current.attempt}")
        return "well"

    @tasks.task(retries=5, retry_on=OSError)
    def wrong() -> None:
        attempts.append(-1)
        raise ZeroDivisionError("never again")

    with working(tasks):
        assert flaky.enqueue(2).wait(PATIENCE) == "well"
        failed = flaky.enqueue(9)
        with pytest.raises(LookupError, match="attempt 2"):
            failed.wait(PATIENCE)
        assert failed.state() == "failed"
        with pytest.raises(ZeroDivisionError, match="never again"):
            wrong.enqueue().wait(PATIENCE)
    assert attempts == [0, 1, 2, 0, 1, 2, -1]
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failures) == 2


def test_a_time_limit(made: tuple[App, Tasks]) -> None:
    """A task that runs too long has failed: an `async def` one is cancelled, of a `def` one the
    result is not taken."""
    _, tasks = made
    ended: list[str] = []
    go_on = threading.Event()

    @tasks.task(timeout=0.05)
    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    @tasks.task(timeout=0.05)
    def deaf() -> str:
        go_on.wait(PATIENCE)
        return "too late"

    with working(tasks):
        with pytest.raises(TaskTimeout, match=r"ran longer than 0\.05 seconds"):
            endless.enqueue().wait(PATIENCE)
        late = deaf.enqueue()
        with pytest.raises(ResultTimeout):
            late.wait(0.2)
        go_on.set()
        with pytest.raises(TaskTimeout):
            late.wait(PATIENCE)
    assert ended == ["cancelled"]


def test_later(made: tuple[App, Tasks]) -> None:
    """A delayed task does not run before its time: seconds, timedelta, datetime, Celery's names."""
    _, tasks = made
    times: dict[str, datetime] = {}

    @tasks.task
    def note(name: str) -> None:
        times[name] = datetime.now(UTC)

    begun = datetime.now(UTC)
    delay = timedelta(seconds=0.25)
    with working(tasks):
        results = [
            note.later(0.25).enqueue("seconds"),
            note.later(delay).enqueue("timedelta"),
            note.later(begun + delay).enqueue("datetime"),
            note.apply_async(("countdown",), countdown=0.25),
            note.apply_async(kwargs={"name": "eta"}, eta=begun + delay),
            note.delay("now"),
        ]
        for result in results:
            result.wait(PATIENCE)
    early = {name for name, time in times.items() if time < begun + timedelta(seconds=0.22)}
    assert early <= {"now"}
    assert len(times) == 6
    with pytest.raises(TypeError, match="seconds, a timedelta or a datetime"):
        note.later("soon")  # type: ignore[arg-type]


def test_progress_and_request_id(made: tuple[App, Tasks]) -> None:
    """A task says how far it is, and knows the id of the request that asked for it."""
    app, tasks = made
    seen = threading.Event()

    @tasks.task
    def build() -> list[object]:
        build.progress(3, 4, note={"step": "three"})
        assert seen.wait(PATIENCE)
        assert tasks.current is not None
        return [tasks.current.request_id, g.request_id, nested.enqueue().id]

    @tasks.task
    def nested() -> str:
        return str(g.request_id)

    @app.post("/build")
    def order() -> dict[str, str]:
        return {"task": build.enqueue().id}

    with working(tasks):
        answer = app.test_client().post("/build", headers={"X-Request-ID": "r-17"})
        result = tasks.result(answer.json["task"])
        told = None
        while told is None:
            told = result.progress()
        assert told == Progress(3, 4, {"step": "three"})
        assert told.share == 0.75
        assert result.state() == "running"
        seen.set()
        first, second, nested_id = result.wait(PATIENCE)
        assert (first, second) == ("r-17", "r-17")
        assert tasks.result(nested_id).wait(PATIENCE) == "r-17"
    build.progress(1)  # called as a function: nobody listens


@dataclass
class Order:
    """Something that the JSON layer writes as an object."""

    number: int
    at: datetime


def test_arguments_are_json() -> None:
    """What is not JSON, or does not fit the function, is an error where it is enqueued."""
    app, tasks = make_app("memory://", TASKS_MAX_MESSAGE_SIZE=1000)

    @tasks.task
    def take(value: object) -> object:
        return value

    with tasks.record_tasks() as sent:
        take.enqueue(Order(7, datetime(2026, 1, 2, tzinfo=UTC)))
        take.later(30).enqueue(value=[1, "two", None])
    assert sent[0].args == ({"number": 7, "at": "2026-01-02T00:00:00Z"},)
    assert sent[0].task is take
    assert (sent[1].kwargs, sent[1].delay) == ({"value": [1, "two", None]}, 30)
    with pytest.raises(TypeError, match=r"arguments of task .*take are not JSON: .*object"):
        take.enqueue(object())
    with pytest.raises(TypeError, match="take: missing a required argument: 'value'"):
        take.enqueue()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="TASKS_MAX_MESSAGE_SIZE allows 1000"):
        take.enqueue("x" * 1001)
    assert app.extensions["tasks"][0] is tasks


def test_a_value_that_is_not_json_is_a_failure(made: tuple[App, Tasks]) -> None:
    """The function has run; that its value cannot be kept is told, and it is not run again."""
    _, tasks = made
    runs: list[int] = []

    @tasks.task(retries=3)
    def strange() -> object:
        runs.append(1)
        return object()

    @tasks.task(keep_result=False)
    def careless() -> object:
        return object()

    with working(tasks):
        with pytest.raises(TypeError, match=r"returned a object that is not JSON"):
            strange.enqueue().wait(PATIENCE)
        careless.enqueue()
    assert runs == [1]


def test_a_task_cannot_end_its_worker(made: tuple[App, Tasks]) -> None:
    """`sys.exit` in a task is the task's error."""
    _, tasks = made

    @tasks.task
    def leave() -> None:
        raise SystemExit(3)

    @tasks.task
    async def leave_async() -> None:
        raise SystemExit(4)

    @tasks.task
    def stay() -> int:
        return 1

    with working(tasks):
        with pytest.raises(RuntimeError, match=r"sys\.exit\(3\)"):
            leave.enqueue().wait(PATIENCE)
        with pytest.raises(RuntimeError, match=r"sys\.exit\(4\)"):
            leave_async.enqueue().wait(PATIENCE)
        assert stay.enqueue().wait(PATIENCE) == 1


def test_periodic_tasks(made: tuple[App, Tasks]) -> None:
    """`every` enqueues at each tick; the same tick, claimed again, is not enqueued again."""
    _, tasks = made
    ids: list[str] = []
    enough = threading.Event()

    @tasks.every(0.1)
    def tick() -> None:
        assert tasks.current is not None
        ids.append(tasks.current.id)
        if len(ids) == 3:
            enough.set()

    with working(tasks):
        assert enough.wait(PATIENCE)
    assert len(set(ids)) == len(ids)
    assert all("tick@20" in id for id in ids)


def test_mistakes_are_told_at_registration() -> None:
    """Wrong names, options, schedules and settings are errors before anything runs."""
    _, tasks = make_app("memory://")

    @tasks.task(name="one")
    def one() -> None: ...

    with pytest.raises(ValueError, match="There is a task 'one' already"):

        @tasks.task(name="one")
        def two() -> None: ...

    with pytest.raises(ValueError, match="five fields"):
        tasks.cron("* * *")
    for wrong in ("60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "x y z * *"):
        with pytest.raises(ValueError, match="of a cron expression; expected"):
            tasks.cron(wrong)
    with pytest.raises(ValueError, match=r"at least 0\.1"):
        tasks.every(0)
    with pytest.raises(TypeError, match="missing a required argument"):

        @tasks.every(10)
        def needs(argument: int) -> None: ...

    with pytest.raises(ValueError, match="retries"):
        tasks.task(retries=-1)
    for settings, match in (
        ({"TASKS_URL": "ftp://x"}, "expected memory://"),
        ({"TASKS_RESULT_URL": "ftp://x"}, "TASKS_RESULT_URL is .* expected memory:// or redis://"),
        ({"TASKS_CONCURRENCY": 0}, "TASKS_CONCURRENCY is 0"),
        ({"TASKS_TIMEZONE": "Mars/Olympus"}, "no such time zone"),
    ):
        app = App("wrong")
        app.config.update(settings)
        with pytest.raises(ValueError, match=match):
            Tasks(app)
    with pytest.raises(RuntimeError, match="init_app"):
        Tasks().result("x").wait()


def test_a_full_queue_is_503() -> None:
    """The queue in the process is bounded; what does not fit is refused, and the client is told."""
    app, tasks = make_app("memory://", TASKS_QUEUE_SIZE=2, TASKS_CONCURRENCY=1)
    go_on = threading.Event()

    @tasks.task
    def wait() -> None:
        go_on.wait(PATIENCE)

    @app.post("/")
    def order() -> str:
        wait.later(60).enqueue()
        return "taken"

    with app.app_context():
        client = app.test_client()
        assert [client.post("/").status_code for _ in range(3)] == [200, 200, 503]
        with pytest.raises(TasksUnavailable, match="2 tasks wait in the process"):
            wait.enqueue()
    go_on.set()
    tasks.close()


def test_eager_runs_at_once() -> None:
    """With TASKS_EAGER a task is done when `enqueue` returns, retries too, whatever the URL."""
    _, tasks = make_app("redis://127.0.0.1:1/0", TASKS_EAGER=True)
    attempts: list[int] = []

    @tasks.task(retries=1, retry_delay=3600)
    def flaky() -> int:
        assert tasks.current is not None
        attempts.append(tasks.current.attempt)
        if not tasks.current.attempt:
            raise ValueError("once more")
        return 5

    result = flaky.enqueue()
    assert attempts == [0, 1]
    assert result.state() == "done"
    assert result.wait(0.1) == 5
    tasks.close()


def test_a_server_finishes_what_is_queued() -> None:
    """Over the lifespan of a server, queued tasks run to their end before it stops."""
    app, tasks = make_app("memory://", TASKS_CONCURRENCY=2)
    done: list[int] = []

    @tasks.task
    async def work(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    @app.post("/")
    def order() -> str:
        for number in range(20):
            work.enqueue(number)
        return "taken"

    async def main() -> None:
        async with app.test_client() as client:
            assert (await client.post("/")).status_code == 200

    asyncio.run(main())
    assert sorted(done) == list(range(20))
