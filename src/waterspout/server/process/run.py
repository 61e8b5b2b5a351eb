"""Run a server: event loop, signals, start lines, exit status; in a process or in a thread.

`serve` serves until the process is told to stop (`signals`).  Exit status: 0 after a
stop, 1 if the server cannot listen or find the application, 3 if a startup hook failed, 128 +
signal number when forced.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from ...application.lifespan import StartupError
from ...concurrency.request_thread import waits_for_thread
from ...concurrency.thread_pools import CallersLane
from ...import_paths import load
from ...log import show
from ..access_log import Access
from ..listeners.tls import TlsError
from ..serving import Server
from ..settings import ServerSettings, SettingsError
from ..settings_sources import unknown_variables
from ..sockets import ListenError
from .app_loader import ApplicationError
from .interpreter import prepare
from .reload import Watched, is_reload_child, run_with_reload
from .signals import LATE_SECONDS, ServerSignals, last_resort

_logger = logging.getLogger("waterspout.server")

EXIT_CANNOT_LISTEN = 1
EXIT_STARTUP_FAILED = 3  # the same number tells gunicorn's arbiter not to try again
# Long enough for a client that is just sending its next request, shorter than an import.
_RELOAD_LINGER = 0.2


def serve(app: object, settings: ServerSettings | None = None, **changes: object) -> None:
    """Serve `app` until the process is told to stop.

    Args:
        app: An application, or its import string ``"module:name"``.
        settings: See `ServerSettings`; `changes` are put on top: ``serve(app, port=8000)``.

    Returns after a graceful stop.  Raises `SystemExit` with a status above 0 if the server
    could not start; the reason is on standard error.
    """
    settings = (settings or ServerSettings()).evolve(**changes)
    prepare_log()
    if settings.reload and not is_reload_child():
        status = supervise(settings)
    elif settings.workers > 1 or settings.limits.requests_per_worker:
        status = run_in_workers(app, settings)
    else:
        status = serve_here(app, settings)
    if status:
        raise SystemExit(status)


def run_in_workers(app: object, settings: ServerSettings) -> int:
    """Serve `app` in processes of their own, `settings.workers` of them; return the status.

    Raises `SettingsError` without gunicorn, whose arbiter runs them.
    """
    if find_spec("gunicorn") is None:
        raise SettingsError(
            "Several workers, or workers that are replaced, need the package gunicorn: pip install"
            " 'waterspout[workers]'."
        )
    # gunicorn is loaded for workers only
    status: int = load("waterspout.server.process.arbiter:run_workers")(app, settings)
    return status


def announce(server: Server) -> None:
    """Write the start line, one for each address."""
    for url in server.urls:
        _logger.info("Listening on %s (pid %d)", url, os.getpid())


def serve_here(
    app: object,
    settings: ServerSettings,
    access_log: Access | None = None,
    ready: Callable[[Server], object] = announce,
    *,
    views_here: bool = False,
) -> int:
    """Serve in this process and thread until told to stop; return the exit status.

    *ready* is called when the server accepts connections. With *views_here* the loop has a thread
    of its own, and all `def` code of requests runs in this one, a request at a time.
    """
    if is_reload_child():  # a change takes effect at once, even with idle connections open
        linger = min(settings.timeouts.linger, _RELOAD_LINGER)
        settings = settings.evolve(timeouts={"linger": linger})
    with explained() as outcome:
        server = Server(app, settings, access_log=access_log)
        raise_descriptor_limit(settings.limits.max_connections)
        prepare(settings.threads)
        with last_resort(server), ServerSignals(server):
            if _runs_a_loop():
                _run_in_thread(server, ready)
            elif views_here:
                server.callers_thread = True
                _run_in_thread(server, ready, _work_on_views)
            else:
                _run(server, ready)
    return outcome.status


def _run(server: Server, ready: Callable[[Server], object]) -> None:
    """Serve on a loop of its own until told to stop; call *ready* when it accepts."""
    with asyncio.Runner(loop_factory=loop_factory(server.settings.loop)) as runner:
        try:
            runner.run(server.serve(ready))
        finally:
            runner.run(end_tasks(server))


async def end_tasks(server: Server) -> None:
    """End the tasks that are left, within the grace time.

    A task whose thread is in code that does not end can neither be ended nor woken, as the thread
    is in its context: the loop's end does not wait for it. So the process ends as Python ends it,
    with the program's `atexit` functions and the code after ``app.run()``.
    """
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    # The stop has waited for the threads that it had to wait for.
    if others := {task for task in tasks if not waits_for_thread(task)}:
        await asyncio.wait(others, timeout=max(server.grace_left, LATE_SECONDS / 2))
    for task in tasks:
        if not task.done():
            asyncio.tasks._unregister_task(task)
            task._log_destroy_pending = False  # type: ignore[attr-defined]


def _runs_a_loop() -> bool:
    """Tell whether this thread runs an event loop, as a notebook's does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(
    server: Server,
    ready: Callable[[Server], object],
    meanwhile: Callable[[Server], object] = lambda server: None,
) -> None:
    """Do what `_run` does in a thread, call *meanwhile* when it has begun, and wait for it; signal
    handlers run in this thread."""
    failure: list[BaseException] = []
    begun = threading.Event()

    def tell(server: Server) -> None:
        begun.set()
        ready(server)

    def run() -> None:
        try:
            _run(server, tell)
        except BaseException as ex:
            failure.append(ex)
        finally:
            begun.set()

    thread = threading.Thread(target=run, name="waterspout-server", daemon=True)
    thread.start()
    begun.wait()
    if not failure:
        meanwhile(server)
    thread.join()
    if failure:
        raise failure[0]


