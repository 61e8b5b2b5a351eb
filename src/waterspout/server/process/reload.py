"""Restart the serving process when its source files change.

Theory of operation. There are two processes. The *supervisor* (this file) holds the
listening sockets, never imports the application and only waits. The *child* is the same command
line run again; it takes the sockets over by the numbers in `WATERSPOUT_FD` and serves. The port is
never closed, so a request that comes while the child is being replaced waits in the kernel's queue
instead of failing.

Threads and signal handlers put events (files changed, the child ended, a signal) on one queue;
the supervisor takes one event at a time:

    changed  stop the child, forget the compiled form of what changed, start a child
    ended    before the first change, or with status 0: end, with the child's status;
             later: a `Placeholder` answers 500 until the next save
    signal   pass it on, wait for the child, end; SIGHUP is a change, unless the terminal was closed

A child whose application cannot be imported does not end: it shows the error itself
(`cli/run_commands.py`). The placeholder is for the ones that could not even do that.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from ...import_paths import load
from ..listeners.tls import make_context
from ..settings import ServerSettings
from ..sockets import FD_VARIABLE, open_listeners
from .fallback_server import Placeholder
from .signals import has_terminal

# Werkzeug's mark of a reloaded process, which applications test to do things once.
MAIN_VARIABLE = "WERKZEUG_RUN_MAIN"

# Seconds for a child to finish after it was told to stop; then it is told again, which
# makes our server drop the rest; then it is killed. Longer than a server waits for the first
# request of a connection just accepted.
PATIENCE_SECONDS = 2.0
# The same when the user stops the supervisor: the server's own limit is 10 seconds.
FAREWELL_SECONDS = 12.0

Event = (
    tuple[Literal["changed"], frozenset[str]]
    | tuple[Literal["ended"], "Child"]
    | tuple[Literal["signal"], int]
    | tuple[Literal["blind"], str]
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What restarts the child.

    Python files below `directories`; any file that is in, or below, `extra_files`;
    never one that matches a pattern of `exclude_patterns` (`fnmatch`, on the full path).
    """

    directories: tuple[str, ...]
    extra_files: tuple[str, ...] = ()
    exclude_patterns: tuple[str, ...] = ()


def is_reload_child() -> bool:
    """Tell whether this process was started by a reloader (ours or Werkzeug's)."""
    return os.environ.get(MAIN_VARIABLE) == "true"


def command_line() -> list[str]:
    """Return the arguments that start this very process again."""
    return [sys.executable, *sys.orig_argv[1:]]


