"""Small objects behind names of `flask` that are removed or private, where no other library has
the same thing."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any

from blinker import Namespace
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join as _safe_join

from .. import signals
from ..context import current_app, request

if TYPE_CHECKING:
    from hashlib import _Hash

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


def _prepare_send_file_kwargs(**kwargs: Any) -> dict[str, Any]:
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
