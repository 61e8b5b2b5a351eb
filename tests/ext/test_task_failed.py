"""The tasks that failed for good: listed, shown, enqueued again, dropped, with each broker."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from services import service_url
from workers import drop_queues as drop_queues  # a fixture
from workers import make_app, working

from waterspout import App
from waterspout.ext.tasks import NoResults

BROKERS = ["redis", "rabbitmq", "nats"]
PATIENCE = 20.0


def said(app: App, *command: str, status: int = 0) -> list[str]:
    """Run ``waterspout tasks …``; return the lines of its output."""
    result = app.test_cli_runner().invoke(args=["tasks", *command])
    assert result.exit_code == status, result.output
    lines: list[str] = result.output.splitlines()
    return lines


@pytest.mark.parametrize("broker", BROKERS)
def test_failed_tasks_are_kept_and_enqueued_again(broker: str) -> None:
    """What failed after its retries is listed with its reason; a retry is a new task; what
    succeeds, and a tick of a periodic task, is not there."""
    app, tasks = make_app(service_url(broker), TASKS_RESULT_URL=service_url("redis"))
    allowed: list[int] = []

    @tasks.task(name="ship", retries=1, retry_delay=0.01)
    def ship(order: int, *, fast: bool) -> int:
        if order not in allowed:
            raise LookupError(f"no order {order}")
        return order

    @tasks.every(0.1)
    def tick() -> None:
        ticks.append(1)
        raise ValueError("a tick fails")

    ticks: list[int] = []
    assert said(app, "failed") == ["No failed tasks."]
    allowed.append(9)
    with working(tasks):
        results = [ship.enqueue(order, fast=True) for order in (1, 2, 3, 9)]
        for result in results[:3]:
            with pytest.raises(LookupError):
                result.wait(PATIENCE)
        assert results[3].wait(PATIENCE) == 9
        while not ticks:
            tasks.result(ship.enqueue(9, fast=True).id).wait(PATIENCE)

    first, second, third = (result.id for result in results[:3])
    listed = {line.split()[0]: line for line in said(app, "failed")}
    assert set(listed) == {first, second, third}
    assert listed[second].endswith("  ship  LookupError: no order 2")
    assert said(app, "failed", "-n", "1")[1:] == ["There are more than 1."]

    shown = json.loads("\n".join(said(app, "show", second)))
    assert (shown["task"], shown["args"], shown["kwargs"]) == ("ship", [2], {"fast": True})
    assert shown["reason"] == "LookupError: no order 2"
    assert said(app, "show", "none", status=1) == ["Error: No failed task has the id none."]

    assert said(app, "drop", first) == [f"{first} is dropped"]
    allowed[:] = [2]
    (again,) = said(app, "retry", second)
    assert again.startswith(f"{second} is enqueued again as ")
    with working(tasks):
        assert tasks.result(again.split()[-1]).wait(PATIENCE) == 2
    assert [line.split()[0] for line in said(app, "failed")] == [third]
    assert said(app, "drop", "--all") == [f"{third} is dropped"]
    assert said(app, "failed") == ["No failed tasks."]


@pytest.mark.parametrize("broker", BROKERS)
def test_what_is_no_task_stays_until_it_is_dropped(broker: str) -> None:
    """A message that somebody else has put into the queue."""
    app, tasks = make_app(service_url(broker), TASKS_RESULT_URL=service_url("redis"))
    engine = app.extensions["tasks"][1]

    async def bury() -> None:
        async with engine.answering() as connected:
            await connected.bury(b"\xff no task", "it is not the message\nof a task")

    asyncio.run(_as_work(engine, bury))
    (line,) = said(app, "failed")
    id = line.split()[0]
    assert " ?  it is not the message" in line
    assert json.loads("\n".join(said(app, "show", id)))["data"] == "\\xff no task"
    assert said(app, "retry", "--all") == [
        f"{id} is not the message of a task; it stays.",
        "No failed tasks.",
    ]
    assert said(app, "drop", id, "none", status=1)[0] == f"{id} is dropped"
    assert said(app, "failed") == ["No failed tasks."]
    with suppress(NoResults):
        tasks.close()


async def _as_work(engine: Any, work: Any) -> None:
    await engine.wait_async(work)
    await asyncio.to_thread(engine.close)


def test_the_commands_say_what_they_cannot_do() -> None:
    app, _ = make_app("memory://")
    (told,) = said(app, "failed", status=1)
    assert told.startswith("Error: TASKS_URL is memory://: failed tasks are told in the log only")
    app, _ = make_app("redis://127.0.0.1:1/0")
    assert "cannot be reached" in said(app, "failed", status=1)[-1]
    assert said(app, "drop", status=2)[-1] == "Error: Name tasks by their ids, or say --all."
