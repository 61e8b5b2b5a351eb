"""`IOLoop` and `PeriodicCallback` over asyncio's loop, whoever made it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from waterspout.tornado import gen
from waterspout.tornado.ioloop import IOLoop, PeriodicCallback, TimeoutError


@pytest.fixture
def loop() -> Iterator[IOLoop]:
    """Return a loop that is not the current one."""
    made = IOLoop(make_current=False)
    yield made
    made.close()


def test_one_face_for_each_asyncio_loop(loop: IOLoop) -> None:
    """`current` is the loop that runs; a second `IOLoop` over the same one is refused."""

    async def who() -> tuple[Any, Any]:
        return IOLoop.current(), asyncio.get_running_loop()

    assert loop.run_sync(who) == (loop, loop.asyncio_loop)
    with pytest.raises(RuntimeError, match="has an IOLoop already"):
        IOLoop(asyncio_loop=loop.asyncio_loop)


def test_current_follows_asyncio() -> None:
    """Under `asyncio.run` there is nothing to set up; the plain loop is wrapped."""

    async def main() -> IOLoop:
        done = asyncio.get_running_loop().create_future()
        IOLoop.current().add_callback(done.set_result, IOLoop.current())
        assert IOLoop.current() is IOLoop.instance()
        found: IOLoop = await done
        assert found.asyncio_loop is asyncio.get_running_loop()
        return found

    assert asyncio.run(main()) is not asyncio.run(main())


def test_a_thread_without_a_loop() -> None:
    """`current(instance=False)` looks, `current()` makes."""
    seen: list[Any] = []

    def look() -> None:
        seen.append(IOLoop.current(instance=False))
        made = IOLoop.current()
        seen.append(made is IOLoop.current(instance=False))
        made.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [None, True]


def test_start_runs_until_stop(loop: IOLoop) -> None:
    """Callbacks run in order, with their arguments; `stop` before `start` counts."""
    seen: list[Any] = []
    loop.add_callback(seen.append, 1)
    loop.spawn_callback(lambda *, x: seen.append(x), x=2)
    loop.add_callback_from_signal(seen.append, 3)
    loop.add_callback(loop.stop)
    loop.start()
    assert seen == [1, 2, 3]
    loop.stop()
    loop.start()


def test_callbacks_from_another_thread(loop: IOLoop) -> None:
    """`add_callback` wakes the loop."""
    thread = threading.Thread(target=loop.add_callback, args=(loop.stop,))
    loop.add_callback(thread.start)
    loop.start()
    thread.join()


def test_an_exception_in_a_callback_is_logged(
    loop: IOLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop goes on; a coroutine's exception is logged as well, a cancellation is not."""

    async def fail() -> None:
        raise ValueError("in a coroutine")

    def cancelled() -> None:
        raise asyncio.CancelledError

    loop.add_callback(lambda: 1 // 0)
    loop.add_callback(fail)
    loop.add_callback(cancelled)
    loop.run_sync(lambda: asyncio.sleep(0.01))
    records = [r for r in caplog.records if r.name == "tornado.application"]
    assert [r.exc_info[0] for r in records if r.exc_info] == [ZeroDivisionError, ValueError]
    assert all(r.getMessage().startswith("Exception in callback") for r in records)


class TestRunSync:
    """`run_sync`, the way in for scripts."""

    def test_results_and_exceptions(self, loop: IOLoop) -> None:
        """Of coroutines of any kind, and of plain functions."""

        async def native() -> str:
            await asyncio.sleep(0)
            return "native"

        @gen.coroutine
        def generated() -> Any:
            yield gen.moment
            raise gen.Return("generated")

        assert loop.run_sync(native) == "native"
        assert loop.run_sync(generated) == "generated"
        assert loop.run_sync(lambda: None) is None
        with pytest.raises(ZeroDivisionError):
            loop.run_sync(lambda: 1 // 0)

    def test_a_timeout_cancels(self, loop: IOLoop) -> None:
        """The coroutine gets to know."""
        cancelled = []

        async def wait() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        with pytest.raises(TimeoutError, match=r"timed out after 0\.01 seconds"):
            loop.run_sync(wait, timeout=0.01)
        assert cancelled == [True]

    def test_a_stopped_loop(self, loop: IOLoop) -> None:
        """Somebody stopped it before the end."""
        loop.add_callback(loop.stop)
        with pytest.raises(RuntimeError, match="stopped before Future completed"):
            loop.run_sync(lambda: loop.asyncio_loop.create_future())


class TestTimeouts:
    """`add_timeout` and its shorter names."""

    def test_all_forms(self, loop: IOLoop) -> None:
        """A time, a timedelta, a delay; what is past runs at once, in order of its time."""
        seen: list[str] = []
        loop.add_timeout(loop.time() + 0.02, seen.append, "time")
        loop.add_timeout(timedelta(milliseconds=10), seen.append, "timedelta")
        loop.call_later(0.03, seen.append, "later")
        loop.call_at(loop.time() - 5, seen.append, "past")
        loop.call_later(0.04, loop.stop)
        loop.start()
        assert seen == ["past", "timedelta", "time", "later"]

    def test_removed(self, loop: IOLoop) -> None:
        """Once or twice, and after it has run."""
        seen: list[int] = []
        handle = loop.call_later(0, seen.append, 1)
        loop.remove_timeout(handle)
        loop.remove_timeout(handle)
        loop.run_sync(lambda: asyncio.sleep(0.01))
        assert seen == []

    def test_no_deadline(self, loop: IOLoop) -> None:
        """A wrong type is told at once."""
        with pytest.raises(TypeError, match="Unsupported deadline 'soon'"):
            loop.add_timeout("soon", print)  # type: ignore[arg-type]


def test_run_in_executor(loop: IOLoop) -> None:
    """Of ours, and of the program's; exceptions come back."""
    names: list[str] = []

    def work(number: int) -> int:
        names.append(threading.current_thread().name)
        return 10 // number

    async def main() -> tuple[int, int]:
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, work, 0)
        with ThreadPoolExecutor(1, "mine") as executor:
            first = await loop.run_in_executor(executor, work, 5)
            loop.set_default_executor(executor)
            return first, await loop.run_in_executor(None, work, 2)

    assert loop.run_sync(main) == (2, 5)
    assert threading.main_thread().name not in names
    assert [name.startswith("mine") for name in names] == [False, True, True]


def test_add_future(loop: IOLoop) -> None:
    """The callback runs on the loop, be the future of a thread or of asyncio."""
    seen: list[Any] = []
    with ThreadPoolExecutor(1) as executor:
        loop.add_future(executor.submit(int, "7"), lambda f: seen.append(f.result()))
        future: asyncio.Future[int] = loop.asyncio_loop.create_future()
        loop.add_future(future, lambda f: (seen.append(f.result()), loop.stop()))
        loop.call_later(0.05, future.set_result, 8)
        loop.start()
    assert seen == [7, 8]


class TestHandlers:
    """`add_handler`, for file descriptors of the program's own."""

    def test_reading_and_writing(self, loop: IOLoop) -> None:
        """A socket is given back as it was given, a number as a number."""
        here, there = socket.socketpair()
        seen: list[Any] = []

        def ready(fd: Any, events: int) -> None:
            seen.append((fd, events))
            if events & IOLoop.WRITE:
                loop.update_handler(here, IOLoop.READ)
                there.send(b"x")
            else:
                here.recv(1)
                loop.remove_handler(here)
                loop.stop()

        with here, there:
            loop.add_handler(here, ready, IOLoop.WRITE)
            with pytest.raises(ValueError, match="added twice"):
                loop.add_handler(here.fileno(), ready, IOLoop.READ)
            loop.start()
            assert seen == [(here, IOLoop.WRITE), (here, IOLoop.READ)]
            loop.remove_handler(here)

    def test_close_all_fds(self) -> None:
        """What has a handler is closed with the loop, if that is wanted."""
        loop = IOLoop(make_current=False)
        reader, writer = os.pipe()
        loop.add_handler(reader, lambda fd, events: None, IOLoop.READ)
        loop.close(all_fds=True)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(reader)
        os.close(writer)
        loop.add_callback(print)  # a closed loop takes it and does nothing


class TestPeriodicCallback:
    """Work that comes again and again."""

    def test_until_stopped(self, loop: IOLoop) -> None:
        """Coroutines are waited for; an exception is logged and does not end it."""
        seen: list[int] = []

        async def work() -> None:
            seen.append(len(seen))
            await asyncio.sleep(0)
            if len(seen) == 3:
                periodic.stop()
                loop.stop()

        periodic = PeriodicCallback(work, timedelta(milliseconds=1), jitter=0.5)
        assert not periodic.is_running()
        loop.add_callback(periodic.start)
        loop.start()
        assert seen == [0, 1, 2]
        assert not periodic.is_running()

    def test_an_exception(self, loop: IOLoop, caplog: pytest.LogCaptureFixture) -> None:
        """It is logged, and the next run comes."""
        seen: list[int] = []

        def work() -> None:
            seen.append(1)
            if len(seen) == 2:
                loop.stop()
            raise ValueError("now and then")

        loop.add_callback(PeriodicCallback(work, 1).start)
        with caplog.at_level(logging.ERROR, "tornado.application"):
            loop.start()
            loop.run_sync(lambda: asyncio.sleep(0))
        assert "now and then" in caplog.text

    @pytest.mark.parametrize(
        ("since", "next_at"),
        [(100.0, 110.0), (109.0, 110.0), (110.0, 120.0), (135.0, 140.0), (50.0, 110.0)],
    )
    def test_missed_runs_are_left_out(self, since: float, next_at: float) -> None:
        """The next one is on the grid that began with `start`, whatever the clock does."""
        periodic = PeriodicCallback(lambda: None, 10_000)
        periodic._next_timeout = 100.0
        periodic._update_next(since)
        assert periodic._next_timeout == next_at

    @pytest.mark.parametrize("interval", [0, -1, timedelta(0)])
    def test_an_interval_is_positive(self, interval: float | timedelta) -> None:
        """Else it would never let go of the loop."""
        with pytest.raises(ValueError, match="positive callback_time"):
            PeriodicCallback(lambda: None, interval)
