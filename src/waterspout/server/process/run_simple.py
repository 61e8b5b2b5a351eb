"""Werkzeug's `run_simple`, on our server.

The arguments and their meaning are Werkzeug's, so that a program that calls it, or
``app.run(...)`` with its options, runs unchanged; arguments that only concern Werkzeug's own
server are accepted and ignored.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable
from typing import Any

from ...app import App
from ...log import show
from .. import werkzeug_log
from ..access_log import AccessLog
from ..settings import ServerSettings
from .reload import is_reload_child
from .run import prepare_log, run_in_workers, serve_here, supervise, watch_sources

_logger = logging.getLogger("waterspout.server")


def run_simple(
    hostname: str,
    port: int,
    application: object,
    use_reloader: bool = False,
    use_debugger: bool = False,
    use_evalex: bool = True,
    extra_files: Iterable[str] | None = None,
    exclude_patterns: Iterable[str] | None = None,
    reloader_interval: int = 1,
    reloader_type: str = "auto",
    threaded: bool = False,
    processes: int = 1,
    request_handler: object = None,
    static_files: dict[str, str | tuple[str, str]] | None = None,
    passthrough_errors: bool = False,
    ssl_context: ssl.SSLContext | tuple[str, str | None] | str | None = None,
) -> None:
    """Serve an application or any WSGI callable until the process is told to stop.

    Args:
        hostname: Host, address, or ``unix://path``.
        port: TCP port; 0 takes a free one.
        application: Ours, or any WSGI application.
        use_reloader: Restart on changed files; `extra_files` are watched too, those that match
            one of `exclude_patterns` (`fnmatch`) are not.
        use_debugger: Show errors in the browser; with `use_evalex`, a console in each frame.
        threaded: Run several views at a time, in threads; else one at a time, in this thread.
        processes: Run that many workers; not together with `threaded`.
        static_files: URL prefixes and the folders served below them.
        ssl_context: A context, ``(certfile, keyfile)``, or ``"adhoc"``.

    Requests and the start are logged to the logger "werkzeug" (`werkzeug_log`).  Settings without
    an argument come from ``WATERSPOUT_…`` variables.

    `reloader_interval`, `reloader_type`, `request_handler` and `passthrough_errors` belong to
    Werkzeug's server and have no effect.

    Raises `TypeError` for a port that is not an int, `ValueError` for threads and processes
    together, and `SystemExit` with the exit status of the supervisor, or of a server that has
    failed.
    """
    if not isinstance(port, int):
        raise TypeError("port must be an integer")
    if threaded and processes > 1:
        raise ValueError("Cannot have a multi-thread and multi-process server.")
    prepare_log()
    if request_handler is not None:
        _logger.info("request_handler is ignored: this server does not use Werkzeug's handlers.")
    settings = _settings(hostname, port, ssl_context).evolve(debug=use_debugger)
    if processes > 1 or use_reloader:
        settings = settings.evolve(workers=processes)
    if not threaded:
        settings = settings.evolve(threads={"views_min": 1, "views_max": 1})
    if use_reloader and not is_reload_child():
        watched = watch_sources(settings, extra_files or (), exclude_patterns or ())
        raise SystemExit(supervise(settings, watched))
    application = _wrapped(application, hostname, static_files, use_debugger, use_evalex)
    if settings.workers > 1:
        status = run_in_workers(application, settings)
    else:
        show(werkzeug_log.logger)
        told = settings.access_log  # by the environment
        log = AccessLog(werkzeug_log.LoggerSink()) if told is None else None
        ready = werkzeug_log.announce
        status = serve_here(application, settings, log, ready, views_here=not threaded)
    if status:
        raise SystemExit(status)


def _settings(hostname: str, port: int, ssl_context: object) -> ServerSettings:
    """Return the settings of the environment with the arguments on top."""
    settings = ServerSettings.from_env().evolve(port=port)
    if hostname.startswith("unix://"):
        settings = settings.evolve(uds=hostname.removeprefix("unix://"))
    else:
        settings = settings.evolve(host=hostname, uds=None)
    if isinstance(ssl_context, ssl.SSLContext):
        return settings.evolve(ssl_context=ssl_context)
    if isinstance(ssl_context, tuple):
        return settings.evolve(certfile=ssl_context[0], keyfile=ssl_context[1])
    return settings if ssl_context is None else settings.evolve(certfile=ssl_context)


def _wrapped(
    application: Any,
    hostname: str,
    static_files: dict[str, str | tuple[str, str]] | None,
    debugger: bool,
    evalex: bool,
) -> object:
    """Wrap the program in the WSGI middleware of the arguments."""
    if static_files:
        from werkzeug.middleware.shared_data import SharedDataMiddleware

        application = SharedDataMiddleware(application, static_files)
    if debugger and not isinstance(application, App):
        from werkzeug.debug import DebuggedApplication

        application = DebuggedApplication(application, evalex=evalex)
        application.trusted_hosts.append(hostname)
    return application
