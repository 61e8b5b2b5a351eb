"""Signal handlers of a serving process: stop, reopen log files; and its end after a stop.

A handler that the program has set is called, and a signal that it ignores stays ignored: the
process belongs to the program. Where such a handler raises (`sys.exit()`, as a rule), the server
stops gracefully first. Signals with Python's default handlers are handled, until the end:

    SIGTERM, SIGINT   stop gracefully; the second of them ends the process at once
    SIGHUP            the same when the terminal was closed; else refused with a line in the log,
                      as a single process cannot load new code
    SIGUSR1           open log files anew, for logrotate
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ...log import reopen_files
from ..access_log import AccessLog

if TYPE_CHECKING:
    from ..serving import Server

_logger = logging.getLogger("waterspout.server")

LATE_SECONDS = 1.0  # for threads of the program, after everything else has ended

Handler = Callable[[int, FrameType | None], object]

#: Signals whose handlers may end a program by raising.
_ENDING = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip


class ServerSignals:
    """Handles signals for *server* as the module's docstring says, inside of ``with``.

    NOTE: not `loop.add_signal_handler`: the second signal has to work while a view blocks the
    loop, and a Python signal handler runs then too.
    """

    def __init__(self, server: Server, *, second_ends: bool = True) -> None:
        self._server = server
        self._second_ends = second_ends  # gunicorn repeats SIGTERM until a worker has gone
        self._told: set[int] = set()
        self._raised: BaseException | None = None
        self._raised_by: int | None = None
        self._terminal = has_terminal()
        self._ours: dict[int, Handler] = {
            signal.SIGTERM: self._stop,
            signal.SIGINT: self._stop,
            signal.SIGHUP: self._hang_up,
            signal.SIGUSR1: self._reopen,
        }
        self._set: dict[int, tuple[Any, Handler]] = {}  # what was there before, and is now

    def __enter__(self) -> None:
        """Set the handlers; Python allows that in the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _ENDING:
            before = signal.getsignal(number)
            if before in (signal.SIG_DFL, signal.default_int_handler):
                handler = self._ours.get(number)
            else:
                handler = partial(self._call, before) if callable(before) else None
            if handler is not None:
                signal.signal(number, handler)
                self._set[number] = before, handler

    def __exit__(self, *_: object) -> None:
        """Restore the handlers. Raises what a handler of the program has raised."""
        for number, (before, handler) in self._set.items():
            if signal.getsignal(number) is handler:
                # A handler that has raised must not raise again into the end of a worker.
                is_over = number == self._raised_by and not self._second_ends
                signal.signal(number, signal.SIG_IGN if is_over else before)
        if signal.SIGTERM in self._told:
            _end_with_main_thread()
        if self._raised is not None:
            raise self._raised

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._told:
            leave(128 + number, self._server)
        self._told.add(number)
        self._request_stop()

    def _call(self, handler: Handler, number: int, frame: FrameType | None) -> None:
        """Call the program's handler.

        NOTE: its exception must not go through the code it interrupts: uvloop keeps to itself
        what is raised while one of its transports calls a protocol.
        """
        try:
            handler(number, frame)
        except BaseException as error:
            if self._raised is None:
                self._raised = error
                self._raised_by = number
                self._request_stop()
            elif self._second_ends:
                leave(128 + number, self._server)

    def _request_stop(self) -> None:
        server = self._server
        if server.has_begun:
            with suppress(RuntimeError):  # the loop has ended by itself
                server.loop.call_soon_threadsafe(server.request_stop)
        else:
            server.request_stop()

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._terminal and not has_terminal():
            self._stop(number, frame)
        else:
            _logger.warning(
                "SIGHUP is refused: one process cannot load new code without a gap."
                " Start it with two workers or more (--workers 2), or restart it."
            )

    def _reopen(self, _number: int, _frame: FrameType | None) -> None:
        if isinstance(self._server.access_log, AccessLog):
            self._server.access_log.reopen()
        reopen_files()


def has_terminal() -> bool:
    """Tell whether the process has a controlling terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _end_with_main_thread() -> None:
    """End the process soon after its main thread has ended, whatever other threads do.

    Without us SIGTERM would have ended them at once; Python waits for them for ever.
    """

    def watch() -> None:
        threading.main_thread().join()
        others = [
            thread
            for thread in threading.enumerate()
            if not thread.daemon and thread is not threading.main_thread()
        ]
        for thread in others:
            thread.join(LATE_SECONDS / len(others))
        late = [thread.name for thread in others if thread.is_alive()]
        if late:
            _logger.warning("Leaving without threads that did not end: %s.", ", ".join(late))
            exit_now(0)

    threading.Thread(target=watch, name="waterspout-end", daemon=True).start()


@contextmanager
def last_resort(server: Server) -> Iterator[None]:
    """End the process if the loop's own end hangs, as it does on threads of `asyncio.to_thread`
    that are stuck: a stop is over within its limit, whatever user code does."""
    grace = server.settings.timeouts.graceful
    ended = threading.Event()

    def watch() -> None:
        server.told_to_stop.wait()
        if not ended.wait(grace + LATE_SECONDS):
            _logger.warning("Threads of the application did not end; leaving without them.")
            leave(0, server)

    threading.Thread(target=watch, name="waterspout-last-resort", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def leave(status: int, server: Server) -> NoReturn:
    """End the process without unwinding; files of UNIX sockets are removed."""
    server.stop_accepting(drain=False)
    exit_now(status)


def exit_now(status: int) -> NoReturn:
    """End the process without unwinding; what was logged and printed is written."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)
