"""Start a server: `run` of `waterspout`, `run` of `flask`, `demo`, and `app.run()`.

In reload mode the command runs in two processes (`server/reload.py`): the first opens the
port and supervises without importing the application, the second comes through here again
and serves. There, an application that cannot be imported is replaced by one that shows why,
until the next save.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, cast

import click

from .. import server  # a package of lazy names: what a command does not use is not loaded
from ..app import App
from ..env import get_debug_flag, get_load_dotenv
from ..http import Response
from ..import_paths import load
from ..interfaces import Application
from ..server.listeners.tls import TlsError
from ..server.process.app_loader import ApplicationError
from ..server.process.reload import Watched, is_reload_child, run_with_reload
from ..server.settings import ServerSettings, SettingsError
from ..server.settings_sources import unknown_variables
from ..server.sockets import ListenError
from ..typing import Argument, Values
from .discovery import (
    AppImportError,
    NoAppException,
    NotAnAppException,
    ScriptInfo,
    find_module,
    format_user_traceback,
    split_import_path,
)
from .environment import load_dotenv as load_dotenv_files
from .groups import pass_script_info
from .main_guard import warn_of_unrun_main
from .options import (
    address_options,
    debug_option,
    dropin_option,
    joined,
    naming_options,
    server_options,
    set_app,
)
from .settings import RunCommand, print_settings, under_gunicorn

Cert = ssl.SSLContext | tuple[str, str | None] | str | None
RunSimple = Callable[..., None]
UNIX_PREFIX = "unix://"  # how Werkzeug's run_simple is given the path of a socket


def show_server_banner(debug: bool | None, app_import_path: str | None) -> None:
    """Say what is served, once: a reloaded process is silent."""
    if is_reload_child():
        return
    if app_import_path is not None:
        click.echo(f" * Serving Flask app '{app_import_path}'")
    if debug is not None:
        click.echo(f" * Debug mode: {'on' if debug else 'off'}")


_process_options = joined(
    click.option(
        "--workers", "-w", type=click.IntRange(1), default=1, show_default=True,
        envvar="WATERSPOUT_WORKERS", help="The number of processes.",
    ),
    click.option(
        "--uds", metavar="PATH", envvar="WATERSPOUT_UDS",
        help="Listen on a UNIX socket instead of host and port.",
    ),
    click.option(
        "--access-log/--no-access-log", default=None,
        help="Write a line for each request; it does unless told not to.",
    ),
)  # fmt: skip


def _run_settings(
    host: str,
    port: int,
    cert: Cert,
    reload: bool | None,
    workers: int,
    uds: str | None,
    access_log: bool | None,
) -> ServerSettings:
    """Return what `run` tells the server."""
    debug = get_debug_flag()
    if reload is None:
        reload = debug and workers == 1
    settings = _settings(host, port, cert, workers=workers, debug=debug, reload=reload)
    if uds:
        settings = settings.evolve(uds=uds)
    if access_log is not None or settings.access_log is None:
        settings = settings.evolve(access_log=None if access_log is False else "-")
    return settings


@click.command("settings", short_help="Show what a server would be told, and by whom.")
@server_options
@_process_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--gunicorn", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
    help="Show what holds under gunicorn with this configuration file (gunicorn.conf.py).",
)  # fmt: skip
def settings_command(
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
    as_json: bool,
    gunicorn: str | None,
    **options: Argument,
) -> None:
    """Show each setting of the server, its value, and where that comes from: the default, a file
    of variables ('.env'), the environment, an option, 'run' itself, or gunicorn's settings.

    The options are those of 'run'.
    """
    with _errors_in_words():
        told = ServerSettings.from_env()
        layers = [("environment", told)]
        if gunicorn is not None:
            layers.append((f"gunicorn ({gunicorn})", under_gunicorn(gunicorn)))
        else:
            layers += [
                ("run", _run_settings(told.host, told.port, None, None, told.workers, None, None)),
                ("option", _run_settings(**options)),
            ]
    for text in unknown_variables():
        click.echo(f"Warning: {text}", err=True)
    print_settings(layers, as_json)


settings_command.params.append(debug_option)


@click.command("run", cls=RunCommand, short_help="Serve the application.")
@click.argument(
    "import_path", metavar="[MODULE:APP]", required=False, callback=set_app, expose_value=False
)
@server_options
@_process_options
@pass_script_info
def serve_command(
    info: ScriptInfo,
    /,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
    **options: Argument,
) -> None:
    """Serve MODULE:APP, or the application that is named or found otherwise.

    APP is a variable, a factory 'create_app()' or a call 'create_app("argument")'. The
    server is the same in development and in production; '--debug' adds the reloader and
    the error page.
    """
    with _errors_in_words():
        settings = _run_settings(**options)
        if settings.reload and not is_reload_child():
            _supervise(settings, info, extra_files, exclude_patterns)
        if info.app_import_path:
            module, _ = split_import_path(info.app_import_path)
            find_module(module)
            warn_of_unrun_main(module)
        # Each of several workers loads the application itself: threads, loops and connections
        # made while it is imported do not survive a fork.
        several = settings.workers > 1 or settings.limits.requests_per_worker
        app = _factory(info) if several else _or_its_wrapper(partial(_load_app, info))
        if not is_reload_child():
            named = f"'{info.app_import_path}'" if info.app_import_path else "the application"
            mode = "debug" if settings.debug else "production"
            click.echo(f"Serving {named} in {mode} mode. Ctrl+C stops.", err=True)
        server.serve(app, settings)


serve_command.params += [*naming_options(), dropin_option, debug_option]


@click.command("run", short_help="Serve the application.")
@server_options
@click.option("--debugger/--no-debugger", default=None,
              help="Show errors in the browser; the default is to do it in debug mode.",
)  # fmt: skip
@click.option("--with-threads/--without-threads", default=True,
              help="Run several views at a time.")  # fmt: skip
@pass_script_info
def run_command(
    info: ScriptInfo,
    host: str,
    port: int,
    cert: Cert,
    reload: bool | None,
    debugger: bool | None,
    with_threads: bool,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
) -> None:
    """Serve the application.

    Debug mode ('--debug') turns the reloader and the error page on.
    """
    debug = get_debug_flag()
    reload = debug if reload is None else reload
    run_simple = _run_simple()
    with _errors_in_words():
        if reload and not is_reload_child() and run_simple is server.run_simple:
            show_server_banner(debug, info.app_import_path)
            _supervise(_settings(host, port, cert), info, extra_files, exclude_patterns)
        app = _load_app(info)
        show_server_banner(debug, info.app_import_path)
        run_simple(
            host,
            port,
            app,
            use_reloader=reload,
            use_debugger=debug if debugger is None else debugger,
            threaded=with_threads,
            ssl_context=cert,
            extra_files=extra_files,
            exclude_patterns=exclude_patterns,
        )


run_command.params.insert(0, debug_option)


@click.command("demo", short_help="Serve a blog.")
@address_options
@click.option("--database", metavar="URL",
              help="Use this database (postgresql://…, mysql://…) instead of an SQLite file.",
)  # fmt: skip
@click.option("--redis", metavar="URL",
              help="Share sessions, cache, limits and live comments through this Redis.",
)  # fmt: skip
@click.option("--workers", "-w", type=click.IntRange(1), default=1, show_default=True,
              help="The number of processes.")  # fmt: skip
@click.option("--public-url", metavar="URL", envvar="BLOG_PUBLIC_URL",
              help="Begin links in mails with this (default: the host and port of this command).",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Delete what is there, and begin with the samples.")
def demo_command(
    host: str,
    port: int,
    database: str | None,
    redis: str | None,
    workers: int,
    public_url: str | None,
    fresh: bool,
) -> None:
    """Serve a blog, to look at and to read.

    The first start makes the folder 'waterspout-blog' with a database, samples and an admin.

    \f
    Raises:
        click.ClickException: A package is missing, or a URL is of no use; the message says which.
    """
    try:
        make_app, start_app = load("waterspout.demo:make_app"), load("waterspout.demo:start_app")
    except ModuleNotFoundError as ex:
        raise click.ClickException(
            f"The demo needs the package '{ex.name}': pip install 'waterspout[demo]'."
        ) from None

    given = {"SQLALCHEMY_DATABASE_URI": database, "REDIS_URL": redis}
    settings = {name: value for name, value in given.items() if value}
    with _errors_in_words():
        of_server = _settings(host, port, None, workers=workers)
        settings["PUBLIC_URL"] = public_url or _own_url(of_server)
        app = start_app(settings, fresh=fresh)
        # Each of several workers makes the application for itself.
        server.serve(app if workers == 1 else lambda: make_app(settings), of_server)


def _own_url(settings: ServerSettings) -> str:
    """Return the URL that a browser on this machine has for the server."""
    host = {"": "localhost", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    scheme = "https" if settings.tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def run_app(
    app: App,
    host: str | None = None,
    port: int | None = None,
    *,
    debug: bool | None = None,
    load_dotenv: bool = True,
    **options: object,
) -> None:
    """Do what `app.run()` promises."""
    if os.environ.get("FLASK_RUN_FROM_CLI") == "true":
        if not is_reload_child():
            click.secho(
                " * Ignoring a call of 'app.run()': the command line is running already.\n"
                "   Call it below \"if __name__ == '__main__':\" only.",
                fg="red",
            )
        return
    if get_load_dotenv(load_dotenv):
        load_dotenv_files()
        if "FLASK_DEBUG" in os.environ:
            app.debug = get_debug_flag()
    if debug is not None:
        app.debug = bool(debug)

    named_host, _, named_port = (app.config.get("SERVER_NAME") or "").partition(":")
    with _errors_in_words():
        operator = ServerSettings.from_env()
    if host is None and operator.uds is not None:
        host = UNIX_PREFIX + operator.uds
    if host is None and "WATERSPOUT_HOST" in os.environ:
        host = operator.host
    if port is None and "WATERSPOUT_PORT" not in os.environ:
        port = int(named_port or 5000)
    options.setdefault("use_reloader", app.debug)
    options.setdefault("use_debugger", app.debug)
    options.setdefault("threaded", True)
    show_server_banner(app.debug, app.name)
    try:
        with _errors_in_words():
            address = host or named_host or "127.0.0.1"
            _run_simple()(address, operator.port if port is None else int(port), app, **options)
    finally:
        # Set-up is open again for a program that goes on (an interactive one).
        app._got_first_request = False


def _run_simple() -> RunSimple:
    """Return `werkzeug.serving.run_simple` if a program replaced it, else our own.

    Programs and tests put theirs there and expect the commands to call it; the drop-in puts
    ours there.
    """
    module = sys.modules.get("werkzeug.serving")
    found: RunSimple | None = getattr(module, "run_simple", None)
    if found is None or found.__module__ in {"werkzeug.serving", "waterspout.dropin.removed"}:
        return cast("RunSimple", server.run_simple)
    return found


def _settings(host: str, port: int, cert: Cert, **more: object) -> ServerSettings:
    """Return the settings of the environment with the options on top."""
    values: Values = {"host": host, "port": port, **more}
    if host.startswith(UNIX_PREFIX):
        values |= {"host": "", "uds": host.removeprefix(UNIX_PREFIX)}
    if isinstance(cert, tuple):
        values["certfile"], values["keyfile"] = cert
    elif isinstance(cert, str):
        values["certfile"] = cert
    elif cert is not None:
        values["ssl_context"] = cert
    return ServerSettings.from_env().evolve(**values)


def _supervise(
    settings: ServerSettings,
    info: ScriptInfo,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
) -> NoReturn:
    """Become the supervisor, and end with it."""
    directories = [os.getcwd(), *settings.reload_dirs]
    if info.app_import_path:
        path, _ = split_import_path(info.app_import_path)
        directories.append(os.path.dirname(os.path.realpath(path)))
    sys.exit(
        run_with_reload(
            settings,
            Watched(tuple(directories), tuple(extra_files or ()), tuple(exclude_patterns or ())),
        )
    )


def _load_app(info: ScriptInfo) -> Application:
    """Load the application. An error in its code ends the command with the traceback; in a
    reloaded process it becomes what is served."""
    try:
        return info.load_app()
    except Exception as ex:
        if isinstance(ex, NoAppException) and not isinstance(ex, AppImportError):
            raise
        text = ex.message if isinstance(ex, AppImportError) else format_user_traceback(ex)
        click.echo(text, err=True)
        if is_reload_child():
            return _stand_in(text)
        sys.exit(1)


def _or_its_wrapper(load: Callable[[], object]) -> object:
    """Return what *load* does, or the WSGI callable that was found instead (`ProxyFix`, a
    dispatcher): the server takes both."""
    try:
        return load()
    except NotAnAppException as ex:
        if not callable(ex.found) or ex.is_flask:
            raise
        return ex.found


def _factory(info: ScriptInfo) -> Callable[[], object]:
    """Return the function by which each worker makes the application for itself.

    A module that is not there is reported now; whatever else is wrong, by the workers.
    """
    if info.app_import_path:
        find_module(split_import_path(info.app_import_path)[0])

    def load() -> object:
        try:
            return _or_its_wrapper(info.load_app)
        except NoAppException as ex:
            raise ApplicationError(ex.message) from None
        except Exception as ex:  # printed as it is, instead of a traceback through the worker
            raise ApplicationError(format_user_traceback(ex)) from None

    return load


def _stand_in(reason: str) -> App:
    """Make the application that is served while the real one cannot be loaded."""
    app = App("waterspout", static_folder=None)
    # SECURITY: the reloader alone may be in use where strangers look; the traceback is for
    # debug mode.
    shown = reason if get_debug_flag() else "The reason is in the log of the server."
    text = f"The application could not be loaded. Waiting for the next save.\n\n{shown}\n"

    @app.before_request
    async def show() -> Response:
        return Response(text, 500, {"Cache-Control": "no-store"}, mimetype="text/plain")

    return app


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """End with a message instead of a traceback for impossible settings."""
    try:
        yield
    except (ListenError, TlsError, SettingsError) as ex:
        click.echo(f"Error: {ex}", err=True)
        sys.exit(2 if isinstance(ex, SettingsError) else 1)
