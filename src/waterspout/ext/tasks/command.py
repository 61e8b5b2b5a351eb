"""The command ``waterspout tasks``: processes that run tasks. What failed: `failed`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from .failed import add_commands
from .supervisor import CHILD_VARIABLE, Supervisor

if TYPE_CHECKING:
    from waterspout import App

    from .engine import Engine

__all__ = ["add_command"]


def add_command(app: App, engine: Engine) -> None:
    """Add the command to *app*: ``waterspout --app shop:app tasks``."""

    @click.group("tasks", short_help="Run background tasks.", invoke_without_command=True)
    @click.option(
        "--workers",
        "-w",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="The number of processes.",
    )
    @click.option(
        "--concurrency",
        "-c",
        type=click.IntRange(1),
        default=None,
        help="Tasks that run at a time in each process; the default is TASKS_CONCURRENCY.",
    )
    @click.option(
        "--reload/--no-reload", default=None,
        help="Begin anew when source files change; the default is to do it in debug mode.",
    )  # fmt: skip
    @click.pass_context
    def command(
        context: click.Context, workers: int, concurrency: int | None, reload: bool | None
    ) -> None:
        """Run the tasks that TASKS_URL's broker has, and the periodic ones.

        Ctrl+C or SIGTERM ends it: tasks that run have TASKS_GRACE seconds, those that are cancelled
        go to another worker.
        """
        if context.invoked_subcommand is not None:
            return
        if concurrency is not None:
            engine.settings = replace(engine.settings, concurrency=concurrency)
        is_child = CHILD_VARIABLE in os.environ
        if reload is None:
            reload = app.debug
        if not is_child and (workers > 1 or reload):
            sys.exit(Supervisor(workers, engine.settings.grace, reload).run())
        sys.exit(run(app, engine))

    add_commands(command, engine)
    app.cli.add_command(command)


def run(app: App, engine: Engine) -> int:
    """Run tasks in this process until a signal comes; return the exit status."""
    try:
        import_loop = __import__("uvloop").new_event_loop
    except ImportError:  # PyPy, Windows
        import_loop = None
    with asyncio.Runner(loop_factory=import_loop) as runner:
        return runner.run(_work(app, engine))


async def _work(app: App, engine: Engine) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():  # the second time: at once
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)

    def ready() -> None:
        settings = engine.settings
        scheme = settings.url.partition(":")[0]
        click.echo(
            f"Running tasks from {scheme} ({settings.queue}), {settings.concurrency} at a time."
            " Ctrl+C stops.",
            err=True,
        )
        if engine.is_local:
            click.echo(
                "TASKS_URL is memory://: tasks of other processes do not come here, only the"
                " periodic ones are run.",
                err=True,
            )

    try:
        async with _started(app):
            await engine.work(stop, ready)
    except _NotStarted as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    return 0


class _NotStarted(Exception):
    """A startup hook of the application failed."""


@asynccontextmanager
async def _started(app: App) -> AsyncGenerator[None, None]:
    """Run the start and stop functions of *app* around the block, as a server does: by the
    lifespan protocol of ASGI."""
    told: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    living = asyncio.create_task(app(scope, told.get, answers.put))
    await told.put({"type": "lifespan.startup"})
    answer = await answers.get()
    if answer["type"] != "lifespan.startup.complete":
        await asyncio.wait({living})
        raise _NotStarted(answer.get("message") or "The application did not start.")
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await living
