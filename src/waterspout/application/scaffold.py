"""The common base of an application and a blueprint: routes, hooks, error handlers, folders.

Registries are dictionaries by blueprint name; ``None`` is the object itself. An application's
registries are what requests are served from; a blueprint's are merged into the application's when
it is registered. Views and hooks may be ``def`` or ``async def``.
"""

from __future__ import annotations

import os
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import cached_property, update_wrapper
from typing import IO, TYPE_CHECKING, Any, TypeVar, Unpack, cast

from werkzeug.exceptions import HTTPException, default_exceptions

from .. import typing as ft
from ..config import SOCKET_OPTIONS
from ..context.request_context import app_ctx
from ..dispatch import static_files
from ..dispatch.precompressed import send_static
from ..import_paths import load
from ..observed import ObservedType
from ..templating import _default_template_ctx_processor
from ..typing import Argument, Function, Values
from .root_path import get_root_path

if TYPE_CHECKING:
    from click import Group
    from jinja2 import BaseLoader

    from ..http import Response
    from ..http.prepared import Written

#: Stands for "not given" where ``None`` means something.
_sentinel: Any = object()

F = TypeVar("F", bound=Function)
T_after_request = TypeVar("T_after_request", bound=ft.AfterRequestCallable[Any])
T_before_request = TypeVar("T_before_request", bound=ft.BeforeRequestCallable)
T_error_handler = TypeVar("T_error_handler", bound=ft.ErrorHandlerCallable)
T_route = TypeVar("T_route", bound=ft.Routed)
T_teardown = TypeVar("T_teardown", bound=ft.TeardownCallable)
T_template_context_processor = TypeVar(
    "T_template_context_processor", bound=ft.TemplateContextProcessorCallable
)
T_url_defaults = TypeVar("T_url_defaults", bound=ft.URLDefaultCallable)
T_url_value_preprocessor = TypeVar(
    "T_url_value_preprocessor", bound=ft.URLValuePreprocessorCallable
)


def setupmethod(f: F) -> F:
    """Decorate a method of set-up, which raises `AssertionError` once set-up is over."""
    name = f.__name__

    def checked(self: Scaffold, *args: Argument, **kwargs: Argument) -> object:
        self._check_setup_finished(name)
        return f(self, *args, **kwargs)

    return cast("F", update_wrapper(checked, f))


