"""`Application`: handlers, their routes and the settings they share."""

from __future__ import annotations

import re
import socket
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.utils import cached_property

from ...application.handlers import core_of
from ...context.variables import request_var
from ...import_paths import load
from ...observed import Revision
from ...peers.added_names import Added
from ...typing import Kwargs, SettingValue
from ..httputil import HTTPMessageDelegate, HTTPServerRequest
from ..log import access_log
from ..replaced_methods import NotesReplaced
from ..routing import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    ReversibleRouter,
    Rule,
    _RuleList,
)
from . import ui_names
from .dispatch import _HandlerDelegate
from .handler import RequestHandler
from .redirects import ErrorHandler
from .router import Target, _ApplicationRouter
from .static import StaticFileHandler
from .transforms import GZipContentEncoding, OutputTransform
from .uimodule import TemplateModule, UIModule, _linkify, _xsrf_form_html
from .url_prefix import answers, root_here, url_in_app

_WING = __name__.rpartition(".web.")[0]

# PERF: a method of an imported name is looked up in 0.05 µs more than that of a module's own.
_log = access_log

# Of connections that wait to be accepted, as Tornado has it.
_BACKLOG = 128


class Application(NotesReplaced, ReversibleRouter):
    """Handlers by route, and their settings.

    *handlers* are rules: ``(pattern, Handler)``, with a dict for ``initialize`` and a name
    behind that if wanted; `URLSpec` or `Rule` objects; ``(HostMatches(...), [rules])``.
    *default_host* stands in for a Host that nothing matches; *transforms* replace the
    output transforms. *on_startup* and *on_shutdown* are functions, `def` or ``async def``, that
    a server calls when it starts and stops with the application, on the loop that serves it:
    for what a ``main()`` would start, since `waterspout run` and other servers call none.
    *settings* are Tornado's, and any of the program's own.
    """

    _waterspout_watched = frozenset({"find_handler", "get_handler_delegate", "start_request"})
    #: The loop in whose present turn `_look` has been called, and what it has found.
    _waterspout_looked: AbstractEventLoop | None = None
    _waterspout_asks_router = False

    def __init__(
        self,
        handlers: _RuleList | None = None,
        default_host: str | None = None,
        transforms: list[type[OutputTransform]] | None = None,
        *,
        on_startup: Iterable[Callable[[], object]] = (),
        on_shutdown: Iterable[Callable[[], object]] = (),
        **settings: SettingValue,
    ) -> None:
        self._waterspout_hooks = list(on_startup), list(on_shutdown)
        if transforms is None:
            compress = settings.get("compress_response") or settings.get("gzip")
            transforms = [GZipContentEncoding] if compress else []
        self.transforms = transforms
        self.default_host = default_host
        self.settings = settings
        self.waterspout_mounts: list[tuple[str, Any]] = []
        self.ui_modules: dict[str, type[UIModule]] = {
            "linkify": _linkify,
            "xsrf_form_html": _xsrf_form_html,
            "Template": TemplateModule,
        }
        self.ui_methods: dict[str, Callable[..., str]] = {}
        self._load_ui_modules(settings.get("ui_modules", {}))
        self._load_ui_methods(settings.get("ui_methods", {}))
        if settings.get("debug"):
            settings.setdefault("autoreload", True)
            settings.setdefault("compiled_template_cache", False)
            settings.setdefault("static_hash_cache", False)
            settings.setdefault("serve_traceback", True)
        self.waterspout_routes = Revision()
        self.wildcard_router = _ApplicationRouter(self, [*_static_rules(self), *(handlers or [])])
        self.default_router = _ApplicationRouter(self, [Rule(AnyMatches(), self.wildcard_router)])
        if settings.get("autoreload"):
            load(f"{_WING}.autoreload:start")()

    def _load_ui_methods(self, methods: object) -> None:
        self.ui_methods.update(ui_names.methods_in(methods))

    def _load_ui_modules(self, modules: object) -> None:
        self.ui_modules.update(ui_names.modules_in(modules))

    # -- routes ------------------------------------------------------------------------------------

    def add_handlers(self, host_pattern: str, host_handlers: _RuleList) -> None:
        """Add rules for the hosts that *host_pattern* matches; they are tried before those of
        the constructor."""
        hosts = HostMatches(host_pattern)
        rule = Rule(hosts, _ApplicationRouter(self, host_handlers))
        self.default_router.rules.insert(-1, rule)
        if self.default_host is not None:
            default = DefaultHostMatches(self, hosts.host_pattern)
            self.wildcard_router.add_rules([(default, host_handlers)])

    def add_transform(self, transform_class: type[OutputTransform]) -> None:
        """Add an output transform."""
        self.transforms.append(transform_class)

    def find_handler(self, request: HTTPServerRequest, **kwargs: object) -> HTTPMessageDelegate:
        """Return the delegate for *request*: by the rules, else of ``default_handler_class``, else
        one that responds with 404."""
        found = self.default_router.find_handler(request)
        if found is not None:
            return found
        fallback = self.settings.get("default_handler_class")
        if fallback:
            arguments = self.settings.get("default_handler_args", {})
            return self.get_handler_delegate(request, fallback, arguments)
        return self.get_handler_delegate(request, ErrorHandler, {"status_code": 404})

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: Kwargs | None = None,
        path_args: list[bytes | None] | None = None,
        path_kwargs: dict[str, bytes | None] | None = None,
    ) -> _HandlerDelegate:
        """Return the delegate that handles *request* by a handler of *target_class*.

        *target_kwargs* go to its ``initialize``, *path_args* and *path_kwargs* to the method.
        """
        return _HandlerDelegate(self, request, target_class, target_kwargs, path_args, path_kwargs)

    def reverse_url(self, name: str, *args: object) -> str:
        """Return the URL of the rule *name* with *args* in it; where this application is mounted
        in one of the core, else that of its endpoint *name*. Raises KeyError."""
        url = self.default_router.reverse_url(name, *args)
        if url is not None:
            return root_here() + url
        ctx = request_var.get(None)
        if ctx is not None and getattr(ctx, "handlers_joined", False):
            return url_in_app(ctx.app, name, args)
        raise KeyError(f"{name} not found in named urls")

    def waterspout_answers(self, path: str) -> bool:
        """Tell whether there is a route for a GET of *path*."""
        return answers(self, path)

    # -- serving -----------------------------------------------------------------------------------

    def listen(
        self,
        port: int,
        address: str | None = None,
        *,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = _BACKLOG,
        flags: int | None = None,
        reuse_port: bool = False,
        **kwargs: object,
    ) -> Any:
        """Serve on *port*, as soon as the event loop runs; return the `HTTPServer`.

        *kwargs* are for its constructor, the others for its ``listen``.
        """
        server = load(f"{_WING}.httpserver:HTTPServer")(self, **kwargs)
        server.listen(
            port,
            address=address,
            family=family,
            backlog=backlog,
            flags=flags,
            reuse_port=reuse_port,
        )
        return server

    @cached_property
    def waterspout_core(self) -> Any:
        """This application as one of the core, which every gateway can serve."""
        return load(f"{_WING}.core_adapter:app_of")(self)

    if TYPE_CHECKING:

        def mount(self, prefix: str, app: object) -> None:
            """Let *app*, an application of the core such as a ``Flask``, answer everything below
            *prefix*, with its own hooks and errors; see `App.mount`.

            For other WSGI programs there are `FallbackHandler` and ``WSGIContainer``.
            """
    else:
        mount = Added(lambda application: partial(_mount, application))

    def _waterspout_mounted(self, app: object, prefix: str) -> object:
        """Return the endpoint for this application below *prefix* of a core one."""
        return load(f"{_WING}.core_adapter:mounted")(self, app, prefix)

    def __call__(self, first: Any, second: object = None, third: object = None, /) -> Any:
        """Serve as an ASGI application ``app(scope, receive, send)``, as a WSGI one
        ``app(environ, start_response)``, or take a request, as old servers of Tornado's
        have it."""
        if second is not None:
            return self.waterspout_core(first, second, third)
        if isinstance(first, dict):  # a scope, from a server that knows only ASGI 2
            return self.waterspout_core(first)
        return _take(self, first)

    # -- the log -----------------------------------------------------------------------------------

    def log_request(self, handler: RequestHandler) -> None:
        """Log a request whose response is complete: by the setting ``log_function``, else as a line
        to the logger ``tornado.access``."""
        if "log_function" in self.settings:
            self.settings["log_function"](handler)
            return
        status = handler.get_status()
        level = 20 if status < 400 else 30 if status < 500 else 40  # INFO, WARNING, ERROR
        if _log.isEnabledFor(level):
            milliseconds = 1000 * handler.request.request_time()
            _log.log(level, "%d %s %.2fms", status, handler._request_summary(), milliseconds)


