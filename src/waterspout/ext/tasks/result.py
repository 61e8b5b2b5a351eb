"""What became of a task: its state, its progress, its value or its error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from .. import needs_extra
from .errors import NoResults, ResultTimeout

with needs_extra("tasks"):
    from taskiq import TaskiqResult
    from taskiq.result_backends.dummy import DummyResultBackend

__all__ = ["Progress", "Result"]

# Seconds between two looks for a result: the first, and the longest.
_FIRST_LOOK, _LONGEST_PAUSE = 0.005, 0.2

#: taskiq's words for the states, and ours.
_STATES = {"STARTED": "running", "RETRY": "retrying"}


T = TypeVar("T")


class Asked(Protocol):
    """What results are asked of: the `Engine`."""

    def answering(self) -> Any: ...
    def wait(self, work: Callable[[], Coroutine[object, object, T]], instead: str) -> T: ...
    async def wait_async(self, work: Callable[[], Coroutine[object, object, T]]) -> T: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task says it is (`Task.progress`)."""

    done: float
    total: float | None = None
    note: Any = None

    @property
    def share(self) -> float | None:
        """The part that is done, 0 to 1; None where the total is not known."""
        return self.done / self.total if self.total else None


class Result:
    """The result of one enqueued task, which may not be there yet.

        result = resize.enqueue(picture.id)
        ...
        size = result.wait(timeout=10)          # def code
        size = await result                     # async code

    Another request finds it by its *id*: ``tasks.result(id)``. The states are ``"queued"``,
    ``"running"``, ``"retrying"``, ``"done"`` and ``"failed"``; an id that nobody knows, or whose
    result has expired, is ``"queued"`` too.
    """

    def __init__(self, engine: Asked, id: str) -> None:
        self._engine = engine
        self.id = id
        """The id of the task, a str of 32 characters."""

    def __repr__(self) -> str:
        return f"<Result {self.id}>"

    # -- the value ---------------------------------------------------------------------------------

    def wait(self, timeout: float | timedelta | None = None) -> Any:
        """Return what the task returned; waits for it, *timeout* seconds at the most.

        Raises what the task raised, by type where this process has loaded the class: so
        `TaskTimeout` and `TaskLost` too. Raises `ResultTimeout`; `NoResults` where results are not
        kept; `TasksUnavailable`; `RuntimeError` on the thread of a running event loop.
        """
        return self._engine.wait(lambda: self._wait(timeout), "await result.wait_async()")

    async def wait_async(
        self,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109  # as `wait` has it
    ) -> Any:
        """Do as `wait`, in async code. ``await result`` is the same, without a time limit."""
        return await self._engine.wait_async(lambda: self._wait(timeout))

    def __await__(self) -> Generator[Any, None, Any]:
        return self.wait_async().__await__()

    async def _wait(self, limit: float | timedelta | None) -> Any:
        seconds = limit.total_seconds() if isinstance(limit, timedelta) else limit
        pause = _FIRST_LOOK
        try:
            async with asyncio.timeout(seconds) as clock:
                while (found := await self._find()) is None:
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_PAUSE)
        except TimeoutError:
            if not clock.expired():
                raise
            raise ResultTimeout(f"Task {self.id} had no result after {seconds} seconds.") from None
        if found.error is not None:
            raise found.error
        return found.return_value

    async def _find(self) -> TaskiqResult[Any] | None:
        async with self._engine.answering() as broker:
            store = broker.result_backend
            if isinstance(store, DummyResultBackend):
                raise NoResults(
                    "RabbitMQ keeps no results. Set TASKS_RESULT_URL to a redis:// or nats:// URL."
                )
            if not await store.is_result_ready(self.id):
                return None
            result: TaskiqResult[object] = await store.get_result(self.id)
            return result

    # -- how far it is -----------------------------------------------------------------------------

    def state(self) -> str:
        """Return the state, see above. Raises as `wait` does, but not what the task raised."""
        return self._engine.wait(self._state, "await result.state_async()")

    async def state_async(self) -> str:
        """Do as `state`, in async code."""
        return await self._engine.wait_async(self._state)

    async def _state(self) -> str:
        found = await self._find()
        if found is not None:
            return "failed" if found.is_err else "done"
        async with self._engine.answering() as broker:
            progress = await broker.result_backend.get_progress(self.id)
        state = "" if progress is None else getattr(progress.state, "value", progress.state)
        return _STATES.get(state, "queued")

    def progress(self) -> Progress | None:
        """Return what the task last said by `Task.progress`, None if it said nothing."""
        return self._engine.wait(self._progress, "await result.progress_async()")

    async def progress_async(self) -> Progress | None:
        """Do as `progress`, in async code."""
        return await self._engine.wait_async(self._progress)

    async def _progress(self) -> Progress | None:
        async with self._engine.answering() as broker:
            told = await broker.result_backend.get_progress(self.id)
        if told is None or not isinstance(told.meta, dict):
            return None
        return Progress(**told.meta)
