"""The application class, `App` (Flask's ``Flask``).

`App` combines `registration` (what can be registered) and `dispatch.pipeline` (the stages of a
request), and is the entry of every gateway: a WSGI callable, an ASGI callable, an application of
the native server and of the test clients. Flask's methods for the stages of a request are here,
for programs that call or override them; each drives the pipeline's stage.
"""

from __future__ import annotations

import os
import sys
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from . import typing as ft
from .application.handlers import Joining
from .application.mounts import below, path_of
from .application.scaffold import setupmethod, static_view
from .concurrency import async_to_sync as bridge
from .concurrency.coroutines import drive
from .context.app_context import _unset
from .context.propagation import carry
from .context.request_context import (
    AppContext,
    RequestContext,
    _cv_app,
    _cv_request,
    current_context,
    g,
    request,
    session,
)
from .csrf import csrf_token
from .dispatch import pipeline
from .dispatch.admission import takes_environ
from .dispatch.before_send import pass_last_to_wsgi
from .dispatch.drivers import SYNC
from .dispatch.make_response import to_response
from .dispatch.plan import SEAMS, Heads, Plan, is_async
from .flashing import get_flashed_messages
from .http import Request, Response
from .http.debugging import FormDataRoutingRedirect
from .http.response import is_made_while_sent
from .import_paths import load
from .log import printable
from .observed import observe
from .routing.urls import build_url
from .sessions.cookie import is_lazy
from .templating import fill_context
from .typing import Argument, Coro, Function, Values

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from .templating import Environment
    from .testing import FlaskClient, FlaskCliRunner

F = TypeVar("F", bound=Function)
T = TypeVar("T")

#: Methods whose override is kept by sending every request through WSGI.
_WSGI_SEAMS = ("wsgi_app", "__call__", "request_context", "app_context")


