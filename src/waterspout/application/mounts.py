"""Programs mounted below a prefix of an application.

A mounted `App` handles the request in place of the outer one (`dispatch.entry`); a Tornado
``Application`` is an endpoint of the Tornado wing. Every other program is a WSGI (PEP 3333) or an
ASGI 3.0 callable and becomes an endpoint here, inside the outer application's hooks, limits and
errors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..context.variables import request_var
from ..import_paths import load
from ..typing import Function

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["below", "endpoint_for", "family", "is_asgi", "path_of"]

Endpoint = Function


def endpoint_for(app: object, prefix: str, program: object) -> Endpoint:
    """Return the endpoint that passes requests below *prefix* of *app* to *program*.

    Raises `TypeError` for what is no program.
    """
    make = getattr(program, "_waterspout_mounted", None)
    if make is not None:
        joined: Endpoint = make(app, prefix)
        return joined
    if not callable(program):
        raise TypeError(
            f"Only an App, a Tornado Application, or a WSGI or ASGI callable can be mounted,"
            f" not {program!r}."
        )
    if is_asgi(program):
        foreign: Endpoint = load("waterspout.application.asgi_mount:mounted")(app, prefix, program)
        return foreign
    return _wsgi_view(prefix, program)


def is_asgi(program: Callable[..., object]) -> bool:
    """Tell an ASGI 3.0 program from a WSGI one: it is called with three arguments, and is most
    often ``async def``."""
    called = program if inspect.isroutine(program) else type(program).__call__
    if inspect.iscoroutinefunction(called):
        return True
    try:
        parameters = inspect.signature(program).parameters.values()
    except (TypeError, ValueError):  # a callable that hides its signature
        return False
    needed = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == 3


def below(environ: WSGIEnvironment, prefix: str) -> WSGIEnvironment:
    """Return the environ as a program mounted at *prefix* sees it."""
    sent = prefix.encode().decode("latin-1")  # each byte is a character there (PEP 3333)
    return {
        **environ,
        "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + sent,
        "PATH_INFO": environ["PATH_INFO"].removeprefix(sent),
    }


def path_of(environ: WSGIEnvironment) -> str:
    """Return the path of an environ as text."""
    path: str = environ["PATH_INFO"]
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")


def _wsgi_view(prefix: str, program: Callable[..., object]) -> Endpoint:
    def answer() -> Any:
        # Called inside the endpoint, so that the application's error handlers see its errors.
        ctx = request_var.get()
        environ = below(ctx.request.environ, prefix)
        # SECURITY: under WSGI the body has not been counted yet; 413 above the limit.
        environ["wsgi.input"] = stream = ctx.request.stream
        if ctx.incoming is not None and stream.seekable():
            stream.seek(0)  # a hook may have read it
        return ctx.app.response_class.from_app(program, environ)

    return answer


def family(app: object) -> list[Any]:
    """Return *app* and the applications mounted in it, and in those, each once; outer ones
    before inner ones."""
    found: list[Any] = []
    _add_family(app, found)
    return found


def _add_family(app: object, found: list[object]) -> None:
    if not any(app is known for known in found):
        found.append(app)
        for _, inner in getattr(app, "waterspout_mounts", ()):
            _add_family(inner, found)
