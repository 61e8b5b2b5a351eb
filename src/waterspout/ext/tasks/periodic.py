"""Periodic tasks: each tick is claimed, so that one process of all enqueues the task."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from .brokers import Broker
from .errors import TasksUnavailable
from .schedules import Schedule
from .task import Task

__all__ = ["Entry", "run_entry"]

_logger = logging.getLogger("waterspout.tasks")

#: Seconds that a claim is remembered at least: clocks of hosts differ.
_REMEMBERED = 300.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A task and when it is due."""

    task: Task[..., Any]
    schedule: Schedule


Send = Callable[[Task[..., Any], str], Awaitable[None]]


async def run_entry(entry: Entry, broker: Broker, zone: tzinfo, send: Send) -> None:
    """Call ``send(task, id)`` at each tick that this process is the first to claim; for ever.

    While the broker is away the tick is tried again, until the next one: what is missed is not
    made up for.
    """
    schedule = entry.schedule
    while True:
        tick = schedule.next_tick(time.time())
        await _until(tick)
        if schedule.is_due(tick, zone):
            await _fire(entry, tick, broker, send)


async def _until(tick: float) -> None:
    """Sleep until the clock says *tick*, though somebody may set it meanwhile."""
    while (wait := tick - time.time()) > 0:  # noqa: ASYNC110  # a clock tells no event
        await asyncio.sleep(min(wait, 60.0))


async def _fire(entry: Entry, tick: float, broker: Broker, send: Send) -> None:
    name = f"{entry.task.name}@{datetime.fromtimestamp(tick, UTC).isoformat()}"
    lifetime = max(2 * entry.schedule.apart, _REMEMBERED)
    gone: tuple[type[Exception], ...] = (TasksUnavailable, *broker.gone)
    claimed = warned = False
    while True:
        try:
            if not claimed:
                async with asyncio.timeout(broker.settings.broker_timeout):
                    claimed = await broker.claim(name, lifetime)
                if not claimed:
                    return
            await send(entry.task, name)
            return
        except gone as error:
            if not warned:
                _logger.warning("The periodic task %s has to wait: %s", name, error or repr(error))
            warned = True
        await asyncio.sleep(min(0.5, entry.schedule.apart))
        if time.time() >= entry.schedule.next_tick(tick):
            _logger.error("The periodic task %s was not run: the broker is away.", name)
            return