class App(Joining):
    """A web application.

        app = App(__name__)

        @app.get("/hello/<name>")
        async def hello(name):
            return {"hello": name}

    The settings are the "modern" preset; ``waterspout.flask.Flask`` is the same class with
    Flask's defaults.

    Args:
        import_name: The module that the application is defined in, usually ``__name__``. Its folder
            is the root of ``static`` and ``templates``.
        static_url_path: URL prefix of the static files; by default ``/`` and the folder's name.
        static_folder: Folder of the static files, below *root_path*; None: no static files.
        static_host: Host that serves the static files; only, and always, with *host_matching*.
        host_matching: Rules match by their option ``host``, which each must then have.
        subdomain_matching: Rules match by their option ``subdomain``, below SERVER_NAME.
        template_folder: Folder of the templates, below *root_path*; None: no folder.
        instance_path: Absolute path of the folder for files of this installation; by default found
            beside the package (`auto_find_instance_path`).
        instance_relative_config: Whether files of `config` are looked for in *instance_path*
            instead of *root_path*.
        root_path: Folder of the application; by default that of *import_name*.

    Raises `AssertionError` for *static_host* without *host_matching*, or the other way round, and
    `ValueError` for an *instance_path* that is not absolute.
    """

    request_class: type[Request] = Request
    response_class: type[Response] = Response

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name=import_name,
            static_url_path=static_url_path,
            static_folder=static_folder,
            host_matching=host_matching,
            subdomain_matching=subdomain_matching,
            template_folder=template_folder,
            instance_path=instance_path,
            instance_relative_config=instance_relative_config,
            root_path=root_path,
        )
        #: Functions called once, before the first request is handled.
        self.before_first_request_funcs: list[Callable[[], object]] = []
        self._waterspout_first_request: Future[None] | None = None
        self.waterspout_kept_heads: Heads | None = None
        self._waterspout_first_request_lock = threading.Lock()
        #: Functions called when a server starts and stops with the app, and contexts that
        #: are entered and left around both.
        self.waterspout_startup_funcs: list[Callable[[], object]] = []
        self.waterspout_shutdown_funcs: list[Callable[[], object]] = []
        self.waterspout_lifespan_funcs: list[Function] = []
        self.waterspout_note_change()
        observe(self)
        self._waterspout_no_route: Plan | None = None
        if self.has_static_folder:
            if bool(static_host) != host_matching:
                raise AssertionError("Invalid static_host/host_matching combination")
            self.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                endpoint="static",
                host=static_host,
                view_func=static_view(self),
            )

    # -- what a program overrides ------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in _OWN or name == "session_interface":
            self.waterspout_note_change()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _OWN or name == "session_interface":
            self.waterspout_note_change()

    def waterspout_note_change(self) -> None:
        """Work out again which methods and classes the program has replaced."""
        self.waterspout_overridden = frozenset(
            name for name in SEAMS if self._waterspout_overrides(name)
        )
        #: Whether requests must go through WSGI, because the program wrapped or replaced it
        #: (``app.wsgi_app = Middleware(app.wsgi_app)``).
        self.waterspout_needs_wsgi = any(self._waterspout_overrides(name) for name in _WSGI_SEAMS)
        #: Whether the session may be opened on first use.
        self.waterspout_session_is_lazy = is_lazy(self.session_interface)
        #: Whether a request is matched by its path alone, whatever its host.
        self.waterspout_matches_by_path = (
            "create_url_adapter" not in self.waterspout_overridden and not self.subdomain_matching
        )
        self.waterspout_revision.advance()

    def _waterspout_overrides(self, name: str) -> bool:
        return name in self.__dict__ or getattr(type(self), name) is not _OWN[name]

    @property
    def waterspout_matches_early(self) -> bool:
        """Whether a request may be matched before its context is current: no converter or
        URL adapter of the program runs for it."""
        return (
            "create_url_adapter" not in self.waterspout_overridden
            and self.waterspout_route_table.stock_converters
        )

    def waterspout_plan_for(self, rule: Any) -> Plan:
        """Return what a request that matched *rule* (None: no rule) needs."""
        plan: Plan | None = (
            self._waterspout_no_route if rule is None else getattr(rule, "plan", None)
        )
        if plan is None or plan.revision != self.waterspout_revision.number:
            plan = Plan(self, rule)
            if rule is None:
                self._waterspout_no_route = plan
            else:
                rule.plan = plan
        return plan

    # -- registering what only an application has --------------------------------

    @setupmethod
    def before_first_request(self, f: F) -> F:
        """Call *f* once, before the first request is handled; other requests wait for it."""
        self.before_first_request_funcs.append(f)
        return f

    @setupmethod
    def before_send(self, f: F) -> F:
        """Call *f* with each response just before it is sent, whatever made it: a view, an
        error in a hook, the server itself (503, 504). It is a `def` function that sets headers
        and never waits, see `before_send`.

        Raises `TypeError` for an ``async def`` function.
        """
        if is_async(f):
            raise TypeError("A before-send function is called at once; it cannot be 'async def'.")
        self.waterspout_before_send_funcs.append(f)
        return f

    @setupmethod
    def on_startup(self, f: F) -> F:
        """Call *f*, `def` or `async def`, when a server starts with the app."""
        self.waterspout_startup_funcs.append(f)
        return f

    @setupmethod
    def on_shutdown(self, f: F) -> F:
        """Call *f*, `def` or `async def`, when the server stops, last registered first."""
        self.waterspout_shutdown_funcs.append(f)
        return f

    @setupmethod
    def lifespan(self, f: F) -> F:
        """Enter ``f(app)``, an async (or sync) context manager or generator function of one,
        when a server starts, and leave it when the server stops."""
        self.waterspout_lifespan_funcs.append(f)
        return f

    def waterspout_take_first_request(self) -> tuple[Future[None], list[Callable[[], object]]]:
        """Return a future of the end of the functions that run once, and those functions if the
        caller is the one to run them."""
        with self._waterspout_first_request_lock:
            if self._waterspout_first_request is not None:
                return self._waterspout_first_request, []
            self._waterspout_first_request = Future()
            return self._waterspout_first_request, list(self.before_first_request_funcs)

    # -- templates -----------------------------------------------------------------

    def create_jinja_environment(self) -> Environment:
        """Make `jinja_env` of `jinja_options`, with the names that templates know."""
        options = dict(self.jinja_options)
        options.setdefault("autoescape", self.select_jinja_autoescape)
        auto_reload = self.config["TEMPLATES_AUTO_RELOAD"]
        options.setdefault("auto_reload", self.debug if auto_reload is None else auto_reload)
        made: Environment = self.jinja_environment(self, **options)
        # The proxies are for imported templates; rendered ones get the objects themselves.
        made.globals.update(
            url_for=self.url_for,
            get_flashed_messages=get_flashed_messages,
            csrf_token=csrf_token,
            config=self.config,
            request=request,
            session=session,
            g=g,
        )
        made.policies["json.dumps_function"] = self.json.dumps
        return made

    def update_template_context(self, context: Values) -> None:
        """Add what context processors give to *context*; its own values win."""
        fill_context(self, context)

    def make_shell_context(self) -> Values:
        """Return the names of an interactive shell."""
        names = {"app": self, "g": g}
        for processor in self.shell_context_processors:
            names.update(processor())
        return names

    # -- URLs ----------------------------------------------------------------------

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the URL map to a request, or to SERVER_NAME outside one (None without it)."""
        if request is not None:
            return self._waterspout_make_adapter(request)
        config = self.config
        if config["SERVER_NAME"] is None:
            return None
        return self.url_map.bind(
            config["SERVER_NAME"],
            script_name=config["APPLICATION_ROOT"],
            url_scheme=config["PREFERRED_URL_SCHEME"],
        )

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Argument,
    ) -> str:
        """Build the URL of *endpoint* (see `waterspout.url_for`)."""
        return build_url(
            self,
            endpoint,
            values,
            anchor=_anchor,
            method=_method,
            scheme=_scheme,
            external=_external,
        )

    # -- the stages of a request, for programs that call or override them ----------

    def full_dispatch_request(self) -> Response:
        """Run hooks, view and error handlers and return the finished response."""
        return cast("Response", drive(pipeline.full_dispatch(current_context(), SYNC)))

    def preprocess_request(self) -> ft.ReturnValue:
        """Run the before-request functions; a value other than None ends the dispatching."""
        ctx = current_context()
        return drive(pipeline.preprocess(ctx, SYNC, self.waterspout_plan_for(ctx.request.url_rule)))

    def dispatch_request(self) -> ft.ReturnValue:
        """Call the view that matched and return its value."""
        return drive(pipeline.dispatch(current_context(), SYNC))

    def finalize_request(
        self, rv: ft.ResponseReturnValue | HTTPException, from_error_handler: bool = False
    ) -> Response:
        """Make the response of a view's value and run the after-request functions."""
        return drive(pipeline.finalize(current_context(), SYNC, rv, from_error_handler))

    def process_response(self, response: Response) -> Response:
        """Run the after-request functions on *response* and save the session."""
        return drive(pipeline.process_response(current_context(), SYNC, response))

    def make_response(self, rv: ft.ReturnValue) -> Response:
        """Convert a view's value to a response, see `make_response.to_response`."""
        return to_response(self, current_context().request, rv)

    def handle_http_exception(self, e: HTTPException) -> ft.ReturnValue:
        """Return an error handler's value for an HTTP error, or the error."""
        return drive(pipeline.handle_http_exception(current_context(), SYNC, e))

    def handle_user_exception(self, e: Exception) -> ft.ReturnValue:
        """Return an error handler's value for an exception, or raise it on."""
        return drive(pipeline.handle_user_exception(current_context(), SYNC, e))

    def handle_exception(self, e: Exception) -> Response:
        """Log an unhandled exception and return the 500 response, or raise it again."""
        return drive(pipeline.handle_exception(current_context(), SYNC, e))

    def log_exception(
        self,
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> None:
        """Log an exception that becomes a 500."""
        current = current_context().request
        path = printable(current.path)
        self.logger.error(f"Exception on {path} [{current.method}]", exc_info=exc_info)

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Raise the routing error of *request*; in debug mode a redirect that would lose a
        form's data is an error that explains itself."""
        error = request.routing_exception
        assert error is not None
        if (
            not self.debug
            or not isinstance(error, RequestRedirect)
            or error.code in {307, 308}
            or request.method in {"GET", "HEAD", "OPTIONS"}
        ):
            raise error
        raise FormDataRoutingRedirect(request)

    def make_default_options_response(self) -> Response:
        """Make the automatic response to OPTIONS."""
        adapter = cast("MapAdapter", current_context().url_adapter)
        response = self.response_class()
        response.allow.update(adapter.allowed_methods())
        return response

    def do_teardown_request(self, exc: BaseException | None = _unset) -> None:
        """Run the teardown-request functions with *exc* (default: the current exception)."""
        if exc is _unset:
            exc = sys.exc_info()[1]
        drive(pipeline.teardown_request(current_context(), SYNC, exc))

    def do_teardown_appcontext(self, exc: BaseException | None = _unset) -> None:
        """Run the teardown-appcontext functions with *exc* (default: the current exception)."""
        if exc is _unset:
            exc = sys.exc_info()[1]
        drive(pipeline.teardown_appcontext(self, SYNC, exc))

    def ensure_sync(self, func: Function) -> Function:
        """Return *func*, made callable from synchronous code if it is `async def`."""
        return self.async_to_sync(func) if is_async(func) else func

    def async_to_sync(self, func: Callable[..., Coro[T]]) -> Callable[..., T]:
        """Return a synchronous function that runs the coroutine function *func*: on the
        server's loop where there is one, else on a private one."""
        return bridge.async_to_sync(func)

    # -- contexts --------------------------------------------------------------------

    def app_context(self) -> AppContext:
        """Return an application context for a ``with`` block."""
        return AppContext(self)

    async def call_in_context(self, func: Function, /, *args: Argument, **kwargs: Argument) -> Any:
        """Call *func*, `def` (in a worker thread) or `async def`, in an application context of
        its own, whose teardown functions have run when this returns its result.

        It sees none of the caller's context variables, as in another process. A `def` function
        that runs when the caller is cancelled is waited for. Raises what *func* raises.
        """
        return await load("waterspout.concurrency.background:call_in_context")(
            self, func, args, kwargs
        )

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """Return the request context of a WSGI environ."""
        return RequestContext(self, environ)

    def test_request_context(self, *args: Argument, **kwargs: Argument) -> RequestContext:
        """Return the context of a made-up request; the arguments are those of Werkzeug's
        `EnvironBuilder`: path, base_url, method, data, json, headers, …"""
        builder = load("waterspout.testing:EnvironBuilder")(self, *args, **kwargs)
        try:
            return self.request_context(builder.get_environ())
        finally:
            builder.close()

    # -- gateways ----------------------------------------------------------------------

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a WSGI request (PEP 3333). Wrap this with middleware, not the app itself:
        ``app.wsgi_app = ProxyFix(app.wsgi_app)``."""
        mounts = self.waterspout_mounts and takes_environ(self, environ)
        mount = self.waterspout_mounted_at(path_of(environ)) if mounts else None
        if mount is not None:
            return mount[1].wsgi_app(below(environ, mount[0]), start_response)
        ctx = self.request_context(environ)
        error: BaseException | None = None
        keep = False
        try:
            try:
                ctx.push()
                response = self.full_dispatch_request()
            except BaseException as raised:
                error = None if self.should_ignore_error(raised) else raised
                # NOTE: no WSGI server handles the cancellation of a coroutine.
                if not isinstance(raised, (Exception, CancelledError)):
                    raise
                response = self.handle_exception(raised)  # type: ignore[arg-type]
            pass_last_to_wsgi(self, response)
            body = response(environ, start_response)
            if self.config["STREAM_KEEPS_CONTEXT"] and is_made_while_sent(response):
                body = carry(body)
            keep = ctx.keep_context and "werkzeug.debug.preserve_context" not in environ
            return ctx.outlive(body, error) if keep else body
        finally:
            if "werkzeug.debug.preserve_context" in environ:
                environ["werkzeug.debug.preserve_context"](_cv_app.get())
                environ["werkzeug.debug.preserve_context"](_cv_request.get())
            if keep:
                ctx.leave()
            else:
                ctx.pop(error)

    def __call__(self, first: Any, second: Any = None, third: Any = None, /) -> Any:
        """Serve as a WSGI application ``app(environ, start_response)``, or as an ASGI one
        ``await app(scope, receive, send)``.

        Servers that do not recognise an ASGI 3 application (uvicorn) call it as one of ASGI 2,
        with the scope alone.
        """
        if third is not None:
            return load("waterspout.gateways.asgi:serve")(self, first, second, third)
        if second is not None:
            return self.wsgi_app(first, second)
        return partial(load("waterspout.gateways.asgi:serve"), self, first)

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        load_dotenv: bool = True,
        **options: Argument,
    ) -> None:
        """Serve the application on our server until it is stopped.

        *host* and *port* default to SERVER_NAME, else 127.0.0.and 5000. *debug* adds
        reloading and the error page. *options* are those of Werkzeug's `run_simple`.
        """
        load("waterspout.cli.run_commands:run_app")(
            self, host, port, debug=debug, load_dotenv=load_dotenv, **options
        )

    def test_client(self, use_cookies: bool = True, **kwargs: Argument) -> FlaskClient:
        """Return a test client of `test_client_class`. In a ``with`` block it keeps the
        context of the last request."""
        cls: type[FlaskClient] = self.test_client_class or load("waterspout.testing:FlaskClient")
        return cls(self, self.response_class, use_cookies=use_cookies, **kwargs)

    def test_cli_runner(self, **kwargs: Argument) -> FlaskCliRunner:
        """Return a runner for the app's commands, of `test_cli_runner_class`."""
        cls: type[FlaskCliRunner] = self.test_cli_runner_class or load(
            "waterspout.testing:FlaskCliRunner"
        )
        return cls(self, **kwargs)


#: The methods as shipped, to tell whether a program has replaced one.
_OWN = {name: getattr(App, name) for name in (*SEAMS, *_WSGI_SEAMS)}
