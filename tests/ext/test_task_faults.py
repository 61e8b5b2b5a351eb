"""What tasks do when workers are killed and brokers go: nothing is lost, nothing runs more often
than is said."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import logging
import os
import re
import signal
import sys
import threading
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import redis
from brokers import own_broker
from services import service_url
from taskiq import TaskiqMessage
from workers import drop_queues as drop_queues  # a fixture
from workers import make_app, queue_name, worker_process, working

from processes import wait_until
from waterspout import request
from waterspout.ext.tasks import TaskLost, Tasks, TasksUnavailable
from waterspout.ext.tasks.brokers import make_broker
from waterspout.ext.tasks.settings import Settings

DURABLE = ["redis", "rabbitmq", "nats"]
PATIENCE = 20.0

POISON = TaskiqMessage(task_id="1" * 32, task_name="poison", labels={}, args=[], kwargs={})

PROGRAM = """
import os
import time

from waterspout import App
from waterspout.ext.tasks import Tasks

app = App("shop")
for name in ("TASKS_URL", "TASKS_QUEUE"):
    app.config[name] = os.environ[name]
app.config.update(TASKS_LEASE=1.0, TASKS_CONCURRENCY=4)
tasks = Tasks(app)


def note(*words):
    with open(os.environ["NOTES"], "a") as file:
        print(*words, file=file)


@tasks.task(keep_result=False)
def work(number):
    note("begin", number, os.getpid())
    time.sleep(0.03)
    note("end", number, os.getpid())


@tasks.every(0.2)
def tick():
    note("tick", tasks.current.id, os.getpid())
