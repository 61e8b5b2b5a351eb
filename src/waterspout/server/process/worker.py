"""A gunicorn worker that serves with our server: ``gunicorn -k waterspout.server.Worker``.

gunicorn's arbiter opens the sockets, starts the processes, watches their heartbeat and replaces
them; inside one, everything is `Server`.  gunicorn's own settings are honoured where they apply
(`gunicorn_settings`), and ``WATERSPOUT_…`` variables set the rest.  An error that prevents a worker
from starting ends the arbiter (status 3), which would otherwise start it again for ever.

The heartbeat comes from the event loop: the arbiter notices a loop that hangs longer than
``--timeout``.  It then sends SIGABRT, which writes the stacks of all threads to the
error log, even from a loop that is stuck inside C code, and ends the process.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import Any, NamedTuple

from gunicorn.errors import AppImportError
from gunicorn.workers.base import Worker as BaseWorker

from ...application.lifespan import StartupError
from ...log import reopen_files
from ...typing import Argument, Untyped
from ..access_log import Access, AccessLog, Record, bounded, escape_word, open_log
from ..listeners.tls import TlsError
from ..serving import Server
from ..settings import ServerSettings, SettingsError
from ..settings_sources import unknown_variables
from ..sockets import Listener
from .app_loader import ApplicationError, resolve
from .gunicorn_settings import GunicornConfig, settings_from, warnings
from .interpreter import prepare
from .per_process import not_shared
from .request_hooks import HookedServer, HookingLog, has_hooks
from .run import EXIT_STARTUP_FAILED, end_tasks, loop_factory, raise_descriptor_limit
from .signals import ServerSignals, exit_now

_HEARTBEAT = 1.0  # seconds; the arbiter's shortest useful --timeout is a few
_MARK = b"1"  # one when the worker serves, a second one when it begins to stop


class Worker(BaseWorker):  # type: ignore[misc]  # gunicorn has no types
    """One process under gunicorn's arbiter."""

    server: Server | None = None
    settings: ServerSettings
    wsgi: object = None
    _log: AccessLog | None = None
    _has_served = _is_leaving = False

    def load_wsgi(self) -> None:
        """Load the application, or make it where a factory was named.

        Raises `AppImportError`, which gunicorn reports, if there is no such application.
        """
        try:
            self.settings = getattr(self.app, "settings", None) or settings_from(self.cfg)
        except (SettingsError, OSError, ValueError) as ex:  # OSError: a certificate
            self.log.error("%s", ex)
            sys.exit(EXIT_STARTUP_FAILED)
        if not hasattr(self.app, "settings"):
            for text in [*warnings(self.cfg), *unknown_variables()]:
                self.log.warning("%s", text)
        super().load_wsgi()
        try:
            self.wsgi = resolve(self.wsgi)
        except ApplicationError as ex:
            raise AppImportError(str(ex)) from ex
        if self.age == 1 and (warning := not_shared(self.wsgi, self.cfg.workers)):
            self.log.warning("%s", warning)

    def init_signals(self) -> None:
        """TERM and INT stop gracefully, QUIT at once, ABRT writes stacks, USR1 reopens logs."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        signal.signal(signal.SIGQUIT, self.handle_quit)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.signal(signal.SIGWINCH, self.handle_winch)
        signal.signal(signal.SIGABRT, self.handle_abort)
        # After the line above: it dumps first, from C, and then lets `handle_abort` run.
        faulthandler.enable(_error_stream(self.log.error_log))

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """Open all log files anew."""
        super().handle_usr1(sig, frame)
        reopen_files()
        if self._log is not None:
            self._log.reopen()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; gunicorn repeats the signal while it waits."""
        self.alive = False
        self._stop(None)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at once: connections are dropped, the stop hooks still run."""
        self.alive = False
        self.cfg.worker_int(self)
        self._stop(0.0)

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """End: the loop hangs, the stacks are written already.

        NOTE: not by `SystemExit`: unwinding would run the loop again, and connections that it
        accepted then would be lost.
        """
        self.alive = False
        self.cfg.worker_abort(self)
        exit_now(1)

    def run(self) -> None:
        """Serve until told to stop."""
        settings = self.settings
        try:
            listeners = [Listener(_owned(sock), shared=True) for sock in self.sockets]
            self.server = self._make_server(listeners)
            raise_descriptor_limit(settings.limits.max_connections)
            prepare(settings.threads)
            # The application may have set handlers of its own when it was imported.
            with (
                ServerSignals(self.server, second_ends=False),
                asyncio.Runner(loop_factory=loop_factory(settings.loop)) as runner,
            ):
                try:
                    runner.run(self._serve(self.server))
                finally:
                    runner.run(end_tasks(self.server))
        except Exception as ex:
            if self._has_served:
                raise
            # gunicorn takes the application for loaded, and would start a worker again for ever.
            known = isinstance(ex, (StartupError, SettingsError, TlsError))
            self.log.error("%s", ex, exc_info=ex.__cause__ if known else ex)
            sys.exit(EXIT_STARTUP_FAILED)

    def _make_server(self, listeners: list[Listener]) -> Server:
        settings, log = self.settings, self._access_log(self.settings)
        if has_hooks(self.cfg):
            hooking = HookingLog(log, self)
            return HookedServer(
                self.wsgi, settings, listeners=listeners, access_log=hooking, worker=self
            )
        return Server(self.wsgi, settings, listeners=listeners, access_log=log)

    async def _serve(self, server: Server) -> None:
        beat = asyncio.create_task(self._beat(server))
        try:
            await server.serve(self._ready)
        finally:
            beat.cancel()

    def _ready(self, server: Server) -> None:
        """Leave a mark that our arbiter looks for before it ends the workers of an old version."""
        self._has_served = True
        os.write(self.tmp.fileno(), _MARK)
        self.notify()
        if not self.alive:  # stopped before the server was ready
            server.request_stop()

    async def _beat(self, server: Server) -> None:
        """Send the heartbeat; stop if the arbiter is gone, or if `alive` is False."""
        pause = min(_HEARTBEAT, self.timeout) if self.timeout else _HEARTBEAT
        while True:
            self.notify()
            if self.alive and self.ppid != os.getppid():
                self.log.info("The arbiter is gone, stopping: %s", self)
                self.alive = False
            if not self.alive:
                server.request_stop()
            await asyncio.sleep(pause)

    def _stop(self, grace: float | None) -> None:
        if self._has_served and not self._is_leaving:
            self._is_leaving = True
            os.write(self.tmp.fileno(), _MARK)
        server = self.server
        if server is not None and server.has_begun:  # else `_ready` will see `alive`
            with suppress(RuntimeError):  # the loop has ended already
                server.loop.call_soon_threadsafe(server.request_stop, grace)

    def _access_log(self, settings: ServerSettings) -> Access | None:
        if _logs_access(self.cfg):
            log: AccessLog | None = AccessLog(GunicornSink(self.log, self.cfg.accesslog == "-"))
        else:
            log = open_log(settings)
        self._log = log
        return log if self.max_requests == sys.maxsize else _Counting(log, self)

    def count_request(self) -> None:
        """Count to ``max_requests``; then this worker stops and is replaced."""
        self.nr += 1
        if self.nr == self.max_requests:
            self.log.info("Replacing this worker after %d requests.", self.nr)
            self.alive = False
            self._stop(None)


class _Counting:
    """An access log (or None) that counts the requests of a worker too."""

    def __init__(self, log: Access | None, worker: Worker) -> None:
        self._log = log
        self._worker = worker

    def __call__(self, *fields: Argument) -> None:
        self._worker.count_request()
        if self._log is not None:
            self._log(*fields)

    def close(self) -> None:
        if isinstance(self._log, AccessLog):
            self._log.close()


class GunicornSink:
    """Writes access records with gunicorn's logger, in the format of ``--access-logformat``.

    SECURITY: control and non-ASCII characters are escaped (gunicorn itself sees to quotes), so that
    a client writes no lines and no terminal codes, and no encoding fails.
    """

    def __init__(self, log: Untyped, on_stream: bool) -> None:
        self._log = log
        self._on_stream = on_stream  # which workers share, and may be a pipe

    def write(self, records: Iterable[Record], /) -> None:
        """Log each record."""
        for record in records:
            if self._on_stream:
                record = bounded(record)
            headers = [(_atom(name), _atom(value)) for name, value in record.headers]
            answer = _Answer(str(record.status), record.sent, _fields(record))
            took = timedelta(seconds=record.seconds)
            self._log.access(answer, _Question(headers), _environ(record), took)

    def reopen(self) -> None:
        """Do nothing: gunicorn's logger does it (`Worker.handle_usr1`)."""

    def close(self) -> None:
        """Do nothing: the logger is gunicorn's."""