@dataclass(eq=False, slots=True)
class Child:
    """A serving process, and the thread that waits for its end."""

    process: subprocess.Popen[bytes]
    gone: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def start(
        cls, argv: Sequence[str], sockets: Sequence[socket.socket], events: queue.SimpleQueue[Event]
    ) -> Child:
        """Start *argv* with the *sockets*; its end is put on *events*."""
        numbers = [sock.fileno() for sock in sockets]
        environ = {
            **os.environ,
            FD_VARIABLE: ",".join(map(str, numbers)),
            MAIN_VARIABLE: "true",
        }
        child = cls(subprocess.Popen(argv, env=environ, pass_fds=numbers))

        def wait() -> None:
            child.process.wait()
            child.gone.set()
            events.put(("ended", child))

        threading.Thread(target=wait, name="waterspout-reload-child", daemon=True).start()
        return child

    @property
    def status(self) -> int:
        """The exit status as a shell shows it (128 + number of a signal)."""
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    def stop(self, patience: float, *, told: bool = False) -> None:
        """End the process: SIGTERM, SIGTERM again, SIGKILL, with *patience* seconds between.

        *told* says that the terminal has sent it the signal already.
        """
        for signum in (None if told else signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if signum is not None:
                self.process.send_signal(signum)
            if self.gone.wait(patience):
                return
            patience = PATIENCE_SECONDS
        self.gone.wait()


class Supervisor:
    """Keeps one child running with the newest version of its files."""

    def __init__(
        self, argv: Sequence[str], sockets: Sequence[socket.socket], watched: Watched
    ) -> None:
        self._argv = argv
        self._sockets = sockets
        self._watched = watched
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._placeholder: Placeholder | None = None

    def run(self) -> int:
        """Serve until a signal comes or the child ends by itself; return the status."""
        watcher = threading.Thread(target=self._watch, name="waterspout-reload-watch", daemon=True)
        watcher.start()
        with self._signals():
            try:
                return self._supervise()
            finally:
                self._stopping.set()
                self._clear()
                watcher.join()

    def _supervise(self) -> int:
        child = self._start()
        changed_before = False
        while True:
            event = self._events.get()
            match event:
                case ("changed", paths):
                    changed_before = True
                    _say(f"Changed: {_names(paths)}. Restarting." if paths else "Restarting.")
                    self._clear()
                    child.stop(PATIENCE_SECONDS)
                    self._forget_compiled(paths | self._changed_meanwhile())
                    child = self._start()
                case ("ended", other) if other is child:
                    if child.status == 0 or not changed_before:
                        return child.status
                    _say(f"The application ended with status {child.status}. Waiting for a change.")
                    self._placeholder = Placeholder(self._sockets)
                case ("signal", number):
                    # First: connections that the kernel accepts after the child has emptied the
                    # queue would be reset when this process ends.
                    self._clear()
                    for sock in self._sockets:
                        sock.close()
                    child.stop(FAREWELL_SECONDS, told=number == signal.SIGINT)
                    return max(0, child.process.returncode)
                case ("blind", reason):
                    _say(f"Cannot watch the files, so changes restart nothing: {reason}")
                case _:  # the end of a child that was replaced
                    pass

    def _start(self) -> Child:
        return Child.start(self._argv, self._sockets, self._events)

    def _clear(self) -> None:
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None

    def _watch(self) -> None:
        # PERF: watchfiles takes 60 ms to import, and only the supervisor needs it.
        changes = load("waterspout.server.process.file_watcher:changes")

        try:
            for paths in changes(self._watched, self._stopping):
                self._events.put(("changed", paths))
        except Exception as ex:  # too many files for the system's limit, a root that was removed
            self._events.put(("blind", str(ex)))

    def _changed_meanwhile(self) -> frozenset[str]:
        """Remove changes from the queue that the next child will see anyway."""
        paths: frozenset[str] = frozenset()
        others: list[Event] = []
        with suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if event[0] == "changed":
                    paths |= event[1]
                else:
                    others.append(event)
        for event in others:
            self._events.put(event)
        return paths

    @staticmethod
    def _forget_compiled(paths: Iterable[str]) -> None:
        """Remove the compiled form of *paths*.

        Python takes a `.pyc` for current when the second of the change and the size are
        the same: the second of two quick saves would not be seen.
        """
        for path in paths:
            if path.endswith(".py"):
                with suppress(OSError, NotImplementedError):
                    os.unlink(importlib.util.cache_from_source(path))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn the signals that end a server into events."""

        terminal = has_terminal()

        def note(number: int, _frame: object) -> None:
            if number == signal.SIGHUP and (not terminal or has_terminal()):
                self._events.put(("changed", frozenset()))
            else:
                self._events.put(("signal", number))

        before = {
            number: signal.signal(number, note)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # nohup, a shell's background
        }
        try:
            with _terminal_kept():
                yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Restore the terminal's settings at the end: a child may be stopped in a debugger
    prompt, which leaves the echo off."""
    try:
        import termios

        settings = termios.tcgetattr(sys.stdin)
    except (ImportError, OSError, ValueError, AttributeError, termios.error):
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)


def _names(paths: Iterable[str]) -> str:
    names = sorted(os.path.relpath(path) for path in paths)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run_with_reload(settings: ServerSettings, watched: Watched) -> int:
    """Open the listeners of *settings* and serve from them in child processes, each this very
    command line again; replace the child after a change of what is *watched*.

    Call it in the main thread, before the application is imported, and only if this is not
    a child (`is_reload_child`). Returns the exit status for this process: that of a child
    which ended by itself, or 0 after a signal. Raises `ListenError` and `TlsError`.
    """
    make_context(settings)  # a faulty certificate must end the command, not each child
    listeners = open_listeners(settings)
    try:
        return Supervisor(command_line(), [one.sock for one in listeners], watched).run()
    finally:
        for listener in listeners:
            listener.close()
