"""Blueprints: parts of an application, written without one and registered on it later.

A blueprint keeps what cannot be merged as data (routes, template filters, what extensions ask
for with :meth:`Blueprint.record`) as functions of a `BlueprintSetupState`, and calls them each
time it is registered. Names of nested blueprints are joined by dots.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from functools import update_wrapper
from typing import overload

from . import typing as ft
from .application.scaffold import (
    F,
    Scaffold,
    T_after_request,
    T_before_request,
    T_error_handler,
    T_teardown,
    T_template_context_processor,
    T_url_defaults,
    T_url_value_preprocessor,
    _endpoint_from_view_func,
    _sentinel,
    setupmethod,
)
from .import_paths import load
from .typing import Argument, Function, OwnApp, Values

DeferredSetupFunction = Callable[["BlueprintSetupState"], None]
_Hooks = dict[str | None, list[Function]]


class BlueprintSetupState:
    """One registration of a blueprint on an application. Deferred functions are called with it."""

    def __init__(
        self, blueprint: Blueprint, app: OwnApp, options: Values, first_registration: bool
    ) -> None:
        self.app = app
        self.blueprint = blueprint
        #: What was passed to `App.register_blueprint`, by keyword.
        self.options = options
        #: Whether the blueprint is new to this application, under any name.
        self.first_registration = first_registration

        subdomain = options.get("subdomain")
        self.subdomain = blueprint.subdomain if subdomain is None else subdomain
        url_prefix = options.get("url_prefix")
        self.url_prefix = blueprint.url_prefix if url_prefix is None else url_prefix
        self.name = options.get("name", blueprint.name)
        #: The dotted name of the blueprint that this one is nested in, or ``""``.
        self.name_prefix = options.get("name_prefix", "")
        self.url_defaults = {
            **blueprint.url_values_defaults,
            **dict(options.get("url_defaults", ())),
        }

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        **options: Argument,
    ) -> None:
        """Register a route on the application, below the blueprint's prefix and name."""
        if self.url_prefix is not None:
            rule = _join(self.url_prefix, rule) if rule else self.url_prefix
        options.setdefault("subdomain", self.subdomain)
        if endpoint is None:
            endpoint = _endpoint_from_view_func(view_func)  # type: ignore[arg-type]  # it says so
        options["defaults"] = {**self.url_defaults, **(options.get("defaults") or {})}
        self.app.add_url_rule(
            rule, f"{self.name_prefix}.{self.name}.{endpoint}".lstrip("."), view_func, **options
        )


