"""What runs the tasks: taskiq's `Receiver` around one call in the application's context."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from waterspout import g
from waterspout.typing import Function

from .. import needs_extra
from .brokers import Broker
from .brokers.memory import MemoryBroker
from .errors import TasksUnavailable, TaskTimeout
from .task import Task

with needs_extra("tasks"):
    from taskiq import NoResultError, TaskiqMessage, TaskiqResult
    from taskiq.acks import AckController, AcknowledgeType
    from taskiq.depends.progress_tracker import TaskProgress, TaskState
    from taskiq.receiver import Receiver

if TYPE_CHECKING:
    from waterspout import App

__all__ = ["Running", "Worker", "running_var"]

_logger = logging.getLogger("waterspout.tasks")

#: taskiq tells about each step, and a failed task once more than we do.
logging.getLogger("taskiq").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Running:
    """The task that is running: `Tasks.current`."""

    id: str
    name: str
    attempt: int
    """0 for the first time, 1 for the first retry."""
    request_id: str | None
    keeps_result: bool


running_var: ContextVar[Running | None] = ContextVar("waterspout.task", default=None)


class Worker(Receiver):
    """Runs what *broker* delivers, a number of tasks at a time, each in a context of *app*."""

    def __init__(self, app: App, broker: Broker, known: Mapping[str, Task[..., object]]) -> None:
        super().__init__(
            broker,
            max_async_tasks=broker.settings.concurrency,
            ack_type=AcknowledgeType.WHEN_SAVED,
            validate_params=False,
            run_startup=False,
        )
        self._app = app
        self._known = known
        self._ours = broker
        self._finish = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Task[Any], Running] = {}
        broker.knows = known.__contains__

    # -- start and stop ----------------------------------------------------------------------------

    def start(self) -> asyncio.Task[None]:
        """Begin to take tasks. The task that is returned ends when the worker has, or has failed.

        Call it when the broker has been started.
        """
        self._listening = asyncio.create_task(
            self.listen(self._finish), name="waterspout-tasks-worker"
        )
        return self._listening

    async def stop(self, grace: float | None) -> None:
        """Take no more tasks, and wait *grace* seconds for those that run (None: until cancelled);
        then cancel them. Durable brokers give them to another worker."""
        listening, self._listening = self._listening, None
        if listening is None:
            return
        self._finish.set()
        try:
            await asyncio.wait({listening}, timeout=grace)
        finally:
            listening.cancel()
            left = dict(self._running)
            for running in left.values():
                fate = "another worker will run it" if self._ours.durable else "it is lost"
                _logger.warning(
                    "Task %s (%s) did not end in time and was cancelled; %s.",
                    running.name, running.id, fate,
                )  # fmt: skip
            for task in left:
                task.cancel()
            # NOTE: a `def` function cannot be stopped; whoever called us waits no longer.
            await asyncio.wait({listening, *left}, timeout=0.05)

    # -- one task ----------------------------------------------------------------------------------

    async def run_task(
        self,
        target: Callable[..., object],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Call the function of *message* and return what is to be stored. A message that is not to
        be acknowledged is marked in *ack_controller*."""
        task = self._known[message.task_name]
        labels = message.labels
        running = Running(
            message.task_id,
            message.task_name,
            labels.get("attempt", 0),
            labels.get("request_id"),
            task.policy.keep_result,
        )
        current = asyncio.current_task()
        assert current is not None
        self._running[current] = running
        begun = time.monotonic()
        value, error = None, None
        try:
            await self._tell(running, TaskState.STARTED)
            value = self._plain(task, await self._call(task, running, message))
        except Exception as raised:
            error = await self._retry(task, running, message, raised)
            if error is _NOT_TAKEN and ack_controller is not None:
                ack_controller.is_acked = True  # it is delivered again
        finally:
            del self._running[current]
        if error is None and not task.policy.keep_result:
            error = NoResultError()
        return TaskiqResult(
            is_err=error is not None,
            return_value=value,
            execution_time=time.monotonic() - begun,
            error=error,
        )

    async def _call(self, task: Task[..., object], running: Running, message: TaskiqMessage) -> Any:
        limit = task.policy.timeout
        call = _entered(task.func, running)
        try:
            async with asyncio.timeout(limit) as timeout:
                return await self._app.call_in_context(call, *message.args, **message.kwargs)
        except TimeoutError as error:
            if timeout.expired():
                raise TaskTimeout(f"Task {task.name} ran longer than {limit} seconds.") from error
            raise

    def _plain(self, task: Task[..., object], value: object) -> Any:
        """Return *value* as JSON has it."""
        if value is None or not task.policy.keep_result:
            return None
        try:
            return self._app.json.loads(self._app.json.dumps(value))
        except TypeError as error:
            raise _Unfit(
                f"Task {task.name} returned a {type(value).__name__} that is not JSON: {error}."
                " Return something that is, or set keep_result=False."
            ) from None

    async def _retry(
        self, task: Task[..., object], running: Running, message: TaskiqMessage, error: Exception
    ) -> Exception:
        """Send the message again if the policy says so; return the error to be stored."""
        policy = task.policy
        fits = isinstance(error, policy.retry_on) and not isinstance(error, _Unfit)
        if running.attempt >= policy.retries or not fits:
            self._app.logger.error(
                "Task %s (%s) failed", task.name, running.id,
                exc_info=error, extra={"request_id": running.request_id or "-"},
            )  # fmt: skip
            stored = TypeError(str(error)) if isinstance(error, _Unfit) else error
            if "periodic" not in message.labels:  # the next tick is its retry
                await self._ours.bury_failed(message, stored)
            return stored
        if self._ours.settings.eager:
            return _AT_ONCE
        again = message.model_copy(deep=True)
        again.labels["attempt"] = running.attempt + 1
        delay = policy.delay_before(running.attempt + 1)
        try:
            await self._tell(running, TaskState.RETRY)
            await self._ours.send(again, delay)
        except TasksUnavailable as away:
            if not self._ours.durable:
                _logger.error("Task %s (%s) failed: %s", task.name, running.id, away)
                return error
            return _NOT_TAKEN
        _logger.warning(
            "Task %s (%s) failed (%s: %s); retry %d of %d in %.3g seconds.",
            task.name, running.id, type(error).__name__, error,
            running.attempt + 1, policy.retries, delay,
        )  # fmt: skip
        return NoResultError()

    async def run_to_the_end(self, message: TaskiqMessage) -> TaskiqResult[Any]:
        """Run a task with all its retries, one after the other (TASKS_EAGER)."""
        while True:
            result = await self.run_task(_entered, message)
            if result.error is not _AT_ONCE:
                return result
            message.labels["attempt"] += 1

    async def _tell(self, running: Running, state: TaskState) -> None:
        """Note the state for `Result.state`; what is not kept is not noted."""
        if not running.keeps_result:
            return
        try:
            progress: TaskProgress[object] = TaskProgress(state=state, meta=None)
            await self._ours.result_backend.set_progress(running.id, progress)
        except Exception as error:
            _logger.warning("The state of task %s could not be stored: %s", running.id, error)

    async def drain(self) -> None:
        """Wait for what is queued in this process; nothing to wait for with a broker outside."""
        if isinstance(self._ours, MemoryBroker):
            await self._ours.finish()


class _Unfit(Exception):
    """The function has returned something that cannot be kept: to try again would not help."""


#: Stands for an error that is not stored, of a message that is not acknowledged.
_NOT_TAKEN = NoResultError()
#: Stands for an error after which the task is tried again at once.
_AT_ONCE = NoResultError()


def _entered(func: Function, running: Running) -> Callable[..., object]:
    """Return *func* as it is called by a worker: with the task's id and the request's known."""

    def enter() -> None:
        running_var.set(running)
        if running.request_id is not None:
            g.request_id = running.request_id

    @wraps(func)
    async def call_async(*args: Any, **kwargs: object) -> object:
        enter()
        try:
            return await func(*args, **kwargs)
        except SystemExit as error:  # which would end the loop, and the worker
            raise RuntimeError(f"The task called sys.exit({error.code!r})") from error

    @wraps(func)
    def call(*args: Any, **kwargs: object) -> object:
        enter()
        try:
            return func(*args, **kwargs)
        except SystemExit as error:
            raise RuntimeError(f"The task called sys.exit({error.code!r})") from error

    return call_async if iscoroutinefunction(func) else call
