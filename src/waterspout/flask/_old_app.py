"""What the application object and its settings had in Flask 1 and 2, and lost.

None of it is in `dir()`; each is a DeprecationWarning that says what to write. A setting such as
JSON_AS_ASCII still does what it did.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ReferenceType, ref

from ..config import Config
from ..peers.added_names import Added
from ..typing import Argument, Values
from ._standins import _make_timedelta

if TYPE_CHECKING:
    from ..app import App


def env() -> str:
    """Return what FLASK_ENV says, ``production`` if nothing (`flask.helpers.get_env`)."""
    return os.environ.get("FLASK_ENV") or "production"


#: Setting → what it was when nobody set it.
_DEFAULTS: dict[str, Callable[[], object]] = {
    "ENV": env,
    "PRESERVE_CONTEXT_ON_EXCEPTION": lambda: None,
    "JSON_AS_ASCII": lambda: True,
    "JSON_SORT_KEYS": lambda: True,
    "JSONIFY_MIMETYPE": lambda: "application/json",
    "JSONIFY_PRETTYPRINT_REGULAR": lambda: False,
}
#: Setting → the attribute of `app.json` that took its place, and the value of it.
_OF_JSON: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "JSON_AS_ASCII": ("ensure_ascii", bool),
    "JSON_SORT_KEYS": ("sort_keys", bool),
    "JSONIFY_MIMETYPE": ("mimetype", str),
    "JSONIFY_PRETTYPRINT_REGULAR": ("compact", lambda pretty: not pretty),
}


class FlaskConfig(Config):
    """A `Config` in which the settings that Flask removed can be read and still work."""

    _waterspout_app: ReferenceType[App] | None = None

    def belong_to(self, app: App) -> None:
        """Pass removed settings of JSON on to ``app.json`` from now on."""
        self._waterspout_app = ref(app)

    def __getstate__(self) -> Values:
        # A copy, in this process or another, belongs to no application.
        return {name: value for name, value in vars(self).items() if name != "_waterspout_app"}

    def __setitem__(self, key: str, value: object) -> None:
        super().__setitem__(key, value)
        app = None if self._waterspout_app is None else self._waterspout_app()
        if key in _OF_JSON and app is not None:
            name, convert = _OF_JSON[key]
            warn(f"The setting {key!r} was removed; set 'app.json.{name}'.")
            setattr(app.json, name, convert(value))

    def update(self, *args: Argument, **kwargs: Argument) -> None:
        """Set several values (`dict.update`)."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __missing__(self, key: str) -> Any:
        default = _DEFAULTS.get(key)
        if default is None:
            raise KeyError(key)
        warn(f"The setting {key!r} was removed; this is its old default.")
        return default()


class Old(NamedTuple):
    """An attribute of the application that was removed."""

    instead: str
    get: Callable[[App], object]
    #: The setting in which a value that is assigned is kept; None: nothing kept it.
    setting: str | None = None


def _setting(name: str) -> Old:
    return Old(f"'app.config[{name!r}]'", lambda app: app.config[name], name)


def _propagates(app: App) -> bool:
    value = app.config["PROPAGATE_EXCEPTIONS"]
    return bool(app.testing or app.debug if value is None else value)


def _preserves(app: App) -> bool:
    value = app.config.get("PRESERVE_CONTEXT_ON_EXCEPTION")
    return bool(app.debug if value is None else value)


OLD: dict[str, Old] = {
    "env": Old("a setting of your own", lambda app: app.config.get("ENV") or env(), "ENV"),
    "session_cookie_name": _setting("SESSION_COOKIE_NAME"),
    "send_file_max_age_default": Old(
        "'app.config[\"SEND_FILE_MAX_AGE_DEFAULT\"]'",
        lambda app: _make_timedelta(app.config["SEND_FILE_MAX_AGE_DEFAULT"]),
        "SEND_FILE_MAX_AGE_DEFAULT",
    ),
    "use_x_sendfile": _setting("USE_X_SENDFILE"),
    "templates_auto_reload": Old(
        "'app.config[\"TEMPLATES_AUTO_RELOAD\"]'",
        lambda app: (
            app.debug
            if app.config["TEMPLATES_AUTO_RELOAD"] is None
            else app.config["TEMPLATES_AUTO_RELOAD"]
        ),
        "TEMPLATES_AUTO_RELOAD",
    ),
    "propagate_exceptions": Old(
        "'app.config[\"PROPAGATE_EXCEPTIONS\"]'", _propagates, "PROPAGATE_EXCEPTIONS"
    ),
    "preserve_context_on_exception": Old(
        "nothing: a context ends with its request", _preserves, "PRESERVE_CONTEXT_ON_EXCEPTION"
    ),
    "got_first_request": Old("nothing", lambda app: app._got_first_request),
    "logger_name": Old("'app.logger.name'", lambda app: app.logger.name),
    "request_globals_class": Old("'app.app_ctx_globals_class'", lambda a: a.app_ctx_globals_class),
    "static_path": Old("'app.static_url_path'", lambda app: app.static_url_path),
    "debug_log_format": Old(
        "a logging configuration of your own",
        lambda app: "[%(asctime)s] %(levelname)s in %(module)s: %(message)s",
    ),
    "open_session": Old(
        "'app.session_interface.open_session'",
        lambda app: lambda request: app.session_interface.open_session(app, request),
    ),
    "save_session": Old(
        "'app.session_interface.save_session'",
        lambda app: (
            lambda session, response: app.session_interface.save_session(app, session, response)
        ),
    ),
    "make_null_session": Old(
        "'app.session_interface.make_null_session'",
        lambda app: lambda: app.session_interface.make_null_session(app),
    ),
    "init_jinja_globals": Old("nothing: it did nothing", lambda app: lambda: None),
    "try_trigger_before_first_request_functions": Old(
        "nothing: the first request calls them", lambda app: lambda: None
    ),
}


def add_old(kind: type[App]) -> None:
    """Let the objects of *kind* have the removed attributes; they are found last.

    PERF: a ``__getattr__`` would make every attribute of an application slower, 5 % of a request.
    """
    for name in OLD:
        added = Added(partial(_get_old, name))
        added.__set_name__(kind, name)
        setattr(kind, name, added)


def _get_old(name: str, app: App) -> Any:
    old = OLD[name]
    warn(f"'app.{name}' was removed; use {old.instead}.")
    return old.get(app)


def set_old(app: App, name: str, value: object) -> bool:
    """Keep *value* where the removed attribute *name* kept it; False if that was nowhere."""
    old = OLD.get(name)
    if old is None or old.setting is None:
        return False
    app.config[old.setting] = value
    return True


def warn(text: str) -> None:
    """Warn at the line of the program."""
    stacklevel, frame = 1, sys._getframe()
    # By the package: the drop-in calls modules by the names that programs import.
    # Between a program's class statement and us there may be `abc`.
    while frame.f_back is not None and (
        _is_ours(frame.f_globals.get("__package__")) or frame.f_globals.get("__name__") == "abc"
    ):
        stacklevel, frame = stacklevel + 1, frame.f_back
    warnings.warn(text, DeprecationWarning, stacklevel=stacklevel)


def _is_ours(package: str | None) -> bool:
    return package is not None and package.partition(".")[0] == "waterspout"
