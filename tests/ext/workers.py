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
from contextlib import contextmanager, suppress
from pathlib import Path

import aio_pika
import nats
import pytest
import redis
from services import URLS

from waterspout import App
from waterspout.ext.tasks import Tasks

SECONDS = 30.0


_queues: list[str] = []


def queue_name() -> str:
    """Return the name of a queue that no other test has; `drop_queues` removes it."""
    _queues.append(f"ws_tasks_{uuid.uuid4().hex[:12]}")
    return _queues[-1]


@pytest.fixture(scope="module", autouse=True)
def drop_queues() -> Iterator[None]:
    """Leave nothing of a module's tests in the brokers. A module imports it to use it."""
    yield
    names, _queues[:] = _queues[:], []
    with suppress(redis.ConnectionError), redis.Redis.from_url(URLS["redis"]) as client:
        for key in client.scan_iter("*ws_tasks_*", 1000):
            if any(name in key.decode() for name in names):
                client.delete(key)
    asyncio.run(_drop(names))


async def _drop(names: list[str]) -> None:
    with suppress(OSError):
        async with await aio_pika.connect(URLS["rabbitmq"]) as connection:
            channel = await connection.channel()
            for name in names:
                for queue in (name, f"{name}.dead"):
                    await channel.queue_delete(queue)
    with suppress(OSError, nats.errors.Error):
        client = await nats.connect(URLS["nats"], allow_reconnect=False)
        for stream in await client.jetstream().streams_info():
            if any(name in str(stream.config.name) for name in names):
                await client.jetstream().delete_stream(str(stream.config.name))
        await client.close()


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