class Scaffold(metaclass=ObservedType):
    """The common base of `App` and `Blueprint`.

    :param import_name: name of the module it is defined in, usually ``__name__``.
    :param static_folder: folder of files to serve; adds a route.
    :param static_url_path: URL prefix of that route, by default the folder's name.
    :param template_folder: folder of templates.
    :param root_path: what relative folders start from; by default the module's own folder.
    """

    name: str
    _static_folder: str | None = None
    _static_url_path: str | None = None

    def __init__(
        self,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        root_path: str | None = None,
    ) -> None:
        self.import_name = import_name
        self.static_folder = static_folder
        self.static_url_path = static_url_path
        self.template_folder = template_folder
        self.root_path = get_root_path(import_name) if root_path is None else root_path

        #: Views by endpoint.
        self.view_functions: dict[str, ft.RouteCallable] = {}
        #: Handlers as ``{blueprint: {status code or None: {exception class: handler}}}``.
        self.error_handler_spec: dict[
            ft.AppOrBlueprintKey,
            dict[int | None, dict[type[Exception], ft.ErrorHandlerCallable]],
        ] = defaultdict(lambda: defaultdict(dict))

        # Lists of functions by blueprint.
        self.before_request_funcs: dict[ft.AppOrBlueprintKey, list[ft.BeforeRequestCallable]] = (
            defaultdict(list)
        )
        self.after_request_funcs: dict[ft.AppOrBlueprintKey, list[ft.AfterRequestCallable[Any]]] = (
            defaultdict(list)
        )
        self.teardown_request_funcs: dict[ft.AppOrBlueprintKey, list[ft.TeardownCallable]] = (
            defaultdict(list)
        )
        self.template_context_processors: dict[
            ft.AppOrBlueprintKey, list[ft.TemplateContextProcessorCallable]
        ] = defaultdict(list, {None: [_default_template_ctx_processor]})
        self.url_value_preprocessors: dict[
            ft.AppOrBlueprintKey, list[ft.URLValuePreprocessorCallable]
        ] = defaultdict(list)
        self.url_default_functions: dict[ft.AppOrBlueprintKey, list[ft.URLDefaultCallable]] = (
            defaultdict(list)
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_setup_finished(self, f_name: str) -> None:
        raise NotImplementedError

    @cached_property
    def cli(self) -> Group:
        """The command group of this object. Made, and click imported, on first use."""
        group: Group = load("waterspout.cli.groups:AppGroup")()
        group.name = self.name
        return group

    # -- folders and files -------------------------------------------------------

    @property
    def static_folder(self) -> str | None:
        """The absolute path of the static folder, ``None`` without one."""
        if self._static_folder is None:
            return None
        return os.path.join(self.root_path, self._static_folder)

    @static_folder.setter
    def static_folder(self, value: str | os.PathLike[str] | None) -> None:
        self._static_folder = None if value is None else os.fspath(value).rstrip(r"\/")

    @property
    def has_static_folder(self) -> bool:
        """Whether a static folder is set."""
        return self.static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """The URL prefix of static files, by default from the folder's name."""
        if self._static_url_path is not None:
            return self._static_url_path
        folder = self.static_folder
        return None if folder is None else f"/{os.path.basename(folder)}".rstrip("/")

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = None if value is None else value.rstrip("/")

    @cached_property
    def jinja_loader(self) -> BaseLoader | None:
        """The loader of the template folder, ``None`` without one."""
        if self.template_folder is None:
            return None
        loader: BaseLoader = load("jinja2:FileSystemLoader")(
            os.path.join(self.root_path, self.template_folder)
        )
        return loader

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return for how many seconds a client may keep a file; for overriding.

        By default what SEND_FILE_MAX_AGE_DEFAULT says. ``None``: the client asks each time.
        """
        value: timedelta | int | None = app_ctx.app.config["SEND_FILE_MAX_AGE_DEFAULT"]
        return int(value.total_seconds()) if isinstance(value, timedelta) else value

    def send_static_file(self, filename: str) -> Response:
        """Send a file of the static folder: the view of the route for static files.

        Raises `RuntimeError` without a static folder, and 404 (`NotFound`) for a name that is not
        below it.
        """
        folder = self.static_folder
        if folder is None:
            raise RuntimeError("'static_folder' must be set to serve static_files.")
        # `send_file` would use the current app, which may not be this object.
        return send_static(folder, filename, self.get_send_file_max_age(filename))

    # NOTE: programs exempt views by dotted name; Flask's name for a blueprint's static view is
    # this.
    send_static_file.__module__ = "flask.blueprints"

    def open_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[Any]:
        """Open a file below `root_path` for reading: *mode* is ``"rb"``, ``"r"`` or ``"rt"``.

        Raises `ValueError` for another mode, and the `OSError` of opening the file.
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError("Resources can only be opened for reading.")
        path = os.path.join(self.root_path, resource)
        return open(path, mode, encoding=None if mode == "rb" else encoding)

    # -- routes ------------------------------------------------------------------

    def _method_route(
        self, method: str, rule: str, options: Values
    ) -> Callable[[T_route], T_route]:
        if "methods" in options:
            raise TypeError("Use the 'route' decorator to use the 'methods' argument.")
        return self.route(rule, methods=[method], **options)

    @setupmethod
    def get(self, rule: str, **options: Unpack[ft.RouteOptions]) -> Callable[[T_route], T_route]:
        """Register a view for GET, see :meth:`route`."""
        return self._method_route("GET", rule, {**options})

    @setupmethod
    def post(self, rule: str, **options: Unpack[ft.RouteOptions]) -> Callable[[T_route], T_route]:
        """Register a view for POST, see :meth:`route`."""
        return self._method_route("POST", rule, {**options})

    @setupmethod
    def put(self, rule: str, **options: Unpack[ft.RouteOptions]) -> Callable[[T_route], T_route]:
        """Register a view for PUT, see :meth:`route`."""
        return self._method_route("PUT", rule, {**options})

    @setupmethod
    def delete(self, rule: str, **options: Unpack[ft.RouteOptions]) -> Callable[[T_route], T_route]:
        """Register a view for DELETE, see :meth:`route`."""
        return self._method_route("DELETE", rule, {**options})

    @setupmethod
    def patch(self, rule: str, **options: Unpack[ft.RouteOptions]) -> Callable[[T_route], T_route]:
        """Register a view for PATCH, see :meth:`route`."""
        return self._method_route("PATCH", rule, {**options})

    @setupmethod
    def route(
        self, rule: str, **options: Unpack[ft.RouteOptionsWithMethods]
    ) -> Callable[[T_route], T_route]:
        """Register the decorated view for the URLs that match *rule*.

            @app.route("/posts/<int:id>", methods=["GET", "POST"], timeout=5)
            async def post(id): ...

        *options* are those of :meth:`add_url_rule`; ``endpoint`` is by default the name of the
        function. Without ``methods`` it is GET; HEAD and OPTIONS come by themselves.
        """

        def decorator(f: T_route) -> T_route:
            given: Values = {**options}
            endpoint = given.pop("endpoint", None)
            self.add_url_rule(rule, endpoint, f, **given)
            return f

        return decorator

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Argument,
    ) -> None:
        """Register *view_func* for the URLs that match *rule*.

        Without *view_func* the endpoint's view is registered by :meth:`endpoint`. *options*
        go to `waterspout.routing.Rule`.
        """
        raise NotImplementedError

    @setupmethod
    def websocket(
        self,
        rule: str,
        *,
        endpoint: str | None = None,
        subprotocols: Sequence[str] = (),
        origins: Collection[str] | None = None,
        **options: Argument,
    ) -> Callable[[F], F]:
        """Register the decorated function for the WebSockets at the URLs that match *rule*.

            @app.websocket("/rooms/<name>", subprotocols=["chat"])
            async def room(ws, name):
                async for message in ws: ...

        It is called with a `waterspout.WebSocket` and the values of the URL, as a task, or in a
        thread of its own where it is a ``def`` function. *origins* are those whose pages may
        open it, in place of WEBSOCKET_ORIGINS. *options* are settings for this route
        (those that are WEBSOCKET_… in the configuration, such as max_message_size), or
        those of :meth:`add_url_rule`.
        """

        def decorator(f: F) -> F:
            own = {key: options.pop(key) for key in sorted(options.keys() & SOCKET_OPTIONS)}
            view = load("waterspout.websockets.endpoint:socket_view")(f, subprotocols, origins, own)
            # A HEAD or OPTIONS request is no opening handshake.
            self.add_url_rule(
                rule,
                endpoint,
                view,
                provide_automatic_options=False,
                methods=["GET"],
                websocket=True,
                **options,
            )
            return f

        return decorator

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Register the decorated view for the rules of *endpoint*."""

        def decorator(f: F) -> F:
            self.view_functions[endpoint] = f
            return f

        return decorator

    # -- hooks: on a blueprint they see the requests of its own views ---------------

    @setupmethod
    def before_request(self, f: T_before_request) -> T_before_request:
        """Call *f* before the view; a value other than ``None`` becomes the response in its
        place."""
        self.before_request_funcs[None].append(f)
        return f

    @setupmethod
    def after_request(self, f: T_after_request) -> T_after_request:
        """Call *f* with the response; it returns that response, changed, or another one.

        Not called when an earlier one raised: what must always run belongs to
        :meth:`teardown_request`.
        """
        self.after_request_funcs[None].append(f)
        return f

    @setupmethod
    def teardown_request(self, f: T_teardown) -> T_teardown:
        """Call *f* when the request's context ends, with the unhandled exception or ``None``.

        It must not raise; its return value is ignored.
        """
        self.teardown_request_funcs[None].append(f)
        return f

    @setupmethod
    def context_processor(self, f: T_template_context_processor) -> T_template_context_processor:
        """Add the names in the dictionary that *f* returns to the templates' context."""
        self.template_context_processors[None].append(f)
        return f

    @setupmethod
    def url_value_preprocessor(self, f: T_url_value_preprocessor) -> T_url_value_preprocessor:
        """Call *f* with the endpoint and the values from the URL, before other hooks.

        It may change the values in place: the view is not passed what it removes.
        """
        self.url_value_preprocessors[None].append(f)
        return f

    @setupmethod
    def url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """Call *f* with the endpoint and the values of a URL to build, to add to them."""
        self.url_default_functions[None].append(f)
        return f

    @staticmethod
    def _waterspout_template_decorator(
        add: Callable[..., None], name: F | str | None
    ) -> F | Callable[[F], F]:
        """Register a function with *add*, or return a decorator that does, by whether *name* is
        one."""
        if name is not None and not isinstance(name, str):  # a decorator without parentheses
            add(name)
            return name

        def decorator(f: F) -> F:
            add(f, name=name)
            return f

        return decorator

    # -- errors ------------------------------------------------------------------

    @setupmethod
    def errorhandler(
        self, code_or_exception: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Register the decorated function for a status code or an exception class."""

        def decorator(f: T_error_handler) -> T_error_handler:
            self.register_error_handler(code_or_exception, f)
            return f

        return decorator

    @setupmethod
    def register_error_handler(
        self, code_or_exception: type[Exception] | int, f: ft.ErrorHandlerCallable
    ) -> None:
        """Register *f*, called with the exception, for a status code or an exception class."""
        exc_class, code = self._get_exc_class_and_code(code_or_exception)
        self.error_handler_spec[None][code][exc_class] = f

    @staticmethod
    def _get_exc_class_and_code(
        exc_class_or_code: type[Exception] | int,
    ) -> tuple[type[Exception], int | None]:
        """Return the class to handle, and its status code if it is an HTTP error's."""
        exc_class: Any = exc_class_or_code
        if isinstance(exc_class_or_code, int):
            exc_class = default_exceptions.get(exc_class_or_code)
            if exc_class is None:
                raise ValueError(
                    f"'{exc_class_or_code}' is not a recognized HTTP error code."
                    " Use a subclass of HTTPException with that code instead."
                )
        if isinstance(exc_class, Exception):
            raise TypeError(
                f"{exc_class!r} is an instance, not a class. Handlers can only be registered"
                " for Exception classes or HTTP error codes."
            )
        if not issubclass(exc_class, Exception):
            raise ValueError(
                f"'{exc_class.__name__}' is not a subclass of Exception. Handlers can only be"
                " registered for Exception classes or HTTP error codes."
            )
        return exc_class, exc_class.code if issubclass(exc_class, HTTPException) else None


def _endpoint_from_view_func(view_func: ft.RouteCallable) -> str:
    """Return the endpoint's name if none is given: the function's."""
    if view_func is None:
        raise AssertionError("expected view func if endpoint is not provided.")
    return view_func.__name__


def static_view(app: Scaffold) -> Function:
    """Return an application's view of its static files, without a reference cycle to it."""
    reference = weakref.ref(app)
    view = lambda **kw: _static_answer(cast("Scaffold", reference()), **kw)  # noqa: E731  # its name is Flask's
    view.__module__ = "flask.app"
    return view


def _static_answer(app: Scaffold, filename: str) -> Response | Written:
    """Return what ``app.send_static_file(filename)`` does, or, where nobody sees the response, the
    same as it is sent."""
    if type(app).send_static_file is _send_static_file and "send_static_file" not in vars(app):
        return static_files.answer(app, filename)
    return app.send_static_file(filename)


_send_static_file = Scaffold.send_static_file
