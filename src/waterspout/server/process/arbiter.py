"""Several workers from the command line: gunicorn's arbiter with our sockets, settings, `Worker`.

What differs from ``gunicorn -k waterspout.server.Worker``:

- the sockets are ours (`sockets.open_listeners`: dual stack, errors in words, at once);
- SIGHUP starts the new workers, waits until they serve, and only then ends the old ones; if one
  of the new does not start, all of them go and the old version keeps serving;
- a worker that cannot start again while others serve is tried again, ever more slowly, in place
  of the whole server ending;
- a worker has ``timeouts.boot`` to start, and only then a heartbeat to keep;
- SIGINT stops gracefully, like SIGTERM; the second of them ends at once.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import time
from collections.abc import Sequence
from types import FrameType

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter as BaseArbiter
from gunicorn.errors import HaltServer

from ...typing import Untyped
from ..listeners.tls import ADHOC, make_context
from ..settings import ServerSettings
from ..sockets import Listener, open_listeners
from .run import explained
from .signals import exit_now
from .worker import Worker

_logger = logging.getLogger("waterspout.server")

_WORKER_TIMEOUT = 30  # seconds a worker's loop may hang
_KILL_AFTER = 2.0  # seconds after the grace time in which a worker has to be gone
_EARLY_SECONDS = 2.0  # a worker that lives no longer counts as one that did not start
_FIRST_PAUSE = 0.05  # seconds before such a worker is replaced, doubled each time
_LONGEST_PAUSE = 10.0
_TRIES = 5  # workers that may die in a row before the first one serves


def run_workers(app: object, settings: ServerSettings) -> int:
    """Serve `app` with ``settings.workers`` processes until told to stop; return the status.

    An import string or a factory is loaded by each worker, so that SIGHUP loads new code.  An
    application object is shared by fork.
    """
    with explained() as outcome:
        if settings.certfile == ADHOC:  # one certificate for all workers
            settings = settings.evolve(ssl_context=make_context(settings))
        else:
            make_context(settings)  # what no worker could use ends the command
        listeners = open_listeners(settings)
        for listener in listeners:
            listener.sock.set_inheritable(True)
            _logger.info("Listening on %s (pid %d)", listener.url(settings.tls), os.getpid())
        arbiter = Arbiter(Application(app, settings), listeners)
        try:
            arbiter.run()
        except SystemExit as ex:  # gunicorn's way to return
            status = ex.code if isinstance(ex.code, int) else 0
            if os.getpid() != arbiter.pid:
                # A worker. The code after the caller's `serve` (``finally`` blocks, temporary
                # directories) is the parent's, to be run once.
                atexit._run_exitfuncs()
                exit_now(status)
            outcome.status = status
    return outcome.status


class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application object that gunicorn's arbiter expects."""

    def __init__(self, app: object, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set the few settings of gunicorn's that our arbiter needs."""
        values = {
            "workers": self.settings.workers,
            "worker_class": Worker,
            "timeout": _WORKER_TIMEOUT,
            "graceful_timeout": int(self.settings.timeouts.graceful + _KILL_AFTER),
            "loglevel": "warning",
            "proc_name": "waterspout",
            "max_requests": self.settings.limits.requests_per_worker,
            "max_requests_jitter": self.settings.limits.requests_per_worker_jitter,
            "control_socket_disable": True,  # gunicorn 27 would put a socket into the directory
        }
        for name, value in values.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> object:
        """Return what the worker passes to `resolve`."""
        return self.app


class Arbiter(BaseArbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's arbiter with the differences that the module's docstring names."""

    pid = 0

    def __init__(self, app: Application, listeners: Sequence[Listener]) -> None:
        super().__init__(app)
        self.pid = os.getpid()
        self.LISTENERS = list(listeners)
        self._boot = app.settings.timeouts.boot
        self.WORKERS: dict[int, Untyped] = {}  # gunicorn's is one for all arbiters
        self._ending = False
        self._reloading = False
        self._has_served = False
        self._born: dict[int, float] = {}
        self._failures = 0  # workers that died early, in a row
        self._start_again_at = 0.0

    # -- signals ------------------------------------------------------------------

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Queue a signal; a second one to stop stops at once."""
        if sig in (signal.SIGTERM, signal.SIGINT):
            if self._ending:
                sig = signal.SIGQUIT
            self._ending = True
        super().signal(sig, frame)

    def handle_int(self) -> None:
        """Stop gracefully, as for SIGTERM.

        Raises `StopIteration`, which is how gunicorn's arbiter ends its loop.
        """
        raise StopIteration

    def handle_usr2(self) -> None:
        """Refuse: a new master could not find our sockets."""
        self.log.warning("SIGUSR2 is not supported here; SIGHUP loads new code without a gap.")

    def stop(self, graceful: bool = True) -> None:
        """End the workers; the listeners go first, with their UNIX files."""
        self._ending = True
        for listener in self.LISTENERS:
            listener.close()
        self.LISTENERS = []
        super().stop(graceful)

    # -- workers ------------------------------------------------------------------

    def reload(self) -> None:
        """Replace all workers, if the new ones start."""
        self.log.reopen_files()
        old = set(self.WORKERS)
        self._reloading = True
        try:
            for _ in range(self.num_workers):
                self.spawn_worker()
            if self._await_ready(set(self.WORKERS) - old):
                self.manage_workers()  # ends the oldest, until the number is right
                return
            self.log.error("The new workers did not start: the old version keeps serving.")
            self._dismiss(set(self.WORKERS) - old)
        finally:
            self._reloading = False

    def _dismiss(self, fresh: set[int]) -> None:
        """End workers of a version that does not serve; running requests finish."""
        for pid in fresh & set(self.WORKERS):
            answers = _is_ready(self.WORKERS[pid])
            self.kill_worker(pid, signal.SIGTERM if answers else signal.SIGKILL)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while left := fresh & set(self.WORKERS):
            for pid in left:
                if time.monotonic() > deadline:
                    self.kill_worker(pid, signal.SIGKILL)
                self._reap_dismissed(pid)
            time.sleep(0.01)

    def _reap_dismissed(self, pid: int) -> None:
        """Remove a worker that we have ended from the list, if it has ended; not by `reap_workers`,
        which would report it as out of memory."""
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended:
            self.WORKERS.pop(pid).tmp.close()
            self._born.pop(pid, None)

    def _await_ready(self, fresh: set[int]) -> bool:
        """Return True when all of the `fresh` workers serve, False if one of them cannot."""
        deadline = time.monotonic() + self._boot
        while time.monotonic() < deadline and not self._ending:
            self.reap_workers()
            if not fresh <= set(self.WORKERS):
                return False
            if all(_is_ready(self.WORKERS[pid]) for pid in fresh):
                return True
            self.murder_workers()
            time.sleep(0.02)
        if not self._ending:
            self.log.error("New workers did not start within %g s (timeouts.boot).", self._boot)
        return False

    def murder_workers(self) -> None:
        """End workers whose loop hangs, and those that do not start."""
        starting = {pid: worker for pid, worker in self.WORKERS.items() if not _is_ready(worker)}
        now = time.monotonic()
        for pid, worker in starting.items():
            # NOTE: an import stops the heartbeat; it counts from the start on.
            worker.tmp.notify()
            late = now - self._born.get(pid, now) - self._boot
            if late > 0 and not worker.aborted and not self._reloading:
                worker.aborted = True
                self.log.error(
                    "Worker %d did not start within %g s (timeouts.boot).", pid, self._boot
                )
                self.kill_worker(pid, signal.SIGABRT)  # writes where it is
            elif late > _KILL_AFTER and worker.aborted:
                self.kill_worker(pid, signal.SIGKILL)
        super().murder_workers()

    def spawn_worker(self) -> int:
        """Start one worker."""
        pid: int = super().spawn_worker()
        self._born[pid] = time.monotonic()
        return pid

    def manage_workers(self) -> None:
        """Start and end workers until their number is right, but not in a crash loop.

        One that has begun to stop by itself does not count: another takes over while it finishes.
        """
        staying = [item for item in self.WORKERS.items() if not _is_leaving(item[1])]
        staying.sort(key=lambda item: item[1].age)
        if time.monotonic() >= self._start_again_at:
            for _ in range(self.num_workers - len(staying)):
                self.spawn_worker()
        for pid, _ in staying[: max(0, len(staying) - self.num_workers)]:
            self.kill_worker(pid, signal.SIGTERM)

    def reap_workers(self) -> None:
        """Note dead workers.  One that cannot start ends the server only if no other serves."""
        before = dict(self.WORKERS)
        ready = {pid for pid, worker in before.items() if _is_ready(worker)}
        self._has_served = self._has_served or bool(ready)
        try:
            super().reap_workers()
        except HaltServer:
            serving = any(map(_is_ready, self.WORKERS.values()))
            if not (serving or self._reloading or self._ending):
                raise
        finally:
            dead = before.keys() - self.WORKERS.keys()
            for pid in dead:
                before[pid].tmp.close()
        now = time.monotonic()
        for pid in dead:
            age = now - self._born.pop(pid, now)
            if not self._reloading and not self._ending:
                self._note_death(early=pid not in ready or age < _EARLY_SECONDS)

    def _note_death(self, *, early: bool) -> None:
        self._failures = self._failures + 1 if early else 0
        if self._failures >= _TRIES and not self._has_served:
            raise HaltServer(f"{_TRIES} workers died before they served.", self.WORKER_BOOT_ERROR)
        if self._failures:
            pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
            self._start_again_at = time.monotonic() + pause


def _is_ready(worker: Untyped) -> bool:
    """Return True if the worker serves (`Worker._ready`)."""
    return os.fstat(worker.tmp.fileno()).st_size > 0


def _is_leaving(worker: Untyped) -> bool:
    """Return True if the worker has served and begun to stop."""
    return os.fstat(worker.tmp.fileno()).st_size > 1
