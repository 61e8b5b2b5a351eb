"""What every broker does besides taskiq's part: delays, claims, dead letters, signs of life.

taskiq defines a broker (`AsyncBroker`: `kick` sends, `listen` receives) and runs what is received
(`Receiver`). Ours add what a program needs to lose nothing: a message is acknowledged after the
work, one that is not goes to another worker, one that ends its workers is put aside.

A message is taskiq's, as JSON. Its labels: *attempt* (0 for the first), *eta* (seconds since the
epoch, before which it does not run), *request_id*, *unknown* (times that no worker knew its name).
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from ... import needs_extra
from ..errors import TaskLost, TasksUnavailable
from ..settings import Settings

with needs_extra("tasks"):
    from taskiq import AckableMessage, AsyncBroker, BrokerMessage, TaskiqMessage, TaskiqResult
    from taskiq.decor import AsyncTaskiqDecoratedTask
    from taskiq.result_backends.dummy import DummyResultBackend

__all__ = [
    "DEAD_KEPT",
    "Absence",
    "Broker",
    "DeadLetter",
    "Delivery",
    "Verdict",
    "heed_cancellation",
    "logger",
]

logger = logging.getLogger("waterspout.tasks")

#: Times that a name nobody knows is put off, for a worker of a newer release.
_UNKNOWN_TIMES = 5
#: A message that is due within so many seconds runs now.
_SOON = 0.02
#: Seconds that an acknowledgement is tried again while the broker is away.
_ACK_PATIENCE = 60.0
_DONE_KEPT = 10_000
#: Characters of the reason why a task has failed.
_REASON_KEPT = 500
#: Dead letters that a broker keeps; then the oldest goes.
DEAD_KEPT = 10_000


class Delivery(NamedTuple):
    """A message as the broker delivered it."""

    data: bytes
    token: Any
    """What the broker knows it by."""
    times: int
    """Times that it has been delivered, with this one."""


class DeadLetter(NamedTuple):
    """A message among the dead letters."""

    data: bytes
    reason: str
    at: float | None
    """When it was put there, in seconds since the epoch."""
    token: Any
    """What the broker knows it by."""


class Verdict(NamedTuple):
    """What becomes of a delivery: it runs, is put off for *later* seconds, or is buried for a
    *reason*."""

    message: TaskiqMessage | None
    later: float = 0.0
    reason: str = ""


class Broker(AsyncBroker):
    """A taskiq broker with delays, claims and dead letters."""

    #: Whether what was sent outlives the process.
    durable = True
    #: Errors that mean that the broker cannot be reached.
    gone: tuple[type[Exception], ...] = (OSError, asyncio.TimeoutError)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.knows: Callable[[str], bool] = lambda name: True
        self._held: dict[int, Any] = {}  # by their ids: messages of NATS have no hash
        # Work that is done, by id and attempt, of which the broker could not be told.
        self._done: set[tuple[str, int]] = set()
        self._runs = self.task("waterspout")(_stands_for_all)

    def find_task(self, task_name: str) -> AsyncTaskiqDecoratedTask[Any, Any] | None:
        """Return what taskiq wants to see for a name; `Worker.run_task` looks itself."""
        return self._runs

    # -- sending -----------------------------------------------------------------------------------

    async def send(self, message: TaskiqMessage, delay: float = 0.0) -> None:
        """Send a message, to be run in *delay* seconds. Raises `TasksUnavailable`."""
        if delay > 0:
            message.labels["eta"] = time.time() + delay
        else:
            message.labels.pop("eta", None)
        made = self.formatter.dumps(message)
        try:
            async with asyncio.timeout(self.settings.broker_timeout):
                if delay > 0:
                    await self.kick_later(made, delay)
                else:
                    await self.kick(made)
        except TasksUnavailable:
            raise
        except self.gone as error:
            raise self.unavailable(error) from error

    def unavailable(self, error: Exception) -> TasksUnavailable:
        """Return the error for a broker that cannot be reached."""
        scheme = self.settings.url.partition(":")[0]
        return TasksUnavailable(
            f"The broker of the tasks ({scheme}) cannot be reached: "
            f"{str(error) or type(error).__name__}"
        )

    @abstractmethod
    async def kick_later(self, message: BrokerMessage, delay: float) -> None:
        """Send a message that is delivered in *delay* seconds."""

    @abstractmethod
    async def claim(self, name: str, lifetime: float) -> bool:
        """Tell whether the caller is the first, of all processes, to claim *name*; claims are
        remembered for *lifetime* seconds at least."""

    # -- receiving ---------------------------------------------------------------------------------

    def judge(self, delivery: Delivery) -> Verdict:
        """Say what becomes of a delivery."""
        try:
            message = self.formatter.loads(delivery.data)
        except Exception as error:
            return Verdict(None, reason=f"it is not the message of a task: {error}")
        labels = message.labels
        if delivery.times > self.settings.max_deliveries:
            return Verdict(
                message,
                reason=f"its worker ended {delivery.times - 1} times without a result",
            )
        wait = labels.get("eta", 0.0) - time.time()
        if wait > _SOON:
            return Verdict(message, later=wait)
        if not self.knows(message.task_name):
            times = labels.get("unknown", 0)
            if times >= _UNKNOWN_TIMES:
                return Verdict(message, reason="no worker knows a task of that name")
            labels["unknown"] = times + 1
            return Verdict(message, later=2.0**times)
        return Verdict(message)

    async def accept(self, delivery: Delivery) -> AckableMessage | None:
        """Return what taskiq runs of a delivery; None for one that is put off or buried."""
        verdict = self.judge(delivery)
        if verdict.reason:
            await self._bury(delivery, verdict)
        elif verdict.later:
            assert verdict.message is not None
            await self.put_off(delivery, verdict.message, verdict.later)
        elif await self._is_done(delivery, verdict.message):
            await self.ack(delivery.token)
        else:
            self._held[id(delivery.token)] = delivery.token
            key = _key(verdict.message)

            async def ack() -> None:
                await self._acknowledge(delivery.token, key)

            return AckableMessage(data=delivery.data, ack=ack)
        return None

    async def put_off(self, delivery: Delivery, message: TaskiqMessage, delay: float) -> None:
        """Send a copy that is due later, then forget the delivery."""
        message.labels["eta"] = time.time() + delay
        await self.kick_later(self.formatter.dumps(message), delay)
        await self.ack(delivery.token)

    async def _bury(self, delivery: Delivery, verdict: Verdict) -> None:
        message = verdict.message
        name, id_ = ("?", "?") if message is None else (message.task_name, message.task_id)
        logger.error("Task %s (%s) is put among the dead letters: %s.", name, id_, verdict.reason)
        await self.bury(delivery.data, verdict.reason)
        if message is not None:
            lost = TaskLost(f"Task {name} ({id_}) was not run: {verdict.reason}.")
            failed: TaskiqResult[Any] = TaskiqResult(
                is_err=True, return_value=None, execution_time=0.0, error=lost
            )
            await self.result_backend.set_result(message.task_id, failed)
        await self.ack(delivery.token)

    async def _is_done(self, delivery: Delivery, message: TaskiqMessage | None) -> bool:
        """Tell whether what is delivered once more was done the first time."""
        if delivery.times == 1 or message is None:
            return False
        if (key := _key(message)) in self._done:
            self._done.discard(key)
            return True
        if isinstance(self.result_backend, DummyResultBackend):
            return False
        return await self.result_backend.is_result_ready(message.task_id)

    async def _acknowledge(self, token: object, key: tuple[str, int]) -> None:
        """Acknowledge work that is done; while the broker is away, again and again."""
        until = time.monotonic() + _ACK_PATIENCE
        try:
            while True:
                try:
                    await self.ack(token)
                    return
                except self.gone as error:
                    if time.monotonic() > until or not self.can_ack(token):
                        logger.warning(
                            "Task %s is done, but the broker could not be told (%s): another"
                            " worker may run it again.",
                            key[0],
                            error,
                        )
                        if len(self._done) < _DONE_KEPT:
                            self._done.add(key)
                        return
                    await asyncio.sleep(0.5)
        finally:
            self._held.pop(id(token), None)

    def can_ack(self, token: object) -> bool:
        """Tell whether it makes sense to try an acknowledgement again."""
        return True

    @abstractmethod
    async def ack(self, token: object) -> None:
        """Forget a message: its work is done."""

    @abstractmethod
    async def bury(self, data: bytes, reason: str) -> None:
        """Keep a message among the dead letters."""

    # -- dead letters ------------------------------------------------------------------------------

    async def bury_failed(self, message: TaskiqMessage, error: Exception) -> None:
        """Keep a task that failed after all its retries; without the broker it is only logged."""
        said = f"{type(error).__name__}: {error}"
        try:
            async with asyncio.timeout(self.settings.broker_timeout):
                await self.bury(self.formatter.dumps(message).message, said[:_REASON_KEPT])
        except self.gone as away:
            logger.warning("Task %s is not kept as a failed one: %s", message.task_id, away)

    def dead_letters(self) -> AsyncGenerator[DeadLetter, None]:
        """Yield the dead letters, the oldest first; to be closed by who stops before the end."""
        raise NotImplementedError

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Delete a dead letter that `dead_letters` has just yielded."""
        raise NotImplementedError

    # -- signs of life -----------------------------------------------------------------------------

    async def extend(self, tokens: Sequence[object]) -> None:
        """Tell the broker that the worker of these messages lives."""

    async def release(self, tokens: Sequence[Any]) -> None:
        """Give messages back at once: this worker will not do them."""

    @asynccontextmanager
    async def signs_of_life(self) -> AsyncGenerator[None, None]:
        """Extend the lease of what is held, three times in its length."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(self.settings.lease / 3)
                if self._held:
                    with suppress(*self.gone):
                        await self.extend(list(self._held.values()))

        task = asyncio.create_task(beat(), name="waterspout-tasks-lease")
        try:
            yield
        finally:
            task.cancel()

    async def give_back(self) -> None:
        """Give back what is held and not done."""
        if self._held:
            with suppress(*self.gone):
                await self.release(list(self._held.values()))
            self._held.clear()


def _key(message: TaskiqMessage | None) -> tuple[str, int]:
    return ("", 0) if message is None else (message.task_id, message.labels.get("attempt", 0))


class Absence:
    """Says once that a broker is away, and once that it is back; counts the pause between tries."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._pause = 0.0

    async def note(self, error: BaseException) -> None:
        """The broker is away; wait before the next try, 5 seconds at the most."""
        heed_cancellation()
        if not self._pause:
            logger.warning("%s is away (%s); trying again.", self._what, error or repr(error))
        self._pause = min(max(self._pause * 2, 0.1), 5.0)
        await asyncio.sleep(self._pause)

    def over(self) -> None:
        """The broker has answered."""
        if self._pause:
            self._pause = 0.0
            logger.warning("%s is back.", self._what)


def heed_cancellation() -> None:
    """Raise `CancelledError` in a task that was told to end, though a client has not passed it on:
    redis-py may lose it while it looks after its connection."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _stands_for_all() -> None:
    """Stand for every task where taskiq looks for one."""