def _work_on_views(server: Server) -> None:
    """Run the `def` code of requests in this thread until the server has stopped."""
    views = server.lanes.views
    assert isinstance(views, CallersLane)
    views.work_here()


def supervise(settings: ServerSettings, watched: Watched | None = None) -> int:
    """Run this command again as a child, and anew when files change; return the exit status.

    Args:
        watched: What restarts it; default: Python files below the working directory, the
            main script's, and ``settings.reload_dirs``.
    """
    with explained() as outcome:
        outcome.status = run_with_reload(settings, watched or watch_sources(settings))
    return outcome.status


def watch_sources(
    settings: ServerSettings, files: Iterable[str] = (), exclude: Iterable[str] = ()
) -> Watched:
    """Return what restarts a development server: Python sources below the working directory,
    the main script's and ``settings.reload_dirs``, and `files`; nothing that matches `exclude`."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    directories = [os.getcwd(), *settings.reload_dirs]
    if script is not None:
        directories.append(os.path.dirname(os.path.abspath(script)))
    return Watched(tuple(dict.fromkeys(directories)), tuple(files), tuple(exclude))


class Outcome:
    """The exit status that `explained` found."""

    status = 0


@contextmanager
def explained() -> Iterator[Outcome]:
    """Turn errors of a start into text on standard error and an exit status."""
    outcome = Outcome()
    try:
        yield outcome
    except StartupError as ex:
        if ex.__cause__ is not None:
            traceback.print_exception(ex.__cause__)
        sys.stderr.write(f"Error: {ex}\n")
        outcome.status = EXIT_STARTUP_FAILED
    except (ListenError, TlsError, ApplicationError, SettingsError) as ex:
        sys.stderr.write(f"Error: {ex}\n")
        outcome.status = EXIT_CANNOT_LISTEN


def show_log() -> None:
    """Show the server's own log lines where the program set up no logging (as Flask does)."""
    show(_logger)


def prepare_log() -> None:
    """Do the same, and name the environment variables that set nothing."""
    show_log()
    if not is_reload_child():
        for text in unknown_variables():
            _logger.warning("%s", text)


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a factory of event loops: ``"uvloop"``, ``"asyncio"``, or ``"auto"``, the better one.

    Raises `SettingsError` for ``"uvloop"`` where the package is not installed.
    """
    if name == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop
    except ImportError:
        if name == "uvloop":
            raise SettingsError(
                "loop is 'uvloop' and the package is not installed: pip install uvloop,"
                " or loop='auto'."
            ) from None
        return asyncio.new_event_loop
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make


def raise_descriptor_limit(connections: int) -> None:
    """Raise the soft limit of open files so far that `connections` fit, if the hard one allows.

    The usual soft limit of 1024 is there for programs that call ``select``; Go does the same.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 1024
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def serve_in_thread(
    app: object, settings: ServerSettings | None = None, **changes: object
) -> Iterator[Server]:
    """Serve in a thread with a loop of its own, for tests and notebooks, until the block ends.

    The port is a free one unless `settings` or `changes` name one.  Errors of the start are
    raised here.

    >>> with serve_in_thread(app) as server:
    ...     httpx.get(server.urls[0])
    """
    settings = (settings or ServerSettings(port=0)).evolve(**changes)
    server = Server(app, settings)
    started = threading.Event()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            _run(server, lambda _: started.set())
        except BaseException as ex:
            failure.append(ex)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="waterspout-server", daemon=True)
    thread.start()
    started.wait()
    try:
        if not failure:
            yield server
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            server.loop.call_soon_threadsafe(server.request_stop)
        thread.join(settings.timeouts.graceful + LATE_SECONDS)
    if failure:
        raise failure[0]
