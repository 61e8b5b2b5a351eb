"""The queue of the threads for `def` code: nothing put is left lying."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from waterspout.concurrency.work_queue import Empty, JobQueue


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    made = JobQueue()
    yield made
    made.close()


def work_on(queue: JobQueue, threads: int) -> list[threading.Thread]:
    def work() -> None:
        while (job := queue.take()) is not None:
            function, args = job
            function(*args)

    started = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    return started


def until(met: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not met() and time.monotonic() < deadline:
        time.sleep(0.001)
    return met()


def test_every_job_is_done_whoever_puts_it(queue: JobQueue) -> None:
    """Four threads put jobs, singly and in batches, while four take them, for 20,000 jobs."""
    done: list[int] = []
    work_on(queue, 4)

    def put(first: int) -> None:
        for number in range(first, first + 5000):
            queue.put((done.append, (number,)))
            if number % 7 in (0, 3, 4):
                queue.rouse()
            if number % 50 == 0:
                time.sleep(0)
        queue.rouse()

    putting = [threading.Thread(target=put, args=(n * 5000,)) for n in range(4)]
    for thread in putting:
        thread.start()
    for thread in putting:
        thread.join()
    assert until(lambda: len(done) == 20_000)
    assert sorted(done) == list(range(20_000))


def test_one_rousing_is_enough_for_jobs_that_wait_for_each_other(queue: JobQueue) -> None:
    barrier = threading.Barrier(5, timeout=10)
    work_on(queue, 4)
    time.sleep(0.05)  # they sleep; if one does not yet, nothing is tested and all is well
    for _ in range(4):
        queue.put((barrier.wait, ()))
    queue.rouse()
    barrier.wait()  # broken after ten seconds, unless all four are at it at once


def test_a_queue_that_is_closed_is_emptied_first(queue: JobQueue) -> None:
    done: list[int] = []
    threads = work_on(queue, 3)
    for number in range(100):
        queue.put((done.append, (number,)))
    queue.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert sorted(done) == list(range(100))


def test_who_waits_too_long_gets_empty_and_is_not_counted_on(queue: JobQueue) -> None:
    with pytest.raises(Empty):
        queue.take(timeout=0.01)
    queue.put((len, ("abc",)))
    queue.rouse()
    assert queue.take(timeout=0.01) == (len, ("abc",))


def lie_down(queue: JobQueue, lock: threading.Lock) -> threading.Thread:
    """Start a thread that waits for *lock*, and works on the queue when it has got it."""

    def work() -> None:
        lock.acquire()
        queue.get_up()
        work_on_here(queue)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    queue.lay_down(lock)
    return thread


def work_on_here(queue: JobQueue) -> None:
    while (job := queue.take()) is not None:
        function, args = job
        function(*args)


def locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def test_a_thread_that_waits_for_something_else_takes_jobs_when_it_was_laid_down(
    queue: JobQueue,
) -> None:
    done: list[int] = []
    lie_down(queue, locked())
    for number in range(50):
        queue.put((done.append, (number,)))
    queue.rouse()
    assert until(lambda: len(done) == 50)


def test_a_thread_that_is_laid_down_at_the_end_ends(queue: JobQueue) -> None:
    queue.close()
    thread = lie_down(queue, locked())
    thread.join(10)
    assert not thread.is_alive()


def test_a_thread_that_waits_no_longer_is_not_woken(queue: JobQueue) -> None:
    lock = locked()
    assert not queue.forget(lock)
    queue.lay_down(lock)
    assert queue.forget(lock)
    queue.rouse()
    assert lock.locked()
