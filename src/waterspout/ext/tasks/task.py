"""A function that can be enqueued: `Task`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from waterspout.typing import Args, Kwargs

if TYPE_CHECKING:
    from .result import Result

__all__ = ["Policy", "Scheduled", "Task"]

P = ParamSpec("P")
R = TypeVar("R")


class Queue(Protocol):
    """What a task is enqueued on: a `Tasks` object."""

    def _enqueue(
        self, task: Any, args: tuple[object, ...], kwargs: dict[str, object], delay: float
    ) -> Result: ...
    async def _enqueue_async(
        self, task: Any, args: tuple[object, ...], kwargs: dict[str, object], delay: float
    ) -> Result: ...
    def _report(self, done: float, total: float | None, note: Any) -> None: ...
    async def _report_async(self, done: float, total: float | None, note: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long a task is tried. Times in seconds."""

    retries: int = 0
    retry_delay: float = 1.0
    retry_max_delay: float = 600.0
    retry_on: tuple[type[Exception], ...] = (Exception,)
    timeout: float | None = None
    keep_result: bool = True

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"A task has {self.retries!r} retries; expected 0 or more.")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"A task's timeout is {self.timeout!r}; expected seconds above 0.")

    def delay_before(self, retry: int) -> float:
        """Return the pause before retry 1, 2, …: it doubles each time, up to *retry_max_delay*."""
        return min(self.retry_delay * 2.0 ** min(retry - 1, 60), self.retry_max_delay)


class Task(Generic[P, R]):
    """A function with the methods that enqueue it. Called, it is the function itself.

    @tasks.task(retries=3)
    def welcome(user_id): ...

    welcome(7)                         # here and now
    welcome.enqueue(7)                 # by a worker, from def code
    await welcome.enqueue_async(7)     # from async code
    welcome.later(60).enqueue(7)       # in a minute
    """

    __name__: str

    def __init__(self, tasks: Queue, func: Callable[P, R], name: str, policy: Policy) -> None:
        self.func = func
        self.name = name
        self.policy = policy
        self._tasks = tasks
        self._signature = inspect.signature(func)
        update_wrapper(self, func)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.func(*args, **kwargs)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        """Let a worker call the function with these arguments; return its `Result`.

        The arguments must be JSON, as `app.json` writes it: a dataclass arrives as a dict, a
        datetime as a str. Raises `TypeError` for arguments that are not, or that the function does
        not take; `ValueError` above TASKS_MAX_MESSAGE_SIZE; `TasksUnavailable` (503) if the broker
        has not taken it; `RuntimeError` on the thread of a running event loop.
        """
        return self._tasks._enqueue(self, args, kwargs, 0.0)

    async def enqueue_async(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        """Do as `enqueue`, in async code."""
        return await self._tasks._enqueue_async(self, args, kwargs, 0.0)

    def later(self, when: float | timedelta | datetime) -> Scheduled[P]:
        """Return the task as one that runs in *when* seconds, or at that time, at the earliest.

        A datetime without a time zone is UTC. Raises `TypeError` for something else.
        """
        if isinstance(when, datetime):
            aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
            seconds = (aware - datetime.now(UTC)).total_seconds()
        elif isinstance(when, timedelta):
            seconds = when.total_seconds()
        elif isinstance(when, int | float):
            seconds = float(when)
        else:
            raise TypeError(
                f"later() takes seconds, a timedelta or a datetime, not {type(when).__name__}."
            )
        return Scheduled(self, max(seconds, 0.0))

    # -- Celery's names ----------------------------------------------------------------------------

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        """`enqueue`, by Celery's name."""
        return self.enqueue(*args, **kwargs)

    def apply_async(
        self,
        args: Args | list[Any] = (),
        kwargs: Kwargs | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
    ) -> Result:
        """`later` and `enqueue`, by Celery's name, in *countdown* seconds or at *eta*."""
        when = eta if eta is not None else countdown or 0.0
        delay = self.later(when)._delay
        return self._tasks._enqueue(self, tuple(args), kwargs or {}, delay)

    # -- inside of the function --------------------------------------------------------------------

    def progress(self, done: float, total: float | None = None, note: Any = None) -> None:
        """Say, in the running task, how far it is; *note* is anything that is JSON.

        Where the function was called as a function this does nothing. Raises `RuntimeError` in an
        `async def` function, `TasksUnavailable`.
        """
        self._tasks._report(done, total, note)

    async def progress_async(
        self, done: float, total: float | None = None, note: Any = None
    ) -> None:
        """Do as `progress`, in an `async def` function."""
        await self._tasks._report_async(done, total, note)

    # -- for `Tasks` -------------------------------------------------------------------------------

    def check_call(self, args: Args, kwargs: Kwargs) -> None:
        """Raise `TypeError` for arguments that the function does not take."""
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"Task {self.name}: {error}") from None


class Scheduled(Generic[P]):
    """A task that is to run later, see `Task.later`."""

    def __init__(self, task: Task[P, Any], delay: float) -> None:
        self._task = task
        self._delay = delay

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        """See `Task.enqueue`."""
        return self._task._tasks._enqueue(self._task, args, kwargs, self._delay)

    async def enqueue_async(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        """See `Task.enqueue_async`."""
        return await self._task._tasks._enqueue_async(self._task, args, kwargs, self._delay)