def _static_rules(application: Application) -> list[tuple[object, ...]]:
    """Return the rules for the setting ``static_path``."""
    settings = application.settings
    if not settings.get("static_path"):
        return []
    handler = settings.get("static_handler_class", StaticFileHandler)
    kwargs = settings.get("static_handler_args", {})
    kwargs["path"] = settings["static_path"]
    below = re.escape(settings.get("static_url_prefix", "/static/")) + "(.*)"
    patterns = r"/(robots\.txt)", r"/(favicon\.ico)", below
    return [(pattern, handler, kwargs) for pattern in patterns]


def _take(application: Application, request: HTTPServerRequest) -> Awaitable[None] | None:
    delegate = application.find_handler(request)
    assert isinstance(delegate, _HandlerDelegate), "only a handler takes a request alone"
    return delegate.execute()


def _mount(application: Application, prefix: str, app: object) -> None:
    if core_of(app) is not app:
        raise TypeError(
            f"Only an App can be mounted in an Application, not {type(app).__name__!r};"
            " for a WSGI program use FallbackHandler with a WSGIContainer."
        )
    application.waterspout_core.mount(prefix, app)


# As shipped: while an application's class has these methods, its router is called directly.
_find_handler = Application.find_handler
_get_handler_delegate = Application.get_handler_delegate
_start_request = Application.start_request


