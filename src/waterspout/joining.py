"""What brings other ways of writing, and whole programs, into one application.

Request handlers (`add_handlers`) and mounted programs (`mount`) are found through the same
route table as views, and answered on the same pipeline: with the application's hooks,
session, user and errors. An `App` that is mounted keeps its own: it is asked in place of the
outer one, from the first hook on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import HTTPException, InternalServerError

from .lazy import load
from .registration import Registration
from .routing import PatternRule
from .scaffold import setupmethod

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from .app import App

F = TypeVar("F", bound=Callable[..., Any])


class Joining(Registration):
    """Registers what is not a view of this application."""

    #: Says who the user of a request is, see `identify`.
    user_func: Callable[[], Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Prefixes, and the applications below them.
        self.mounts: list[tuple[str, App]] = []
        #: Tornado's application settings for the request handlers of this one, such as
        #: ``ui_modules`` or ``login_url``; see `waterspout.tornado.hosting.application_of`.
        self.handler_settings: dict[str, Any] = {}

    @setupmethod
    def identify(self, f: F) -> F:
        """Let *f* say who the user of the running request is; None: nobody.

        It is called once a request, when somebody asks: `RequestHandler.current_user` does.
        An ``async def`` function is called before each request handler.
        """
        self.user_func = f
        return f

    @setupmethod
    def add_pattern(
        self, pattern: str, endpoint: str, view_func: Callable[..., Any], **options: Any
    ) -> None:
        """Add a route whose rule is a regular expression over the whole path, see
        `routing.PatternRule`, which also takes the *options*."""
        options = {**getattr(view_func, "rule_options", {}), **options}
        old = self.view_functions.get(endpoint)
        if old is not None and old is not view_func:
            raise AssertionError(
                f"View function mapping is overwriting an existing endpoint function: {endpoint}"
            )
        self.view_functions[endpoint] = view_func
        self.route_table.add_pattern(PatternRule(pattern, endpoint, **options))

    @setupmethod
    def add_handlers(self, *arguments: Any) -> None:
        """Add request handlers: ``add_handlers([(pattern, Handler), …])``, the entries as for
        `waterspout.tornado.web.Application`, or ``add_handlers(host_pattern, [...])``.

        Views that match exactly come first, then handlers in the order they were added.
        """
        load("waterspout.tornado.hosting:add_handlers")(self, *arguments)

    @setupmethod
    def mount(self, prefix: str, program: Any) -> None:
        """Let *program* answer everything below *prefix*, such as ``/admin``.

        An `App` is asked with its own hooks and errors; if it has no secret key, it shares this
        one's and with it the session. A Tornado ``Application`` becomes part of this one. Any
        other program is a WSGI callable.

        Raises `ValueError` for a prefix that is no path without a slash at its end.
        """
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise ValueError(
                f"A prefix starts with a slash and does not end with one, such as '/admin';"
                f" got {prefix!r}."
            )
        if isinstance(program, Joining):
            if program.config["SECRET_KEY"] is None:
                program.config["SECRET_KEY"] = self.config["SECRET_KEY"]
            self.mounts.append((prefix, program))  # type: ignore[arg-type]  # an App, always
            return
        endpoint = f"mounted:{prefix}"
        make = getattr(program, "_mounted", None)
        view = _wsgi_view(prefix, program) if make is None else make(self, prefix)
        self.add_pattern(f"{re.escape(prefix)}(?:/.*)?", endpoint, view)

    def takes_error(self, error: Exception, blueprints: list[str]) -> bool:
        """Tell whether this application answers an endpoint's *error* in a way of its own: by an
        error handler, or by letting it through (PROPAGATE_EXCEPTIONS, TESTING, DEBUG)."""
        if self._find_error_handler(error, blueprints) is not None:
            return True
        if isinstance(error, HTTPException):
            return False
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        return (
            bool(self.testing or self.debug if propagate is None else propagate)
            or self._find_error_handler(InternalServerError(), blueprints) is not None
        )

    def mounted_at(self, path: str) -> tuple[str, App] | None:
        """Return the prefix and the mounted application that *path* belongs to."""
        for mount in self.mounts:
            if path.startswith(mount[0]) and path[len(mount[0]) :][:1] in ("/", ""):
                return mount
        return None


def core_of(program: Any) -> App | None:
    """Return the application that *program* is, or has within as Tornado's do; else None."""
    if not isinstance(program, Joining):
        # The class is asked, because a proxy answers for something that may not be there.
        program = program._core if hasattr(type(program), "_core") else None
    app: App | None = program
    return app


def below(environ: WSGIEnvironment, prefix: str) -> WSGIEnvironment:
    """Return the environ as a program mounted at *prefix* sees it."""
    return {
        **environ,
        "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + prefix,
        "PATH_INFO": environ["PATH_INFO"].removeprefix(prefix) or "/",
    }


def _wsgi_view(prefix: str, program: Callable[..., Any]) -> Callable[..., Any]:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return program(below(environ, prefix), start_response)

    return lambda: answer
