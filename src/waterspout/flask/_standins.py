"""Small objects behind names of `flask` that are removed or private, where no other library has
the same thing."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from blinker import Namespace
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join as _safe_join

from .. import signals
from ..context.request_context import app_ctx, current_app, request, request_ctx
from ..import_paths import load
from ..typing import Function, Values

if TYPE_CHECKING:
    from hashlib import _Hash

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SIGNALS_AVAILABLE = True

#: Flask's signals by their names, as `flask.signals._signals` has them.
SIGNALS = Namespace()
for _name in signals.__all__:
    if _name != "Namespace":
        _signal = getattr(signals, _name)
        SIGNALS[_signal.name] = _signal

_werkzeug_version = ""


def safe_join(directory: str | os.PathLike[str], *pathnames: str | os.PathLike[str]) -> str:
    """Join a trusted directory with untrusted names.

    :raises werkzeug.exceptions.NotFound: the result would lie outside the directory. (Werkzeug's
        function of this name returns None instead.)
    """
    path = _safe_join(os.fspath(directory), *(os.fspath(name) for name in pathnames))
    if path is None:
        raise NotFound()
    return path


def _make_timedelta(value: timedelta | float | None) -> timedelta | None:
    """Return seconds as a timedelta; a timedelta and None as they are."""
    return value if value is None or isinstance(value, timedelta) else timedelta(seconds=value)


def _prepare_send_file_kwargs(**kwargs: object) -> Values:
    """Add to the arguments of `werkzeug.utils.send_file` those that the application decides."""
    app = current_app
    if kwargs.get("max_age") is None:
        kwargs["max_age"] = app.get_send_file_max_age
    return {
        **kwargs,
        "environ": request.environ,
        "use_x_sendfile": app.config["USE_X_SENDFILE"],
        "response_class": app.response_class,
        "_root_path": app.root_path,
    }


def _lazy_sha1(string: bytes = b"") -> _Hash:
    """SHA-1, looked up when it is used: builds for FIPS may lack it."""
    return hashlib.sha1(string)


def _get_werkzeug_version() -> str:
    return metadata.version("werkzeug")


class JSONMixin:
    """Gave `Request` and `Response` what they have now."""


def lookup_req_object(name: str) -> Any:
    """Return an attribute of the current request's context. Raises `RuntimeError` without one."""
    return getattr(cast("Any", request_ctx)._get_current_object(), name)


def lookup_app_object(name: str) -> Any:
    """Return an attribute of the current application's context. Raises `RuntimeError` without
    one."""
    return getattr(cast("Any", app_ctx)._get_current_object(), name)


def find_app() -> Any:
    """Return the current application. Raises `RuntimeError` without one."""
    return cast("Any", current_app)._get_current_object()


def make_test_environ_builder(app: object, *args: object, **kwargs: object) -> Any:
    """Make what the test client makes a request of."""
    return load("waterspout.testing:EnvironBuilder")(app, *args, **kwargs)


class DispatchingApp:
    """A WSGI application that is loaded when it is called first (of `flask run`)."""

    def __init__(
        self, loader: Callable[[], WSGIApplication], use_eager_loading: bool | None = None
    ) -> None:
        self.loader = loader
        self._app = None if use_eager_loading is False else loader()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._app is None:
            self._app = self.loader()
        return self._app(environ, start_response)


def call_factory(
    script_info: object,
    app_factory: Function,
    args: tuple[object, ...] | None = None,
    kwargs: Values | None = None,
) -> Any:
    """Call an application's factory; *script_info* is passed to one that takes it."""
    taken = inspect.signature(app_factory).parameters
    named = {"script_info": script_info} if "script_info" in taken else {}
    return app_factory(*(args or ()), **{**named, **(kwargs or {})})