"""


@pytest.mark.parametrize("broker", DURABLE)
def test_a_worker_that_is_killed_loses_nothing(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two workers one is killed with -9: every task is done, only those that it had begun are
    begun again, once; each tick of the periodic task ran once."""
    notes = tmp_path / "notes"
    notes.touch()
    (tmp_path / "shop.py").write_text(PROGRAM)
    environ = {
        "TASKS_URL": service_url(broker),
        "TASKS_QUEUE": queue_name(),
        "NOTES": str(notes),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("shop", None)
    shop: Any = importlib.import_module("shop")

    def told(what: str) -> list[list[str]]:
        lines = (line.split() for line in notes.read_text().splitlines())
        return [words[1:] for words in lines if words[0] == what]

    with worker_process(tmp_path, environ) as victim:
        for number in range(100):
            shop.work.enqueue(number)
        wait_until(lambda: len(told("end")) > 10)
        with working_here(shop.tasks):
            wait_until(lambda: str(os.getpid()) in {pid for _, pid in told("end")})
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            wait_until(lambda: {int(number) for number, _ in told("end")} == set(range(100)))
    begun = Counter(number for number, _ in told("begin"))
    of_victim = {number for number, pid in told("begin") if pid == str(victim.pid)}
    again = {number for number, times in begun.items() if times > 1}
    assert again <= of_victim
    assert len(again) <= 4  # the tasks that run at a time
    assert max(begun.values()) <= 2
    ticks = Counter(id for id, _ in told("tick"))
    assert set(ticks.values()) <= {1}
    sys.modules.pop("shop")


def working_here(tasks: Tasks) -> Any:
    """Let this process work, too: what it has enqueued so far went over another loop."""
    tasks.close()
    return working(tasks)


@pytest.mark.parametrize("broker", DURABLE)
def test_a_poison_message_is_put_aside(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    """A task whose workers die each time is not delivered for ever; its result says so."""
    settings = Settings(
        url=service_url(broker),
        result_url=service_url("redis"),
        queue=queue_name(),
        lease=0.3,
        max_deliveries=2,
    )

    async def die(*, first: bool) -> None:
        one = make_broker(settings, "")
        await one.startup()
        if first:
            await one.send(POISON.model_copy())
        async with aclosing(one.listen()) as messages:
            await anext(messages)
            one._held.clear()  # a process that is killed gives nothing back
        await one.shutdown()

    async def main() -> BaseException | None:
        await die(first=True)
        await die(first=False)
        last = make_broker(settings, "")
        await last.startup()
        async with aclosing(last.listen()) as messages:
            waiting = asyncio.ensure_future(anext(messages))
            while not await last.result_backend.is_result_ready("1" * 32):
                await asyncio.sleep(0.02)
            waiting.cancel()
            await asyncio.wait({waiting})
        result = await last.result_backend.get_result("1" * 32)
        await last.shutdown()
        return result.error

    error = asyncio.run(main())
    assert isinstance(error, TaskLost)
    assert "ended 2 times without a result" in str(error)
    assert any("put among the dead letters" in record.message for record in caplog.records)


@pytest.mark.parametrize("kind", ["redis", "nats"])
def test_a_broker_that_goes_and_comes_back(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the broker is away nothing is taken, and clients are told 503; when it is back, so are
    the tasks that it had, and the workers."""
    with own_broker(kind, tmp_path) as broker:
        app, tasks = make_app(broker.url, TASKS_BROKER_TIMEOUT=1.0)
        done: list[int] = []

        @tasks.task
        def work(number: int) -> int:
            done.append(number)
            return number

        @app.post("/")
        def order() -> str:
            work.enqueue(-1)
            return "taken"

        late = work.later(1.0).enqueue(2)
        tasks.close()
        with working(tasks):
            assert work.enqueue(1).wait(PATIENCE) == 1
            broker.stop()
            with pytest.raises(TasksUnavailable, match=f"broker of the tasks \\({kind}\\)"):
                work.enqueue(-1)
            answer = app.test_client().post("/")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert broker.url not in answer.text
            broker.start()

            def takes() -> bool:
                try:
                    return bool(work.enqueue(3))
                except TasksUnavailable:
                    return False

            wait_until(takes)
            assert tasks.result(late.id).wait(PATIENCE) == 2
            wait_until(lambda: 3 in done)
    assert sorted(set(done)) == [1, 2, 3]
    away = [r.message for r in caplog.records if re.match(r"(Redis|NATS) is away", r.message)]
    assert away
    assert all(record.levelno < logging.ERROR for record in caplog.records)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", [kind for kind in DURABLE if kind != "rabbitmq"])
def test_a_broker_that_is_killed_under_load(kind: str, tmp_path: Path) -> None:
    """While clients enqueue and a worker works the broker is killed, and started again: every task
    that was taken is done, none more often than twice, and with Redis only those that ran at that
    time are done twice: a NATS that is killed forgets the last acknowledgements. What
    was refused is refused as 503."""
    with own_broker(kind, tmp_path) as broker:
        app, tasks = make_app(
            broker.url,
            TASKS_RESULT_URL=service_url("redis"),
            TASKS_BROKER_TIMEOUT=2.0,
            TASKS_CONCURRENCY=4,
        )
        runs: Counter[int] = Counter()
        taken: set[int] = set()
        refused: set[int] = set()
        numbers = itertools.count()
        ended = threading.Event()

        @tasks.task
        def work(number: int) -> None:
            runs[number] += 1

        @app.post("/")
        def order() -> str:
            work.enqueue(int(request.args["number"]))
            return "taken"

        def client() -> None:
            while not ended.is_set():
                number = next(numbers)
                status = app.test_client().post("/", query_string={"number": number}).status_code
                {200: taken, 503: refused}[status].add(number)

        clients = [threading.Thread(target=client) for _ in range(2)]
        with working(tasks):
            for one in clients:
                one.start()
            wait_until(lambda: len(runs) > 50)
            broker.stop()
            wait_until(lambda: bool(refused))
            broker.start()
            count = len(taken)
            wait_until(lambda: len(taken) > count + 50, 120)
            ended.set()
            for one in clients:
                one.join()
            wait_until(lambda: taken <= set(runs), 120)
    again = {number for number, times in runs.items() if times > 1}
    assert taken & refused == set()
    assert set(runs) <= taken | refused  # of one that was refused, the answer may have been lost
    assert kind == "nats" or len(again) <= 4  # those that ran at the time
    assert max(runs.values()) <= 2


def test_a_broker_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """A server starts without its broker; a worker waits for it."""
    with own_broker("redis", tmp_path) as broker:
        broker.stop()
        app, tasks = make_app(broker.url, TASKS_BROKER_TIMEOUT=1.0)

        @tasks.task
        def one() -> int:
            return 1

        async def main() -> int:
            stop, ready = asyncio.Event(), asyncio.Event()
            work = asyncio.create_task(tasks.work(stop, ready.set))
            await asyncio.sleep(0)  # it has begun
            with pytest.raises(TasksUnavailable):
                await one.enqueue_async()
            await asyncio.to_thread(broker.start)
            await ready.wait()
            result = await one.enqueue_async()
            value: int = await result.wait_async(PATIENCE)
            stop.set()
            await work
            return value

        assert asyncio.run(main()) == 1
        assert app.name == "shop"


def test_a_task_of_a_newer_release_waits_for_it() -> None:
    """A name that no worker knows is put off, and run by one that does."""
    app, tasks = make_app(service_url("redis"))
    new_app, newer = make_app(service_url("redis"), TASKS_QUEUE=app.config["TASKS_QUEUE"])

    @newer.task(name="new")
    def new() -> str:
        return "known"

    with working(tasks):
        result = new.enqueue()
        wait_until(lambda: _is_put_off(app.config["TASKS_QUEUE"]))
    with working_here(newer):
        assert newer.result(result.id).wait(PATIENCE) == "known"
    assert new_app.name == "shop"


def _is_put_off(queue: str) -> bool:
    with redis.Redis.from_url(service_url("redis")) as client:
        return bool(client.zcard(f"{{{queue}}}:later"))
