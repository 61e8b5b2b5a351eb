"""Background and periodic tasks: functions that a worker calls, in this process or in others.

    from waterspout.ext.tasks import Tasks

    tasks = Tasks(app)

    @tasks.task(retries=3)
    def send_report(user_id): ...

    @app.post("/reports")
    def order():
        return {"task": send_report.enqueue(session["user"]).id}, 202

On taskiq (https://taskiq-python.github.io): its messages, its receiver and its stores of results;
the brokers are ours, see `brokers.base`. It takes the place of Celery's common uses.
"""

from __future__ import annotations

from .errors import NoResults, ResultTimeout, TaskLost, TasksUnavailable, TaskTimeout
from .extension import Enqueued, Tasks
from .result import Progress, Result
from .task import Task
from .worker import Running

__all__ = [
    "Enqueued",
    "NoResults",
    "Progress",
    "Result",
    "ResultTimeout",
    "Running",
    "Task",
    "TaskLost",
    "TaskTimeout",
    "Tasks",
    "TasksUnavailable",
]
