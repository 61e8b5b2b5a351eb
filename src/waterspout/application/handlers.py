"""Request handlers and mounted programs as parts of an application.

Request handlers (`add_handlers`) and mounted programs (`mount`) are found through the same
route table as views, and run on the same pipeline: with the application's hooks,
session, user and errors. A mounted `App` keeps its own: it handles the request in place of the
outer one, from the first hook on.

URLs are built across the border. In an application whose `mount` has the prefix ``/shop/admin``,
``url_for("shop.admin.index")`` is the URL of the endpoint ``index`` of the mounted application. An
endpoint that the mounted one does not have is looked for in the outer one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import BuildError

from ..import_paths import load
from ..routing import PatternRule
from ..routing.patterns import is_below
from ..routing.urls import build_beyond
from ..typing import Argument, Function, SettingValue, Values
from .mounts import endpoint_for
from .registration import Registration
from .scaffold import setupmethod

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ..csrf import CSRFSource
    from ..interfaces import Application

F = TypeVar("F", bound=Function)


class Joining(Registration):
    """The part of `App` that registers request handlers, mounted programs and users."""

    #: The function that returns the user of a request, see `identify`.
    waterspout_user_func: Callable[[], object] | None = None
    #: Where the secrets against cross-site requests are kept, see `keep_csrf_secrets`.
    waterspout_csrf_source: CSRFSource | None = None

    def __init__(self, *args: Argument, **kwargs: Argument) -> None:
        super().__init__(*args, **kwargs)
        # Set although it is the class's default: an instance's attribute is read faster.
        self.waterspout_user_func = None
        #: Prefixes, and the applications below them.
        self.waterspout_mounts: list[tuple[str, Application]] = []
        #: Where this one is mounted: prefixes, and the applications that have them.
        self.waterspout_mounted_in: list[tuple[str, Application]] = []
        #: Tornado's application settings for the request handlers of this one, such as
        #: ``ui_modules`` or ``login_url``; see `waterspout.tornado.core_adapter.application_of`.
        self.handler_settings: Values = {}
        #: Functions that build the path of an endpoint that no rule of the table has, out of its
        #: values; None for an endpoint that is not theirs. Paths are without the mount's prefix.
        self.waterspout_path_builders: list[Callable[[str, Values], str | None]] = []

    def handle_url_build_error(self, error: BuildError, endpoint: str, values: Values) -> str:
        """Build the URL beyond this application's own rules, or ask `url_build_error_handlers`
        for one, or raise *error*."""
        try:
            return build_beyond(self, error, endpoint, values)  # type: ignore[arg-type]  # an App
        except BuildError:
            return super().handle_url_build_error(error, endpoint, values)

    @setupmethod
    def identify(self, f: F) -> F:
        """Register *f*, which returns the user of the running request, or None for nobody.

        It is called at most once a request, when the user is needed (`AppContext.user`,
        `RequestHandler.current_user`). An ``async def`` function is called before each request
        handler; what it raises is raised where the user is asked for.
        """
        self.waterspout_user_func = f
        return f

    @setupmethod
    def keep_csrf_secrets(self, source: CSRFSource) -> None:
        """Keep the secrets of tokens against cross-site requests in *source*, in place of the
        cookies CSRF_COOKIE_NAME (of views) and ``xsrf_cookie_name`` (of request handlers)."""
        self.waterspout_csrf_source = source

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Function | None = None,
        provide_automatic_options: bool | None = None,
        **options: Argument,
    ) -> None:
        """Add a route, see `Registration.add_url_rule`; for a handler class that accepts WebSockets
        also the route of their opening handshake."""
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
        if getattr(view_func, "_waterspout_sockets", False):
            endpoint = endpoint or view_func.__name__  # type: ignore[union-attr]  # a class
            options.update(methods=["GET"], websocket=True, on_disconnect="finish")
            super().add_url_rule(rule, endpoint, None, False, **options)

    @setupmethod
    def waterspout_add_pattern(
        self, pattern: str, endpoint: str, view_func: Function, **options: Argument
    ) -> None:
        """Add a route whose rule is a regular expression over the whole path, see
        `routing.PatternRule`, which also takes the *options*."""
        options = {**getattr(view_func, "rule_options", {}), **options}
        self._waterspout_add_view_function(endpoint, view_func)
        self.waterspout_route_table.add_pattern(PatternRule(pattern, endpoint, **options))

    @setupmethod
    def add_handlers(self, *arguments: Argument) -> None:
        """Add request handlers: ``add_handlers([(pattern, Handler), …])``, the entries as for
        `waterspout.tornado.web.Application`, or ``add_handlers(host_pattern, [...])``.

        Views that match exactly come first, then handlers in the order they were added.
        """
        load("waterspout.tornado.core_adapter:add_handlers")(self, *arguments)

    @setupmethod
    def mount(self, prefix: str, program: object) -> None:
        """Have *program* handle every request below *prefix*, such as ``/admin``.

        An `App` runs with its own hooks and errors, and starts and stops with this one; while
        it has no secret key, it shares this one's and with it the session. A Tornado
        ``Application`` becomes part of this one. Any other program is an ASGI callable, if it is
        ``async def`` or takes three arguments, or else a WSGI callable. Of several prefixes that a
        path begins with, the longest counts.

        Raises `ValueError` for a prefix that is no path without a slash at its end, `TypeError`
        for what is no program.
        """
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise ValueError(
                f"A prefix starts with a slash and does not end with one, such as '/admin';"
                f" got {prefix!r}."
            )
        if isinstance(program, Joining):
            self.waterspout_mounts.append((prefix, program))  # type: ignore[arg-type]  # an App, always
            program.waterspout_mounted_in.append((prefix, self))  # type: ignore[arg-type]  # as above
            return
        view = endpoint_for(self, prefix, program)
        pattern = f"{re.escape(prefix)}(?:/.*)?"
        self.waterspout_add_pattern(pattern, f"mounted:{prefix}", view, mounted_at=prefix)

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve as an ASGI application, for servers that would take the application itself for
        one of WSGI: ``hypercorn main:app.asgi``."""
        await load("waterspout.gateways.asgi:serve")(self, scope, receive, send)

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve as a WSGI application, for servers that would take the application itself for
        one of ASGI: ``granian --interface wsgi main:app.wsgi``."""
        answer: Iterable[bytes] = self.wsgi_app(environ, start_response)  # type: ignore[attr-defined]
        return answer

    def waterspout_takes_error(self, error: Exception, blueprints: list[str]) -> bool:
        """Tell whether this application itself handles an endpoint's *error*: by an error handler,
        or by raising it (PROPAGATE_EXCEPTIONS, TESTING, DEBUG)."""
        if self._find_error_handler(error, blueprints) is not None:
            return True
        if isinstance(error, HTTPException):
            return False
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        return (
            bool(self.testing or self.debug if propagate is None else propagate)
            or self._find_error_handler(InternalServerError(), blueprints) is not None
        )

    def waterspout_mounted_at(self, path: str) -> tuple[str, Application] | None:
        """Return the prefix and the mounted application that *path* belongs to."""
        found: tuple[str, Application] | None = None
        for mount in self.waterspout_mounts:
            longest = found is None or len(mount[0]) > len(found[0])
            if longest and is_below(path, mount[0]):
                found = mount
        if found is None:
            return None
        # A program of another kind may be mounted below this one's prefix.
        at = self.waterspout_route_table.patterns.mounted_at(path)
        return found if at is None or len(at) <= len(found[0]) else None

    def waterspout_own_keys(self) -> tuple[str | bytes | None, SettingValue]:
        """Return SECRET_KEY and SECRET_KEY_FALLBACKS."""
        return self.config["SECRET_KEY"], self.config["SECRET_KEY_FALLBACKS"]


def core_of(program: Any) -> Application | None:
    """Return the application that *program* is, or contains as Tornado's do; else None."""
    if not isinstance(program, Joining):
        # Asked of the class: a proxy claims attributes that may not exist.
        program = program.waterspout_core if hasattr(type(program), "waterspout_core") else None
    app: Application | None = program
    return app
