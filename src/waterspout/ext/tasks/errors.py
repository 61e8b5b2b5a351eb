"""What can go wrong with tasks, by type."""

from __future__ import annotations

from werkzeug.exceptions import ServiceUnavailable

__all__ = ["NoResults", "ResultTimeout", "TaskLost", "TaskTimeout", "TasksUnavailable"]


class TasksUnavailable(ServiceUnavailable):
    """The broker cannot be reached, or the queue in the process is full: the task was not taken.

    A view that lets it out answers 503. *reason* is for the log and names no password.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(retry_after=1)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class TaskTimeout(TimeoutError):
    """A task ran for longer than its ``timeout``."""


class ResultTimeout(TimeoutError):
    """The result was not there in the time that `Result.wait` was given."""


class TaskLost(RuntimeError):
    """The task was put aside among the dead letters: it ended its worker each time, or no worker
    knows its name."""


class NoResults(RuntimeError):
    """Results are not kept: the setting TASKS_RESULT_URL names no store for them."""
