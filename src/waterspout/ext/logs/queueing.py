"""A bounded queue between whoever logs and the thread that writes (`logging.handlers`).

The line is made where the record is logged, because its arguments may change and the request is
there; then `QueueHandler` puts it into the queue and returns. If the queue is full, because the
disk or a pipe is too slow, the line is dropped and counted: requests go on.
"""

from __future__ import annotations

import logging
import os
import queue
import time
import weakref
from copy import copy
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from waterspout.typing import Untyped

__all__ = ["LogQueue"]

#: Seconds that a fork waits for a sink which is stuck in a line.
_FORK_SECONDS = 1.0

_queues: weakref.WeakSet[LogQueue] = weakref.WeakSet()


class _Listener(QueueListener):
    """Writes what is in the queue, in a thread; its stop is bounded."""

    def stop_within(self, seconds: float) -> bool:
        """Write what is in the queue and end the thread; tell whether that was possible."""
        thread = self._thread
        deadline = time.monotonic() + seconds
        if thread is None:
            return True
        try:
            self.queue.put(self._sentinel, timeout=seconds)  # type: ignore[attr-defined]  # bounded
        except queue.Full:
            return False
        thread.join(max(deadline - time.monotonic(), 0))
        self._thread = None
        return not thread.is_alive()


class LogQueue(QueueHandler):
    """Takes records on the root logger, and gives their lines to *sinks* in a thread.

    *most* lines wait at the same time; *seconds* is how long `drain` and the end of the process
    wait for the sinks.
    """

    listener: Untyped = None  # also logging's own attribute, since Python 3.12

    def __init__(self, sinks: list[logging.Handler], most: int, seconds: float) -> None:
        self._waiting: queue.Queue[Any] = queue.Queue(most)
        super().__init__(self._waiting)
        self.sinks = sinks
        self.most = most
        self.seconds = seconds
        self.dropped = 0
        self._unreported = 0
        self._closed = False
        self.listener = self._made_listener()
        _queues.add(self)

    @property
    def places(self) -> set[str]:
        """The files that are written, and ``stderr``."""
        return {getattr(sink, "baseFilename", "stderr") for sink in self.sinks}

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return *record* as a line."""
        line = copy(record)
        line.msg, line.args = self.format(record), None
        line.exc_info = line.exc_text = line.stack_info = None
        return line

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put a line into the queue, or drop it if that is full."""
        if self._closed:  # the process is ending
            for sink in self.sinks:
                sink.handle(record)
            return
        if self.listener._thread is None:
            self.listener.start()
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            self._unreported += 1
            return
        if self._unreported and self._waiting.qsize() < self.most // 2:
            self._report()

    def _report(self) -> None:
        count, self._unreported = self._unreported, 0
        text = f"{count} log lines were dropped: they could not be written fast enough."
        record = logging.LogRecord(
            "waterspout.ext.logs", logging.WARNING, __file__, 0, text, None, None
        )
        record.request_id = "-"
        self.enqueue(self.prepare(record))

    def drain(self) -> bool:
        """Wait until the queue is empty and its lines are written; tell whether they were."""
        waiting = self._waiting
        with waiting.all_tasks_done:
            return waiting.all_tasks_done.wait_for(
                lambda: not waiting.unfinished_tasks, self.seconds
            )

    def close(self) -> None:
        """Write what is in the queue and close the sinks; called by `logging.shutdown` too."""
        if not self._closed:
            self._closed = True
            if self.listener.stop_within(self.seconds):
                for sink in self.sinks:
                    sink.close()
        super().close()

    def _made_listener(self) -> _Listener:
        return _Listener(self._waiting, *self.sinks)

    def begin_anew(self) -> None:
        """Have an empty queue and no thread: what was in the queue, the parent process writes."""
        self.queue = self._waiting = queue.Queue(self.most)
        self.listener = self._made_listener()


# While a process forks, no sink is in the middle of a line: the child would have the half of it
# that is not written yet in its own buffer. Python renews the locks of handlers in the child.

_held: list[Any] = []


def _before_fork() -> None:
    for each in list(_queues):
        for sink in each.sinks:
            if sink.lock is not None and sink.lock.acquire(timeout=_FORK_SECONDS):
                _held.append(sink.lock)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()
    for each in list(_queues):
        each.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