class _Question(NamedTuple):
    """The part of gunicorn's request that its logger reads."""

    headers: list[tuple[str, str]]


class _Answer(NamedTuple):
    """The part of gunicorn's response that its logger reads."""

    status: str
    sent: int
    headers: list[tuple[str, str]]


def _fields(record: Record) -> list[tuple[str, str]]:
    """Return the response's header fields."""
    lines = (line.partition(b":") for line in record.head.split(b"\r\n")[1:] if line)
    found = [(_atom(name), _atom(value.strip())) for name, _, value in lines]
    if found and found[-1] == ("Content-Length", ""):  # the value is added when it is written
        found[-1] = ("Content-Length", str(record.sent))
    return found


_UNPRINTABLE = re.compile(r"[^ -~]")


def _atom(text: bytes) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text.decode("latin-1"))


def _environ(record: Record) -> dict[str, str]:
    """Return the variables for the atoms of gunicorn's log format."""
    target = _atom(record.target) or "-"
    path, _, query = target.partition("?")
    environ = {
        "REMOTE_ADDR": escape_word(record.client) or "-",
        "REQUEST_METHOD": escape_word(record.method) or "-",
        "RAW_URI": target,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": f"HTTP/{record.version}",
    }
    for name in ("referer", "user-agent", "authorization"):
        value = record.header(name.encode())
        if value is not None:
            environ["HTTP_" + name.upper().replace("-", "_")] = _atom(value.encode("latin-1"))
    return environ


def _logs_access(cfg: GunicornConfig) -> bool:
    """Return True if gunicorn was told to write an access log somewhere."""
    by_syslog = cfg.syslog and not cfg.disable_redirect_access_to_syslog
    to_files = cfg.accesslog or cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json
    return bool(to_files or by_syslog or cfg.statsd_host)


def _owned(sock: Any) -> socket.socket:
    """Return the socket inside gunicorn's wrapper, or inside our `Listener`."""
    inner: socket.socket = getattr(sock, "sock", sock)
    return inner


def _error_stream(logger: logging.Logger) -> Any:
    """Return the file of the error log, for stacks written from C."""
    for handler in logger.handlers:
        stream = getattr(handler, "stream", None)
        if stream is not None and hasattr(stream, "fileno"):
            return stream
    return sys.stderr