class Blueprint(Scaffold):
    """A collection of routes, hooks and handlers that becomes part of an application.

        admin = Blueprint("admin", __name__, url_prefix="/admin")

        @admin.get("/users")
        async def users(): ...          # url_for("admin.users") -> /admin/users

        app.register_blueprint(admin)

    :param name: goes before the names of its endpoints.
    :param import_name: name of its module, usually ``__name__``.
    :param static_folder: folder of files to serve below its prefix.
    :param static_url_path: prefix of these files, by default the folder's name.
    :param template_folder: folder of templates, searched after the application's.
    :param url_prefix: goes before its rules.
    :param subdomain: default for its rules.
    :param url_defaults: values its views are passed where a rule has none.
    :param root_path: what relative folders start from; by default the module's folder.
    :param cli_group: name of its commands' group; ``None`` adds them to the application's own.
    """

    _got_registered_once = False

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: Values | None = None,
        root_path: str | None = None,
        cli_group: str | None = _sentinel,
    ) -> None:
        super().__init__(import_name, static_folder, static_url_path, template_folder, root_path)
        if not name:
            raise ValueError("'name' may not be empty.")
        if "." in name:
            raise ValueError("'name' may not contain a dot '.' character.")

        self.name = name
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.url_values_defaults = {} if url_defaults is None else url_defaults
        self.cli_group = cli_group
        self.deferred_functions: list[DeferredSetupFunction] = []
        self._blueprints: list[tuple[Blueprint, Values]] = []
        # The application's own list has the standard processor already.
        self.template_context_processors.clear()

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_registered_once:
            raise AssertionError(
                f"The setup method '{f_name}' can no longer be called on the blueprint"
                f" '{self.name}'. It has already been registered at least once, any"
                " changes will not be applied consistently.\n"
                "Make sure all imports, decorators, functions, etc. needed to set up"
                " the blueprint are done before registering it."
            )

    # -- what happens at registration ----------------------------------------------

    @setupmethod
    def record(self, func: DeferredSetupFunction) -> None:
        """Call *func* with the `BlueprintSetupState` each time the blueprint is registered."""
        self.deferred_functions.append(func)

    @setupmethod
    def record_once(self, func: DeferredSetupFunction) -> None:
        """Call *func* like :meth:`record`, but only the first time for an application."""

        def first_time(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(update_wrapper(first_time, func))

    def make_setup_state(
        self, app: OwnApp, options: Values, first_registration: bool = False
    ) -> BlueprintSetupState:
        """Make the state of one registration; for overriding."""
        return BlueprintSetupState(self, app, options, first_registration)

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Argument) -> None:
        """Nest *blueprint* in this one; *options* as for `App.register_blueprint`.

        Raises `ValueError` for the blueprint itself.
        """
        if blueprint is self:
            raise ValueError("Cannot register a blueprint on itself")
        kind: type = type(blueprint)
        if not issubclass(kind, Scaffold):
            load("waterspout.dropin.hints:refuse_peer")(kind, "registered here")
        self._blueprints.append((blueprint, options))

    def register(self, app: OwnApp, options: Values) -> None:
        """Become part of *app*: what `App.register_blueprint` calls.

        :raises ValueError: the name is taken.
        """
        own_name = options.get("name", self.name)
        name = f"{options.get('name_prefix', '')}.{own_name}".lstrip(".")
        if name in app.blueprints:
            which = "this" if app.blueprints[name] is self else "a different"
            where = f" '{name}'" if own_name != name else ""
            raise ValueError(
                f"The name '{own_name}' is already registered for"
                f" {which} blueprint{where}. Use 'name=' to"
                f" provide a unique name."
            )
        is_first = not any(known is self for known in app.blueprints.values())
        app.blueprints[name] = self
        self._got_registered_once = True
        state = self.make_setup_state(app, options, is_first)

        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                view_func=self.send_static_file,
                endpoint="static",
            )
        self._merge_blueprint_funcs(app, name)
        for deferred in self.deferred_functions:
            deferred(state)
        self._waterspout_add_commands(app, name, options.get("cli_group", self.cli_group))
        for nested, nested_options in self._blueprints:
            nested.register(app, _nested_options(state, name, nested, nested_options))

    def _merge_blueprint_funcs(self, app: OwnApp, name: str) -> None:
        """Copy hooks, error handlers and views to *app*, for the blueprint *name*."""
        for scope, handlers in self.error_handler_spec.items():
            app.error_handler_spec[_scoped(name, scope)] = defaultdict(
                dict, {code: dict(by_class) for code, by_class in handlers.items()}
            )
        app.view_functions.update(self.view_functions)

        registries: tuple[tuple[_Hooks, _Hooks], ...] = (
            (self.before_request_funcs, app.before_request_funcs),
            (self.after_request_funcs, app.after_request_funcs),
            (self.teardown_request_funcs, app.teardown_request_funcs),
            (self.url_default_functions, app.url_default_functions),
            (self.url_value_preprocessors, app.url_value_preprocessors),
            (self.template_context_processors, app.template_context_processors),
        )
        for own, apps in registries:
            for scope, functions in own.items():
                apps[_scoped(name, scope)].extend(functions)

    def _waterspout_add_commands(self, app: OwnApp, name: str, group_name: str | None) -> None:
        # Asking for the group would import click: most blueprints have no commands.
        untouched = "cli" not in vars(self) and type(self).cli is Scaffold.cli
        if untouched or not self.cli.commands:
            return
        if group_name is None:
            app.cli.commands.update(self.cli.commands)
            return
        self.cli.name = name if group_name is _sentinel else group_name
        app.cli.add_command(self.cli)

    # -- routes ------------------------------------------------------------------

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Argument,
    ) -> None:
        """Register a route, see `App.add_url_rule`; prefix and name go before rule and endpoint.

        Raises `ValueError` if the endpoint, or the view's name, has a dot.
        """
        if endpoint and "." in endpoint:
            raise ValueError("'endpoint' may not contain a dot '.' character.")
        if view_func and "." in getattr(view_func, "__name__", ""):
            raise ValueError("'view_func' name may not contain a dot '.' character.")
        self.record(
            lambda state: state.add_url_rule(
                rule,
                endpoint,
                view_func,
                provide_automatic_options=provide_automatic_options,
                **options,
            )
        )

    # -- templates: for the whole application ----------------------------------------

    @overload
    def app_template_filter(self, name: F) -> F: ...
    @overload
    def app_template_filter(self, name: str | None = None) -> Callable[[F], F]: ...
    @setupmethod
    def app_template_filter(self, name: F | str | None = None) -> F | Callable[[F], F]:
        """Register a Jinja filter by decorator, under *name* or the function's."""
        return self._waterspout_template_decorator(self.add_app_template_filter, name)

    @setupmethod
    def add_app_template_filter(
        self, f: ft.TemplateFilterCallable, name: str | None = None
    ) -> None:
        """Register *f* as a Jinja filter, under *name* or its own."""
        self.record_once(lambda state: state.app.add_template_filter(f, name))

    @overload
    def app_template_test(self, name: F) -> F: ...
    @overload
    def app_template_test(self, name: str | None = None) -> Callable[[F], F]: ...
    @setupmethod
    def app_template_test(self, name: F | str | None = None) -> F | Callable[[F], F]:
        """Register a Jinja test by decorator, under *name* or the function's."""
        return self._waterspout_template_decorator(self.add_app_template_test, name)

    @setupmethod
    def add_app_template_test(self, f: ft.TemplateTestCallable, name: str | None = None) -> None:
        """Register *f* as a Jinja test, under *name* or its own."""
        self.record_once(lambda state: state.app.add_template_test(f, name))

    @overload
    def app_template_global(self, name: F) -> F: ...
    @overload
    def app_template_global(self, name: str | None = None) -> Callable[[F], F]: ...
    @setupmethod
    def app_template_global(self, name: F | str | None = None) -> F | Callable[[F], F]:
        """Register a function that templates can call by decorator, under *name* or its own."""
        return self._waterspout_template_decorator(self.add_app_template_global, name)

    @setupmethod
    def add_app_template_global(
        self, f: ft.TemplateGlobalCallable, name: str | None = None
    ) -> None:
        """Register *f* as a function that templates can call, under *name* or its own."""
        self.record_once(lambda state: state.app.add_template_global(f, name))

    # -- hooks and handlers: for the whole application -----------------------------------

    @setupmethod
    def before_app_request(self, f: T_before_request) -> T_before_request:
        """Register *f* like `App.before_request`."""
        self.record_once(lambda state: state.app.before_request_funcs[None].append(f))
        return f

    @setupmethod
    def before_app_first_request(self, f: F) -> F:
        """Register *f* like `App.before_first_request`."""
        self.record_once(lambda state: state.app.before_first_request_funcs.append(f))
        return f

    @setupmethod
    def after_app_request(self, f: T_after_request) -> T_after_request:
        """Register *f* like `App.after_request`."""
        self.record_once(lambda state: state.app.after_request_funcs[None].append(f))
        return f

    @setupmethod
    def teardown_app_request(self, f: T_teardown) -> T_teardown:
        """Register *f* like `App.teardown_request`."""
        self.record_once(lambda state: state.app.teardown_request_funcs[None].append(f))
        return f

    @setupmethod
    def app_context_processor(
        self, f: T_template_context_processor
    ) -> T_template_context_processor:
        """Register *f* like `App.context_processor`."""
        self.record_once(lambda state: state.app.template_context_processors[None].append(f))
        return f

    @setupmethod
    def app_errorhandler(
        self, code: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Register the decorated function like `App.errorhandler`."""

        def decorator(f: T_error_handler) -> T_error_handler:
            self.record_once(lambda state: state.app.register_error_handler(code, f))
            return f

        return decorator

    @setupmethod
    def app_url_value_preprocessor(self, f: T_url_value_preprocessor) -> T_url_value_preprocessor:
        """Register *f* like `App.url_value_preprocessor`."""
        self.record_once(lambda state: state.app.url_value_preprocessors[None].append(f))
        return f

    @setupmethod
    def app_url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """Register *f* like `App.url_defaults`."""
        self.record_once(lambda state: state.app.url_default_functions[None].append(f))
        return f


def _join(prefix: str, path: str) -> str:
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}"


def _scoped(name: str, scope: str | None) -> str:
    return name if scope is None else f"{name}.{scope}"


def _nested_options(
    state: BlueprintSetupState, name: str, nested: Blueprint, options: Values
) -> Values:
    """Return the options for registering *nested* within the registration *state*."""
    options = {**options, "name_prefix": name}
    prefix = options.get("url_prefix")
    prefix = nested.url_prefix if prefix is None else prefix
    subdomain = options.get("subdomain")
    subdomain = nested.subdomain if subdomain is None else subdomain

    if state.url_prefix is not None:
        prefix = state.url_prefix if prefix is None else _join(state.url_prefix, prefix)
    if state.subdomain is not None:
        subdomain = state.subdomain if subdomain is None else f"{subdomain}.{state.subdomain}"
    if prefix is not None:
        options["url_prefix"] = prefix
    if subdomain is not None:
        options["subdomain"] = subdomain
    return options
