"""`Application`: the members of `waterspout.App` that the parts of an application use.

The parts below `app.py` are typed with this protocol, so that none of them names the class that
is made of them. The names are those of `App` (Flask's `Flask`), where they are documented. What
begins with ``waterspout_`` is for the framework only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, ValuesView
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from .typing import Argument, Coro, Function, JSONValue, SettingValue, Values

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from click import Group
    from jinja2 import BaseLoader, Environment
    from werkzeug.exceptions import Aborter, HTTPException
    from werkzeug.routing import BuildError, Map, MapAdapter

    from . import typing as ft
    from .config import Config
    from .http.default_fields import DefaultFields
    from .http.request import Request
    from .http.response import Response
    from .json.provider import JSONProvider
    from .observed import Revision

__all__ = ["Application"]

#: An object of a floor above, which cannot be named here: a `RequestContext`, a `Plan`, …
_Upper = Any
_Key = str | None
_T = TypeVar("_T")


class _Settings(Protocol):
    """The settings of an application."""

    debug: bool
    testing: SettingValue
    config: Config
    secret_key: SettingValue
    permanent_session_lifetime: SettingValue
    import_name: str
    instance_path: str
    root_path: str
    extensions: Values
    handler_settings: Values

    @property
    def name(self) -> str: ...
    @property
    def logger(self) -> logging.Logger: ...
    @property
    def cli(self) -> Group: ...


class _Replaceable(Protocol):
    """Classes and objects that a program may put others in the place of."""

    request_class: type[Request]
    response_class: type[Response]
    app_ctx_globals_class: type
    session_interface: _Upper
    aborter: Aborter
    url_map: Map

    @property
    def json(self) -> JSONProvider: ...
    @property
    def jinja_env(self) -> Environment: ...
    def create_global_jinja_loader(self) -> BaseLoader: ...
    def create_url_adapter(self, request: Request | None) -> MapAdapter | None: ...
    def get_send_file_max_age(self, filename: str | None) -> int | None: ...


class _Registries(Protocol):
    """The registries of an application; hooks by blueprint, None for its own."""

    blueprints: Values
    view_functions: dict[str, ft.RouteCallable]
    before_first_request_funcs: list[Callable[[], object]]
    before_request_funcs: dict[_Key, list[ft.BeforeRequestCallable]]
    after_request_funcs: dict[_Key, list[ft.AfterRequestCallable[Any]]]
    teardown_request_funcs: dict[_Key, list[ft.TeardownCallable]]
    teardown_appcontext_funcs: list[Function]
    template_context_processors: dict[_Key, list[ft.TemplateContextProcessorCallable]]
    url_value_preprocessors: dict[_Key, list[ft.URLValuePreprocessorCallable]]
    url_default_functions: dict[_Key, list[ft.URLDefaultCallable]]
    error_handler_spec: dict[_Key, dict[int | None, dict[type[Exception], ft.ErrorHandlerCallable]]]

    def iter_blueprints(self) -> ValuesView[_Upper]: ...
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Function | None = None,
        provide_automatic_options: bool | None = None,
        **options: Argument,
    ) -> None: ...
    def add_template_filter(self, f: Function, name: str | None = None) -> None: ...
    def add_template_test(self, f: Function, name: str | None = None) -> None: ...
    def add_template_global(self, f: Function, name: str | None = None) -> None: ...
    def register_error_handler(
        self, code_or_exception: type[Exception] | int, f: ft.ErrorHandlerCallable
    ) -> None: ...


class _Stages(Protocol):
    """The stages of a request, each of which a program may override."""

    def __call__(self, *args: Argument) -> Any: ...
    def wsgi_app(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]: ...
    def full_dispatch_request(self) -> Response: ...
    def preprocess_request(self) -> ft.ReturnValue: ...
    def dispatch_request(self) -> ft.ReturnValue: ...
    def make_default_options_response(self) -> Response: ...
    def finalize_request(
        self, rv: ft.ReturnValue, from_error_handler: bool = False
    ) -> Response: ...
    def make_response(self, rv: ft.ReturnValue) -> Response: ...
    def process_response(self, response: Response) -> Response: ...
    def handle_user_exception(self, e: Exception) -> ft.ReturnValue: ...
    def handle_http_exception(self, e: HTTPException) -> ft.ReturnValue: ...
    def handle_exception(self, e: Exception) -> Response: ...
    def trap_http_exception(self, e: Exception) -> bool: ...
    def raise_routing_exception(self, request: Request) -> NoReturn: ...
    def log_exception(
        self,
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> None: ...
    def should_ignore_error(self, error: BaseException | None) -> bool: ...
    def do_teardown_request(self, exc: BaseException | None = ...) -> None: ...
    def do_teardown_appcontext(self, exc: BaseException | None = ...) -> None: ...
    def ensure_sync(self, func: Function) -> Function: ...
    def async_to_sync(self, func: Callable[..., Coro[_T]]) -> Callable[..., _T]: ...
    def _find_error_handler(self, e: Exception, blueprints: list[str]) -> Function | None: ...


class _Pages(Protocol):
    """URLs, redirects and what templates see."""

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
    ) -> str: ...
    def inject_url_defaults(self, endpoint: str, values: Values) -> None: ...
    def handle_url_build_error(self, error: BuildError, endpoint: str, values: Values) -> str: ...
    def redirect(self, location: str, code: int = 302) -> Response: ...
    def update_template_context(self, context: Values) -> None: ...
    def make_shell_context(self) -> Values: ...
    def app_context(self) -> _Upper: ...
    def test_request_context(self, *args: Argument, **kwargs: Argument) -> _Upper: ...


class _Kept(Protocol):
    """The members that only the framework uses."""

    _got_first_request: bool
    waterspout_overridden: frozenset[str]
    waterspout_revision: Revision
    waterspout_needs_wsgi: bool
    waterspout_session_is_lazy: bool
    waterspout_matches_by_path: bool
    waterspout_kept_heads: dict[type, tuple[bytes, Callable[[JSONValue], bytes]]] | None
    waterspout_default_fields: DefaultFields | None
    waterspout_before_send_funcs: list[Function]
    waterspout_lifespan_funcs: list[Function]
    waterspout_mounts: list[tuple[str, Application]]
    waterspout_mounted_in: list[tuple[str, Application]]
    waterspout_path_builders: list[Callable[[str, Values], str | None]]
    waterspout_user_func: Callable[[], object] | None
    waterspout_csrf_source: _Upper
    waterspout_route_table: _Upper

    @property
    def waterspout_matches_early(self) -> bool: ...
    def waterspout_plan_for(self, rule: object) -> _Upper: ...
    def waterspout_find_route(self, request: Request) -> tuple[_Upper, Values] | None: ...
    def waterspout_match_by(
        self, adapter: MapAdapter, path: str
    ) -> tuple[_Upper, Mapping[str, object]]: ...
    def waterspout_mounted_at(self, path: str) -> tuple[str, Application] | None: ...
    def waterspout_body_limit(self, plan: _Upper) -> int | None: ...
    def waterspout_close_setup(self) -> None: ...
    def waterspout_take_first_request(
        self,
    ) -> tuple[Future[None], list[Callable[[], object]]]: ...
    def waterspout_takes_error(self, error: Exception, blueprints: list[str]) -> bool: ...
    def waterspout_own_keys(self) -> tuple[str | bytes | None, SettingValue]: ...


class Application(_Settings, _Replaceable, _Registries, _Stages, _Pages, _Kept, Protocol):
    """An application as its parts see it."""
