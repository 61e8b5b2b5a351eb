"""The tasks of one application in one process: its broker, where it lives, its worker."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from .. import needs_extra
from ..home_loop import Home
from .brokers import Broker, make_broker
from .brokers.base import Absence
from .brokers.memory import MemoryBroker
from .errors import TasksUnavailable
from .periodic import Entry, run_entry
from .schedules import zone_named
from .settings import Settings
from .task import Task
from .worker import Worker

with needs_extra("tasks"):
    from taskiq import TaskiqMessage

if TYPE_CHECKING:
    from waterspout import App

__all__ = ["Engine"]

T = TypeVar("T")

_logger = logging.getLogger("waterspout.tasks")

Send = Callable[["Engine", Task[..., Any], str], Coroutine[Any, object, None]]


class Engine:
    """Connects to the broker on first use. With ``memory://`` it runs the tasks, too.

    *known* are the tasks by name, *entries* the periodic ones; *send* enqueues one of these.
    """

    def __init__(
        self, app: App, known: Mapping[str, Task[..., object]], entries: list[Entry], send: Send
    ) -> None:
        self.app = app
        settings = Settings.from_config(app.config)
        make_broker(settings, "")  # a wrong URL is an error now
        if settings.eager:
            settings = replace(settings, url="memory://", result_url=None)
        self.settings = settings
        self._known = known
        self._entries = entries
        self._send = send
        self._zone = zone_named(self.settings.timezone)
        self._home = Home("waterspout-tasks")
        self.is_local = urlsplit(settings.url).scheme == "memory"
        self.forget()
        _engines.add(self)

    def forget(self) -> None:
        """Forget the connection, which is another process', or ended."""
        self._lock = asyncio.Lock()
        self._broker: Broker | None = None
        self._worker: Worker | None = None
        self._timers: list[asyncio.Task[None]] = []

    # -- from everywhere ---------------------------------------------------------------------------

    def wait(self, work: Callable[[], Coroutine[object, object, T]], instead: str) -> T:
        """See `Home.wait`."""
        return self._home.wait(work, instead)

    async def wait_async(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """See `Home.wait_async`."""
        return await self._home.wait_async(work)

    # -- on the home loop --------------------------------------------------------------------------

    async def send(self, message: TaskiqMessage, delay: float) -> None:
        """Send a message. Raises `TasksUnavailable`."""
        broker = await self._connected()
        await broker.send(message, delay)

    @asynccontextmanager
    async def answering(self) -> AsyncGenerator[Broker, None]:
        """Give the broker; what says that it, or its store of results, is away is
        `TasksUnavailable`."""
        broker = await self._connected()
        try:
            yield broker
        except broker.gone as error:
            raise broker.unavailable(error) from error

    async def _connected(self) -> Broker:
        async with self._lock:
            if self._broker is None:
                broker = make_broker(self.settings, self.app.root_path)
                try:
                    async with asyncio.timeout(self.settings.broker_timeout):
                        await broker.startup()
                except broker.gone as error:
                    await _close(broker)
                    raise broker.unavailable(error) from error
                self._broker = broker
                if self.is_local:
                    self._worker = Worker(self.app, broker, self._known)
                    self._worker.start().add_done_callback(_note_failure)
            return self._broker

    async def _disconnect(self) -> None:
        async with self._lock:
            broker, self._broker = self._broker, None
            if broker is None:
                return
            if isinstance(broker, MemoryBroker) and broker.waiting:
                _logger.warning("%d tasks that wait in the process are lost.", broker.waiting)
            await _close(broker)

    # -- with a server -----------------------------------------------------------------------------

    async def begin(self) -> None:
        """A server starts: its loop is the home. Run the tasks of the process, and the periodic
        ones."""
        self._home.adopt(asyncio.get_running_loop())
        if self.is_local:
            await self.wait_async(self._begin_periodic)

    async def _begin_periodic(self) -> None:
        if self._timers:
            return
        broker = await self._connected()
        self._timers = [
            asyncio.create_task(
                run_entry(entry, broker, self._zone, partial(self._send, self)),
                name=f"waterspout-periodic-{entry.task.name}",
            )
            for entry in self._entries
        ]
        for timer in self._timers:
            timer.add_done_callback(_note_failure)

    async def end(self) -> None:
        """The server stops: finish what is queued; it cancels us when its time is over."""
        if self._home.is_lived_in:
            try:
                await self.wait_async(self._end)
            finally:
                self._home.leave()
                self.forget()

    async def _end(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        worker, self._worker = self._worker, None
        try:
            if worker is not None:
                try:
                    await worker.drain()
                finally:
                    await worker.stop(0)
        finally:
            await self._disconnect()

    # -- a process of its own ----------------------------------------------------------------------

    async def work(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Run tasks until *stop* is set, then those that run for TASKS_GRACE seconds at the most.

        While the broker is away this waits for it; then *ready* is called.
        """
        here = asyncio.get_running_loop()
        if self._home.is_lived_in and self._home.loop() is not here:
            await asyncio.to_thread(self.close)  # what was enqueued so far went over a thread
        self._home.adopt(here)
        stopping = asyncio.create_task(stop.wait())
        try:
            broker = await _first(self._arrive(), stopping)
            if broker is None:
                return
            await self._begin_periodic()
            if not self.is_local:  # else it has begun with the connection
                broker.is_worker_process = True
                self._worker = Worker(self.app, broker, self._known)
                listening = self._worker.start()
                ready()
                await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if listening.done():
                    listening.result()
            else:
                ready()
                await stopping
            for timer in self._timers:
                timer.cancel()
            assert self._worker is not None
            await self._worker.stop(self.settings.grace)
        finally:
            stopping.cancel()
            await self.end()

    async def _arrive(self) -> Broker:
        absence = Absence("The broker of the tasks")
        while True:
            try:
                broker = await self._connected()
            except TasksUnavailable as error:
                await absence.note(error)
            else:
                absence.over()
                return broker

    # -- tests -------------------------------------------------------------------------------------

    async def run_now(self, message: TaskiqMessage) -> None:
        """Run a task to its end, retries without a pause, and store its result (TASKS_EAGER)."""
        broker = await self._connected()
        assert self._worker is not None
        result = await self._worker.run_to_the_end(message)
        await broker.result_backend.set_result(message.task_id, result)

    # -- without a server --------------------------------------------------------------------------

    async def settled(self) -> None:
        """Wait until the process has done what was enqueued in it (``memory://``)."""
        if isinstance(self._broker, MemoryBroker):
            await self._broker.finish()

    def close(self, grace: float | None = None) -> None:
        """Finish what is queued in the process, within *grace* seconds (default: TASKS_GRACE), and
        disconnect. For scripts and tests; a server does it by itself."""
        if not self._home.is_lived_in:
            return
        limit = self.settings.grace if grace is None else grace

        async def end() -> None:
            try:
                async with asyncio.timeout(limit):
                    await self._end()
            except TimeoutError:
                pass

        self.wait(end, "tasks.close() in another thread")
        self._home.leave()
        self.forget()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _forget_all() -> None:
    for engine in list(_engines):
        engine.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


@atexit.register
def _finish_at_exit() -> None:
    """A script or a WSGI server ends: do what it has enqueued in the process; disconnect."""
    for engine in list(_engines):
        engine.close()


async def _first(work: Coroutine[object, object, T], stopping: asyncio.Task[object]) -> T | None:
    """Return what *work* does; None if it is *stopping* first."""
    task = asyncio.create_task(work)
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None


async def _close(broker: Broker) -> None:
    try:
        async with asyncio.timeout(broker.settings.broker_timeout):
            await broker.shutdown()
    except Exception as error:
        _logger.warning("The connection to the broker did not end well: %r", error)


def _note_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.critical("%s has ended", task.get_name(), exc_info=error)
