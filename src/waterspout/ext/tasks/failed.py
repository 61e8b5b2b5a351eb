"""The tasks that failed for good, which brokers keep among the dead letters: ``waterspout tasks
failed``, ``show``, ``retry``, ``drop``."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from .. import needs_extra
from .brokers import Broker
from .brokers.base import DeadLetter
from .errors import TasksUnavailable

with needs_extra("tasks"):
    from taskiq import TaskiqMessage

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["add_commands"]


@dataclass(frozen=True)
class FailedTask:
    """A dead letter, and the message that is in it; None where it is no task's."""

    id: str
    """The task's id; of another message the beginning of its hash."""
    letter: DeadLetter
    message: TaskiqMessage | None

    @property
    def when(self) -> str:
        """When it was put there, UTC."""
        if self.letter.at is None:
            return "?"
        return datetime.fromtimestamp(self.letter.at, UTC).isoformat(" ", "seconds")[:19]

    def line(self) -> str:
        """Return what the list has of it."""
        name = "?" if self.message is None else self.message.task_name
        return f"{self.id}  {self.when}  {name}  {' '.join(self.letter.reason.split())}"

    def details(self) -> str:
        """Return all of it, as JSON."""
        known: dict[str, object] = {
            "id": self.id,
            "failed": self.when,
            "reason": self.letter.reason,
        }
        message = self.message
        if message is None:
            known["data"] = self.letter.data.decode("utf-8", "backslashreplace")
        else:
            known |= {"task": message.task_name, "args": message.args, "kwargs": message.kwargs}
            known["labels"] = message.labels
        return json.dumps(known, indent=2, ensure_ascii=False)

    async def send_again(self, broker: Broker) -> str:
        """Enqueue a new task of the same function and arguments; return its id.

        Raises:
            TasksUnavailable: The broker has not taken it.
        """
        assert self.message is not None
        again = self.message.model_copy(deep=True)
        # NOTE: another id: under the old one there is a result, its error.
        again.task_id = uuid.uuid4().hex
        again.labels["attempt"] = 0
        again.labels.pop("unknown", None)
        await broker.send(again)
        return again.task_id


async def failed_tasks(broker: Broker) -> AsyncGenerator[FailedTask, None]:
    """Yield the failed tasks, the oldest first."""
    async with aclosing(broker.dead_letters()) as letters:
        async for letter in letters:
            try:
                message: TaskiqMessage | None = broker.formatter.loads(letter.data)
            except Exception:
                message = None
            mark = hashlib.sha256(letter.data).hexdigest()[:32]
            yield FailedTask(mark if message is None else message.task_id, letter, message)


def add_commands(group: click.Group, engine: Engine) -> None:
    """Add the commands to *group*."""

    @group.command("failed", short_help="List the tasks that failed.")
    @click.option(
        "--limit", "-n", type=click.IntRange(1), default=100, show_default=True,
        help="How many at the most, the oldest first.",
    )  # fmt: skip
    def failed(limit: int) -> None:
        """List the tasks that failed after all their retries, or that ended their workers: id, time
        (UTC), function and reason."""

        async def listed(broker: Broker) -> int:
            count = 0
            async with aclosing(failed_tasks(broker)) as found:
                async for one in found:
                    if count == limit:
                        click.echo(f"There are more than {limit}.", err=True)
                        return count
                    click.echo(one.line())
                    count += 1
            return count

        if not _run(engine, listed):
            click.echo("No failed tasks.", err=True)

    @group.command("show", short_help="Show a task that failed.")
    @click.argument("id")
    def show(id: str) -> None:
        """Show a failed task with its arguments, as JSON."""

        async def shown(broker: Broker) -> int:
            async with aclosing(failed_tasks(broker)) as found:
                async for one in found:
                    if one.id == id:
                        click.echo(one.details())
                        return 1
            return 0

        if not _run(engine, shown):
            raise click.ClickException(f"No failed task has the id {id}.")

    @group.command("retry", short_help="Enqueue failed tasks again.")
    @_which
    def retry(ids: Sequence[str], everything: bool) -> None:
        """Enqueue failed tasks again, each as a new task, and forget the old ones."""

        async def sent(one: FailedTask, broker: Broker) -> bool:
            if one.message is None:
                click.echo(f"{one.id} is not the message of a task; it stays.", err=True)
                return False
            click.echo(f"{one.id} is enqueued again as {await one.send_again(broker)}")
            return True

        _treat(engine, ids, everything, sent)

    @group.command("drop", short_help="Forget failed tasks.")
    @_which
    def drop(ids: Sequence[str], everything: bool) -> None:
        """Forget failed tasks."""

        async def dropped(one: FailedTask, broker: Broker) -> bool:
            click.echo(f"{one.id} is dropped")
            return True

        _treat(engine, ids, everything, dropped)


def _which(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments that name failed tasks."""
    command = click.option("--all", "everything", is_flag=True, help="All that there are now.")(
        command
    )
    return click.argument("ids", nargs=-1)(command)


def _treat(
    engine: Engine,
    ids: Sequence[str],
    everything: bool,
    act: Callable[[FailedTask, Broker], Coroutine[object, object, bool]],
) -> None:
    """Do *act* with each failed task that was named, and forget those for which it says True."""
    if bool(ids) is everything:
        raise click.UsageError("Name tasks by their ids, or say --all.")
    missing = set(ids)

    async def treat(broker: Broker) -> int:
        count = 0
        async with aclosing(failed_tasks(broker)) as found:
            async for one in found:
                if everything or one.id in missing:
                    missing.discard(one.id)
                    if await act(one, broker):
                        await broker.forget_dead(one.letter)
                        count += 1
                    if not (everything or missing):
                        break
        return count

    count = _run(engine, treat)
    if missing:
        raise click.ClickException(f"No failed task has the id {', '.join(sorted(missing))}.")
    if not count:
        click.echo("No failed tasks.", err=True)


def _run(engine: Engine, work: Callable[[Broker], Coroutine[object, object, int]]) -> int:
    """Do *work* with the broker; return what it does."""
    if engine.is_local:
        raise click.ClickException(
            "TASKS_URL is memory://: failed tasks are told in the log only, and kept by a broker"
            " (redis://, amqp://, nats://)."
        )

    async def run() -> int:
        async with engine.answering() as broker:
            return await work(broker)

    try:
        return engine.wait(run, "the command")
    except TasksUnavailable as error:
        raise click.ClickException(str(error)) from error
    finally:
        engine.close()
