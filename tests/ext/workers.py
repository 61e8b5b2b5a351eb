"""Workers of tasks for tests: in a thread of this process, or as processes that may be killed."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from waterspout import App
from waterspout.ext.tasks import Tasks

SECONDS = 30.0


def queue_name() -> str:
    """Return the name of a queue that no other test has."""
    return f"ws_tasks_{uuid.uuid4().hex[:12]}"


def make_app(url: str, **settings: object) -> tuple[App, Tasks]:
    """Return an application with tasks over *url*, in a queue of its own."""
    app = App("shop")
    app.config.update(TASKS_URL=url, TASKS_QUEUE=queue_name(), TASKS_LEASE=1.0)
    app.config.update(settings)
    return app, Tasks(app)


@contextmanager
def working(tasks: Tasks) -> Iterator[None]:
    """Run a worker in a thread."""
    ready = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    errors: list[BaseException] = []

    async def work() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        await tasks.work(stop, ready.set)

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            errors.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(SECONDS)
    try:
        yield
    finally:
        loop, stop = stops[0]
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(SECONDS)
        assert not thread.is_alive()
        assert errors == []


@contextmanager
def worker_process(
    folder: Path, environ: Mapping[str, str], *options: str
) -> Iterator[subprocess.Popen[str]]:
    """Run ``waterspout --app shop tasks`` in *folder*, until it is ready; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "waterspout", "--app", "shop", "tasks", *options],
        cwd=folder,
        env={**os.environ, **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        said = ""
        for line in process.stderr:
            said += line
            if re.match("Running tasks", line):
                break
        else:
            raise AssertionError(f"The worker ended and said:\n{said}")
        # Whatever else it says must not fill the pipe.
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        yield process
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()