def found_in(application: Application, request: HTTPServerRequest) -> Target | HTTPMessageDelegate:
    """Return a handler that gets *request* whole, or a delegate for it."""
    if application._waterspout_looked is not get_running_loop():
        _look(application)
    if application._waterspout_asks_router:
        target = application.default_router.waterspout_match(request)
        if target is not None and not target[1]._stream_request_body:
            return target
    elif type(application).start_request is not _start_request or "start_request" in vars(
        application
    ):
        return application.start_request(request.server_connection, request.connection)
    return application.find_handler(request)


def _look(application: Application) -> None:
    """Find out whether the router of *application* is asked directly, for this turn of the loop.

    PERF: a turn answers many requests, for each of which it would be 2 % of its time. No client can
    tell: what is answered in a turn leaves at its end.
    """
    cls = type(application)
    router = application.default_router
    loop = get_running_loop()
    # Not by `NotesReplaced.__setattr__`, which has nothing to do here.
    keep = partial(object.__setattr__, application)
    keep(
        "_waterspout_asks_router",
        cls.start_request is _start_request
        and cls.find_handler is _find_handler
        and cls.get_handler_delegate is _get_handler_delegate
        and not application.waterspout_replaced
        and isinstance(router, _ApplicationRouter)
        and router.waterspout_may_match(),
    )
    keep("_waterspout_looked", loop)
    loop.call_soon(keep, "_waterspout_looked", None)
