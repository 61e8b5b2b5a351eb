"""`Tasks`: what a program makes one of, and decorates its functions with."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from waterspout import App, current_app, g, has_app_context, has_request_context, request
from waterspout.log import request_id
from waterspout.typing import Args, Function, Kwargs

from .. import needs_extra
from ..per_process import keeps_per_process
from .command import add_command
from .engine import Engine
from .periodic import Entry
from .result import Result
from .schedules import Cron, Every, Schedule
from .task import Policy, Task
from .worker import Running, running_var

with needs_extra("tasks"):
    from taskiq import TaskiqMessage
    from taskiq.depends.progress_tracker import TaskProgress, TaskState

__all__ = ["Enqueued", "Tasks"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A task that `Tasks.record_tasks` caught: its arguments as a worker would get them."""

    task: Task[..., Any]
    args: Args
    kwargs: Kwargs
    delay: float
    """Seconds until it is due."""
    id: str


class Periodic(Protocol):
    """What `Tasks.every` and `Tasks.cron` return: a decorator."""

    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


class Tasks:
    """Functions that workers call: in this process, or, with a broker, in others.

        tasks = Tasks(app)

        @tasks.task(retries=3, timeout=60)
        def send_report(user_id): ...

        send_report.enqueue(7)

    The broker is the setting TASKS_URL. With ``memory://``, the default, the process that enqueues
    a task runs it; with ``redis://``, ``amqp://`` or ``nats://`` the command ``waterspout tasks``
    does.
    """

    def __init__(self, app: App | None = None) -> None:
        #: The tasks by name.
        self.registry: dict[str, Task[..., Any]] = {}
        self._entries: list[Entry] = []
        self._app: App | None = None
        self._recorders: list[list[Enqueued]] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: App) -> None:
        """Read the TASKS_* settings of *app*, run and stop with its servers, and add the command
        ``tasks``. Raises `ValueError` for an impossible setting."""
        engine = Engine(app, self.registry, self._entries, self._send_tick)
        app.extensions["tasks"] = (self, engine)
        keeps_per_process(app, "tasks (TASKS_URL)", lambda: engine.is_local)
        self._app = app
        app.on_startup(engine.begin)
        app.on_shutdown(engine.end)
        add_command(app, engine)

    # -- functions become tasks --------------------------------------------------------------------

    @overload
    def task(self, func: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self,
        *,
        name: str | None = None,
        retries: int = 0,
        retry_delay: float = 1.0,
        retry_max_delay: float = 600.0,
        retry_on: type[Exception] | tuple[type[Exception], ...] = Exception,
        timeout: float | None = None,
        keep_result: bool = True,
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(self, func: Any = None, **options: Any) -> Any:
        """Make a task of a function, `def` or `async def`.

        *name* is what workers know it by: ``module.function`` unless it is given. *retries* times
        it is tried again if it raises one of *retry_on*, after *retry_delay* seconds, twice as long
        each time up to *retry_max_delay*. After *timeout* seconds an `async def` function is
        cancelled; a `def` function cannot be stopped: when it has ended its result is not taken.
        Both count as failed (`TaskTimeout`). *keep_result* says whether its result is stored.

        Raises `ValueError` for a name that there is already, or an impossible option.
        """
        name = options.pop("name", None)
        retry_on = options.get("retry_on", Exception)
        if not isinstance(retry_on, tuple):
            options["retry_on"] = (retry_on,)
        policy = Policy(**options)

        def decorate(function: Callable[P, R]) -> Task[P, R]:
            known_as = name or _name_of(function)
            found = self.registry.get(known_as)
            if found is not None and found.func.__code__ is not function.__code__:
                raise ValueError(f"There is a task {known_as!r} already; give this one a name=.")
            made = Task(self, function, known_as, policy)
            self.registry[known_as] = made
            return made

        return decorate if func is None else decorate(func)

    def every(self, interval: float | timedelta, **options: Any) -> Periodic:
        """Enqueue the function every *interval* seconds, once among all processes.

        It is made a task with *options*, see `task`, unless it is one; its results are not kept.
        Ticks are counted from the epoch, the same on all hosts; those that nobody is there for are
        not made up for.
        """
        seconds = interval.total_seconds() if isinstance(interval, timedelta) else float(interval)
        return self._periodic(Every(seconds), options)

    def cron(self, expression: str, **options: Any) -> Periodic:
        """Enqueue the function at the minutes of a cron *expression* (five fields), as `every`
        does; the time zone is TASKS_TIMEZONE. Raises `ValueError` for a wrong one."""
        return self._periodic(Cron(expression), options)

    def _periodic(self, schedule: Schedule, options: dict[str, Any]) -> Periodic:
        options.setdefault("keep_result", False)

        def decorate(function: Callable[P, R]) -> Task[P, R]:
            made = function if isinstance(function, Task) else self.task(**options)(function)
            made.check_call((), {})
            self._entries.append(Entry(made, schedule))
            return made

        return decorate

    # -- results and the running task --------------------------------------------------------------

    def result(self, id: str) -> Result:
        """Return the result of the task with that id."""
        return Result(self._engine(), id)

    @property
    def current(self) -> Running | None:
        """The task that runs here: its ``id``, ``name``, ``attempt`` (0 for the first) and
        ``request_id``; None where the function was called as a function."""
        return running_var.get()

    # -- a worker ----------------------------------------------------------------------------------

    async def work(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Run tasks on this loop until *stop* is set, as the command ``waterspout tasks`` does.
        *ready* is called when the broker is connected."""
        await self._engine().work(stop, ready or _say_nothing)

    # -- tests, scripts ----------------------------------------------------------------------------

    @contextmanager
    def record_tasks(self) -> Iterator[list[Enqueued]]:
        """Catch what is enqueued in the block, instead of running it, in a list."""
        caught: list[Enqueued] = []
        self._recorders.append(caught)
        try:
            yield caught
        finally:
            self._recorders.remove(caught)

    def settle(self) -> None:
        """Wait until this process has done what was enqueued in it (``memory://``)."""
        engine = self._engine()
        engine.wait(engine.settled, "await tasks.settle_async()")

    async def settle_async(self) -> None:
        """Do as `settle`, in async code."""
        engine = self._engine()
        await engine.wait_async(engine.settled)

    def close(self, grace: float | None = None) -> None:
        """End what a script or a test has begun, see `Engine.close`; servers do it themselves."""
        self._engine().close(grace)

    # -- for `Task` --------------------------------------------------------------------------------

    def _engine(self) -> Engine:
        for app in (current_app if has_app_context() else None, self._app):
            found = None if app is None else app.extensions.get("tasks")
            if found is not None and found[0] is self:
                engine: Engine = found[1]
                return engine
        raise RuntimeError("These Tasks have no application; call tasks.init_app(app).")

    def _enqueue(
        self,
        task: Task[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        delay: float,
    ) -> Result:
        engine = self._engine()
        message = _message(engine, task, args, kwargs)
        if self._recorders:
            return self._record(engine, task, message, delay)
        if engine.settings.eager:
            return engine.wait(lambda: self._run_now(engine, message), _instead(task))
        engine.wait(lambda: engine.send(message, delay), _instead(task))
        return Result(engine, message.task_id)

    async def _enqueue_async(
        self,
        task: Task[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        delay: float,
    ) -> Result:
        engine = self._engine()
        message = _message(engine, task, args, kwargs)
        if self._recorders:
            return self._record(engine, task, message, delay)
        if engine.settings.eager:
            return await engine.wait_async(lambda: self._run_now(engine, message))
        await engine.wait_async(lambda: engine.send(message, delay))
        return Result(engine, message.task_id)

    def _record(
        self, engine: Engine, task: Task[..., Any], message: TaskiqMessage, delay: float
    ) -> Result:
        caught = Enqueued(task, tuple(message.args), message.kwargs, delay, message.task_id)
        self._recorders[-1].append(caught)
        return Result(engine, message.task_id)

    async def _run_now(self, engine: Engine, message: TaskiqMessage) -> Result:
        """Run the task to its end, retries without a pause, and store its result."""
        await engine.run_now(message)
        return Result(engine, message.task_id)

    @staticmethod
    async def _send_tick(engine: Engine, task: Task[..., Any], id: str) -> None:
        message = _message(engine, task, (), {})
        message.task_id = id
        message.labels["periodic"] = True
        await engine.send(message, 0.0)

    def _report(self, done: float, total: float | None, note: Any) -> None:
        if (running := running_var.get()) is not None and running.keeps_result:
            engine = self._engine()
            progress = _progress(done, total, note)
            engine.wait(
                lambda: _store_progress(engine, running, progress), "await task.progress_async()"
            )

    async def _report_async(self, done: float, total: float | None, note: Any) -> None:
        if (running := running_var.get()) is not None and running.keeps_result:
            engine = self._engine()
            progress = _progress(done, total, note)
            await engine.wait_async(lambda: _store_progress(engine, running, progress))


def _name_of(function: Function) -> str:
    """Return ``module.function``; a module that is run has the name it is imported by."""
    module = function.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        if spec is not None:
            module = spec.name.removesuffix(".__main__")
        elif file:
            module = os.path.splitext(os.path.basename(file))[0]
    return f"{module}.{function.__qualname__}"


def _say_nothing() -> None:
    """Nobody waits for the worker."""


def _instead(task: Task[..., Any]) -> str:
    return f"await {task.__name__}.enqueue_async()"


def _progress(done: float, total: float | None, note: Any) -> TaskProgress[object]:
    return TaskProgress(state=TaskState.STARTED, meta={"done": done, "total": total, "note": note})


async def _store_progress(engine: Engine, running: Running, progress: TaskProgress[Any]) -> None:
    async with engine.answering() as broker:
        await broker.result_backend.set_progress(running.id, progress)


def _message(
    engine: Engine, task: Task[..., Any], args: tuple[object, ...], kwargs: dict[str, object]
) -> TaskiqMessage:
    """Return the message for a call. Raises `TypeError` and `ValueError`, see `Task.enqueue`."""
    task.check_call(args, kwargs)
    provider = engine.app.json
    try:
        text = provider.dumps([list(args), kwargs])
    except TypeError as error:
        raise TypeError(
            f"The arguments of task {task.name} are not JSON: {error}. Give it ids and plain"
            " values, such as str, int, list and dict."
        ) from None
    if len(text) > engine.settings.max_message_size:
        raise ValueError(
            f"The arguments of task {task.name} have {len(text)} bytes as JSON;"
            f" TASKS_MAX_MESSAGE_SIZE allows {engine.settings.max_message_size}. Store them, and"
            " give the task their key."
        )
    plain_args, plain_kwargs = provider.loads(text)
    labels: dict[str, Any] = {"attempt": 0}
    if (asked_by := _request_id()) is not None:
        labels["request_id"] = asked_by
    return TaskiqMessage(
        task_id=uuid.uuid4().hex,
        task_name=task.name,
        labels=labels,
        args=plain_args,
        kwargs=plain_kwargs,
    )


def _request_id() -> str | None:
    """Return the id of the request that this is done for, directly or by a task."""
    if has_request_context():
        return request_id(request)
    found: str | None = g.get("request_id") if has_app_context() else None
    return found
