"""Registration: settings, routes, blueprints, templates, error handlers of an application.

`Registration` is the part of `App` that handles no request (the role of Flask's
``flask.sansio.app.App``). Its registries note when they change, see `observed`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, ValuesView
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, AnyStr, TypeVar, cast, overload

from werkzeug.exceptions import (
    Aborter,
    BadRequest,
    BadRequestKeyError,
    MethodNotAllowed,
    NotFound,
)
from werkzeug.routing import BuildError, Map, MapAdapter, WebsocketMismatch
from werkzeug.routing import Rule as WerkzeugRule
from werkzeug.utils import redirect as werkzeug_redirect

from ..config import DEFAULT_CONFIG, MODERN_DEFAULTS, Config, ConfigAttribute
from ..context.request_context import _AppCtxGlobals
from ..dispatch.admission import check_host
from ..env import get_debug_flag
from ..http.location import plain_location
from ..http.request import asks_for_socket, names_prefix_alone, split_blueprint_path
from ..import_paths import Lazy, load
from ..json.provider import JSONProvider, provider_class
from ..log import create_logger
from ..observed import HookList, HookRegistry, Registry, Revision
from ..routing import Patterns, RouteTable, Rule
from ..routing.checks import add_rule, check_braces, endpoint_of_class, methods_of
from ..routing.subdomain import subdomain_of
from ..routing.urls import bind_map
from ..sessions import SecureCookieSessionInterface, SessionInterface
from ..sessions.keys import SecretKey
from ..typing import Argument, Function, SettingValue, Values
from .root_path import find_package
from .scaffold import Scaffold, _endpoint_from_view_func, setupmethod

if TYPE_CHECKING:
    from jinja2 import BaseLoader

    from ..blueprints import Blueprint
    from ..dispatch.plan import Plan
    from ..http import Request, Response
    from ..http.default_fields import DefaultFields
    from ..interfaces import Application
    from ..routing.patterns import PatternRule
    from ..routing.table import Match
    from ..templating import Environment

F = TypeVar("F", bound=Function)

#: Registries that stay observed, whatever a program sets in their place.
_HOOKS = ("before_request_funcs", "after_request_funcs", "teardown_request_funcs")
_REGISTRIES: Values = {
    "view_functions": Registry,
    "url_value_preprocessors": HookRegistry,
    **dict.fromkeys(_HOOKS, HookRegistry),
    **dict.fromkeys(("teardown_appcontext_funcs", "waterspout_before_send_funcs"), HookList),
}
#: Attributes that plans depend on: when one is set, plans are made anew.
_PLANNED = frozenset(
    {"json", "request_class", "response_class", "session_interface", "url_map", *_REGISTRIES}
)


def _lifetime(value: timedelta | int | None) -> timedelta | None:
    return timedelta(seconds=value) if isinstance(value, int) else value


class Registration(Scaffold):
    """The registering half of an application."""

    #: The class of `aborter`, which `abort` calls.
    aborter_class = Aborter
    #: The class of `jinja_env`.
    jinja_environment: Any = Lazy("waterspout.templating:Environment")
    #: The class of `g`.
    app_ctx_globals_class: type = _AppCtxGlobals
    #: The class of `config`.
    config_class = Config
    testing = ConfigAttribute[bool]("TESTING")
    secret_key: SettingValue = SecretKey("SECRET_KEY")
    permanent_session_lifetime = ConfigAttribute[timedelta](
        "PERMANENT_SESSION_LIFETIME",
        get_converter=cast("Callable[[SettingValue], timedelta]", _lifetime),
    )
    #: The class of `json`; None, or Flask's: as the setting JSON_PROVIDER says.
    json_provider_class: type[JSONProvider] | None = None
    #: Options for `jinja_environment`.
    jinja_options: Values = {}
    url_rule_class: type[WerkzeugRule] = Rule
    url_map_class = Map
    test_client_class: Any = None
    test_cli_runner_class: Any = None
    #: The values `config` starts from: here the "modern" preset.
    default_config: Mapping[str, SettingValue] = {**DEFAULT_CONFIG, **MODERN_DEFAULTS}
    session_interface: SessionInterface = SecureCookieSessionInterface()
    response_class: Any
    request_class: Any

    #: Methods that this program overrides, see `plan.SEAMS`.
    waterspout_overridden: frozenset[str] = frozenset()
    #: The compiled front of `url_map`.
    waterspout_route_table: RouteTable

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        self.waterspout_revision = Revision()
        super().__init__(
            import_name=import_name,
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )
        if instance_path is None:
            instance_path = self.auto_find_instance_path()
        elif not os.path.isabs(instance_path):
            raise ValueError(
                "If an instance path is provided it must be absolute."
                " A relative path was given instead."
            )
        #: The folder for files of this installation.
        self.instance_path = instance_path
        #: The settings, see `waterspout.config.SETTINGS`.
        self.config = self.make_config(instance_relative_config)
        self.aborter = self.make_aborter()
        self.url_build_error_handlers: list[Callable[[Exception, str, Values], str | None]] = []
        self.shell_context_processors: list[Callable[[], Values]] = []
        self.blueprints: dict[str, Blueprint] = {}
        #: What extensions keep on the application, by their name.
        self.extensions: Values = {}
        self.subdomain_matching = subdomain_matching
        self.url_map = self.url_map_class(host_matching=host_matching)
        self._waterspout_watch_registries()
        self._got_first_request = False

    def _waterspout_watch_registries(self) -> None:
        self.teardown_appcontext_funcs: list[Function] = []
        #: Functions called with every response just before it is sent, see `App.before_send`.
        self.waterspout_before_send_funcs: list[Function] = []
        self.waterspout_default_fields: DefaultFields | None = None

    def __setattr__(self, name: str, value: object) -> None:
        kind = _REGISTRIES.get(name)
        if kind is not None and not isinstance(value, kind):
            value = kind(self.waterspout_revision, value)
        object.__setattr__(self, name, value)
        if name in _PLANNED:
            self.waterspout_revision.advance()
            if name == "url_map":
                before = self.__dict__.get("waterspout_route_table")
                patterns = Patterns() if before is None else before.patterns
                object.__setattr__(
                    self, "waterspout_route_table", RouteTable(self.url_map, patterns)
                )

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        if name in _PLANNED:  # the class's own is back
            self.waterspout_revision.advance()

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_first_request:
            raise AssertionError(
                f"The setup method '{f_name}' can no longer be called on the application. It has"
                " already handled its first request, any changes will not be applied"
                " consistently.\nMake sure all imports, decorators, functions, etc. needed to set"
                " up the application are done before running it."
            )

    def waterspout_close_setup(self) -> None:
        """Note that the first request has begun: nothing may be registered any more."""
        self._got_first_request = True
        self.waterspout_revision.advance()

    # -- made once, replaceable ------------------------------------------------

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """The import name; for a script the name of its file."""
        if self.import_name == "__main__":
            file = getattr(sys.modules["__main__"], "__file__", None)
            if file is None:
                return "__main__"
            return str(os.path.splitext(os.path.basename(file))[0])
        return self.import_name

    @cached_property
    def logger(self) -> logging.Logger:
        """The application's logger, named `name`; see `waterspout.log`."""
        return create_logger(cast("Application", self))

    @cached_property
    def json(self) -> JSONProvider:
        """The JSON provider, made on first use: of `json_provider_class`, or where that is None or
        Flask's, as the setting JSON_PROVIDER says."""
        own = self.json_provider_class
        if own is None or own is provider_class("stdlib"):
            own = provider_class(self.config["JSON_PROVIDER"])
        return own(cast("Application", self))

    @cached_property
    def jinja_env(self) -> Environment:
        """The Jinja environment, made on first use."""
        return self.create_jinja_environment()

    def create_jinja_environment(self) -> Environment:
        """Make `jinja_env`."""
        raise NotImplementedError

    def make_config(self, instance_relative: bool = False) -> Config:
        """Make `config`; relative file names start at the instance path or the root path."""
        defaults = dict(self.default_config)
        defaults["DEBUG"] = get_debug_flag()
        root = self.instance_path if instance_relative else self.root_path
        return self.config_class(root, defaults)

    def make_aborter(self) -> Aborter:
        """Make `aborter`, which `abort` calls."""
        return self.aborter_class()

    def auto_find_instance_path(self) -> str:
        """Find the folder ``instance`` beside the package, or below the prefix of an
        installed one."""
        prefix, package_path = find_package(self.import_name)
        if prefix is None:
            return os.path.join(package_path, "instance")
        return os.path.join(prefix, "var", f"{self.name}-instance")

    def open_instance_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[AnyStr]:
        """Open a file in the instance folder."""
        path = os.path.join(self.instance_path, resource)
        return cast("IO[AnyStr]", open(path, mode, encoding=None if "b" in mode else encoding))

    def create_global_jinja_loader(self) -> BaseLoader:
        """Make the loader that looks into the app's and the blueprints' folders."""
        made: BaseLoader = load("waterspout.templating:DispatchingJinjaLoader")(self)
        return made

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Tell whether a template is escaped: markup by its suffix, strings always."""
        if filename is None:
            return True
        return filename.endswith((".html", ".htm", ".xml", ".xhtml", ".svg"))

    @property
    def debug(self) -> bool:
        """Whether debug mode is on (the setting DEBUG)."""
        return cast("bool", self.config["DEBUG"])

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        self.waterspout_revision.advance()
        if self.config["TEMPLATES_AUTO_RELOAD"] is None:
            self.jinja_env.auto_reload = value

    # -- registering -----------------------------------------------------------

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Argument) -> None:
        """Add the routes and hooks of *blueprint*; *options* (url_prefix, subdomain,
        url_defaults, name) replace its own."""
        kind: type = type(blueprint)
        if not issubclass(kind, Scaffold):
            load("waterspout.dropin.hints:refuse_peer")(kind, "registered here")
        blueprint.register(self, options)

    def iter_blueprints(self) -> ValuesView[Blueprint]:
        """Iterate over the blueprints in the order of their registration."""
        return self.blueprints.values()

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Function | None = None,
        provide_automatic_options: bool | None = None,
        **options: Argument,
    ) -> None:
        """Add a route: *options* go to the rule (methods, defaults, host, timeout, …)."""
        if endpoint is None:
            endpoint = _endpoint_from_view_func(view_func)  # type: ignore[arg-type]
        checks = self.config["CHECK_ROUTES"]
        if checks:
            check_braces(rule, view_func)
        written = view_func
        if isinstance(view_func, type):
            view_func = endpoint_of_class(view_func, endpoint)
        options = {**getattr(view_func, "rule_options", {}), **options}
        options["endpoint"] = endpoint
        methods = methods_of(view_func, options.pop("methods", None))
        automatic = provide_automatic_options
        if automatic is None:
            automatic = getattr(view_func, "provide_automatic_options", None)
        if automatic is None:
            automatic = "OPTIONS" not in methods and self.config["PROVIDE_AUTOMATIC_OPTIONS"]
        if automatic:
            methods.add("OPTIONS")
        methods.update(getattr(view_func, "required_methods", ()))
        made: Any = self.url_rule_class(rule, methods=methods, **options)
        made.plan = None  # a program's own class may be Werkzeug's
        made.provide_automatic_options = automatic
        add_rule(self.url_map, made, written if checks else None)
        if view_func is not None:
            self._waterspout_add_view_function(endpoint, view_func)

    def _waterspout_add_view_function(self, endpoint: str, view_func: Function) -> None:
        old = self.view_functions.get(endpoint)
        if old is not None and old != view_func:
            raise AssertionError(
                f"View function mapping is overwriting an existing endpoint function: {endpoint}"
            )
        self.view_functions[endpoint] = view_func

    @overload
    def template_filter(self, name: F) -> F: ...
    @overload
    def template_filter(self, name: str | None = None) -> Callable[[F], F]: ...
    @setupmethod
    def template_filter(self, name: F | str | None = None) -> F | Callable[[F], F]:
        """Register a Jinja filter by decorator, under *name* or the function's."""
        return self._waterspout_template_decorator(self.add_template_filter, name)

    @setupmethod
    def add_template_filter(self, f: Function, name: str | None = None) -> None:
        """Register a Jinja filter."""
        self.jinja_env.filters[name or f.__name__] = f

    @overload
    def template_test(self, name: F) -> F: ...
    @overload
    def template_test(self, name: str | None = None) -> Callable[[F], F]: ...
    @setupmethod
    def template_test(self, name: F | str | None = None) -> F | Callable[[F], F]:
        """Register a Jinja test by decorator, under *name* or the function's."""
        return self._waterspout_template_decorator(self.add_template_test, name)

    @setupmethod
    def add_template_test(self, f: Function, name: str | None = None) -> None:
        """Register a Jinja test."""
        self.jinja_env.tests[name or f.__name__] = f

    @overload
    def template_global(self, name: F) -> F: ...
    @overload
    def template_global(self, name: str | None = None) -> Callable[[F], F]: ...
    @setupmethod
    def template_global(self, name: F | str | None = None) -> F | Callable[[F], F]:
        """Register a Jinja global by decorator, under *name* or the function's."""
        return self._waterspout_template_decorator(self.add_template_global, name)

    @setupmethod
    def add_template_global(self, f: Function, name: str | None = None) -> None:
        """Register a Jinja global."""
        self.jinja_env.globals[name or f.__name__] = f

    @setupmethod
    def teardown_appcontext(self, f: F) -> F:
        """Call *f* with the error or None when an application context ends."""
        self.teardown_appcontext_funcs.append(f)
        return f

    @setupmethod
    def shell_context_processor(self, f: F) -> F:
        """Add what *f* returns, a dict, to the names in the shell."""
        self.shell_context_processors.append(f)
        return f

    # -- looking up ------------------------------------------------------------

    def _find_error_handler(self, e: Exception, blueprints: list[str]) -> Function | None:
        """Return the handler for *e*: by code before by class, blueprints before the app,
        the nearest base class first."""
        exc_class, code = self._get_exc_class_and_code(type(e))
        names = (*blueprints, None)
        for wanted in (code, None) if code is not None else (None,):
            for name in names:
                handlers = self.error_handler_spec[name][wanted]
                for cls in exc_class.__mro__ if handlers else ():
                    handler: Callable[..., object] | None = handlers.get(cls)
                    if handler is not None:
                        return handler
        return None

    def trap_http_exception(self, e: Exception) -> bool:
        """Tell whether an HTTP error is treated as an ordinary exception (the settings
        TRAP_HTTP_EXCEPTIONS and TRAP_BAD_REQUEST_ERRORS)."""
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap_bad_request = self.config["TRAP_BAD_REQUEST_ERRORS"]
        if trap_bad_request is None:
            return self.debug and isinstance(e, BadRequestKeyError)
        return bool(trap_bad_request) and isinstance(e, BadRequest)

    def should_ignore_error(self, error: BaseException | None) -> bool:
        """Tell whether teardown functions are called without *error*; for overriding."""
        return False

    def redirect(self, location: str, code: int = 302) -> Response:
        """Make a redirect to *location*."""
        made: Any = werkzeug_redirect(
            plain_location(str(location)), code=code, Response=self.response_class
        )
        return cast("Response", made)

    def inject_url_defaults(self, endpoint: str, values: Values) -> None:
        """Let the `url_defaults` functions of the app and the endpoint's blueprints add to
        *values*."""
        names: Any = (None,)
        if "." in endpoint:
            from_endpoint = split_blueprint_path(endpoint.rpartition(".")[0])
            names = chain(names, reversed(from_endpoint))
        for name in names:
            if name in self.url_default_functions:
                for func in self.url_default_functions[name]:
                    func(endpoint, values)

    def handle_url_build_error(self, error: BuildError, endpoint: str, values: Values) -> str:
        """Ask `url_build_error_handlers` for a URL in turn, or raise *error*."""
        for handler in self.url_build_error_handlers:
            try:
                rv = handler(error, endpoint, values)
            except BuildError as again:
                error = again
            else:
                if rv is not None:
                    return rv
        raise error

    def waterspout_find_route(self, request: Request) -> Match | None:
        """Return rule and arguments by the route table, None if Werkzeug must be asked."""
        if self.subdomain_matching or "create_url_adapter" in self.waterspout_overridden:
            return None
        if asks_for_socket(request):
            return None
        path = request.path
        if path == "/" and names_prefix_alone(request):
            return None
        return self.waterspout_route_table.find(request.method, path)

    def waterspout_match_by(
        self, adapter: MapAdapter, path: str
    ) -> tuple[WerkzeugRule | PatternRule, Mapping[str, Any]]:
        """Return rule and arguments by Werkzeug, or by a pattern where it finds no rule.

        Raises what Werkzeug raises.
        """
        try:
            return adapter.match(return_rule=True)
        except (NotFound, MethodNotAllowed, WebsocketMismatch):
            found = self.waterspout_route_table.patterns.find(path)
            if found is None:
                raise
            return found

    def waterspout_body_limit(self, plan: Plan | None) -> int | None:
        """Return how many bytes the body of a request may have, None for no limit."""
        if plan is not None and plan.max_content_length is not None:
            return plan.max_content_length
        limit: int | None = self.config["MAX_CONTENT_LENGTH"]
        return limit

    def _waterspout_make_adapter(self, request: Request) -> MapAdapter:
        """Bind the URL map to a request's host, scheme, prefix and path."""
        config = self.config
        check_host(self, request)  # type: ignore[arg-type]  # an App
        host = request.host
        server_name = config["SERVER_NAME"]
        if self.url_map.host_matching:
            server_name = None
        elif not self.subdomain_matching:
            return bind_map(self.url_map, request, server_name or host)
        subdomain = server_name and subdomain_of(host, server_name, request.scheme)
        return self.url_map.bind_to_environ(request.environ, server_name, subdomain)
