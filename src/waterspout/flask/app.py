"""`Flask`: the application class with the behaviour Flask's users know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.datastructures import ImmutableDict

from ..app import App
from ..config import DEFAULT_CONFIG, Config
from ..json.provider import DefaultJSONProvider
from ..peers.added_names import find_last
from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from ._json_classes import JSONClassAttribute
from ._old_app import OLD, FlaskConfig, add_old, set_old
from ._removed import APP

__all__ = ["Flask"]


class Flask(App):
    """An application whose settings start from Flask 3.1's (the "compat" preset).

    `waterspout.App` is the same class with the better settings for new programs.
    """

    default_config = ImmutableDict(DEFAULT_CONFIG)
    json_provider_class = DefaultJSONProvider

    #: The classes JSON was written and read with before Flask 2.3.
    json_encoder = JSONClassAttribute()
    json_decoder = JSONClassAttribute()

    config_class = FlaskConfig

    def make_config(self, instance_relative: bool = False) -> Config:
        """Make `config`; relative file names start at the instance path or the root path."""
        config = super().make_config(instance_relative)
        if isinstance(config, FlaskConfig):
            config.belong_to(self)
        return config

    if not TYPE_CHECKING:  # a removed name is missing to a type checker

        def __dir__(self) -> list[str]:
            own = vars(self)
            return [name for name in super().__dir__() if name not in OLD or name in own]

        def __setattr__(self, name: str, value: object) -> None:
            if not (name in OLD and not hasattr(type(self), name) and set_old(self, name, value)):
                super().__setattr__(name, value)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        JSONClassAttribute.adopt_all(cls)


#: What an `App` has and Flask's application has not.
_ADDITIONS = (
    *("add_handlers", "asgi", "before_send", "call_in_context", "identify", "lifespan", "mount"),
    *("keep_csrf_secrets", "on_shutdown", "on_startup", "websocket", "wsgi"),
)
find_last(Flask, App, _ADDITIONS)
add_old(Flask)


if not TYPE_CHECKING:  # removed names, and what Flask's module has by its imports
    __getattr__ = removed_names(
        "flask.app",
        APP,
        imported_names(
            "flask.app",
            __package__,
            """
            import collections.abc as cabc, os, sys, typing as t, weakref
            from datetime import timedelta
            from inspect import iscoroutinefunction
            from itertools import chain
            from types import TracebackType
            from urllib.parse import quote as _url_quote
            import click
            from werkzeug.datastructures import Headers
            from werkzeug.exceptions import BadRequestKeyError, HTTPException, InternalServerError
            from werkzeug.routing import BuildError, MapAdapter, RequestRedirect
            from werkzeug.routing import RoutingException, Rule
            from werkzeug.serving import is_running_from_reloader
            from werkzeug.wrappers import Response as BaseResponse
            from werkzeug.wsgi import get_host
            from . import cli, typing as ft
            from ._standins import _make_timedelta
            from ._typevars import T_shell_context_processor, T_teardown, T_template_filter
            from ._typevars import T_template_global, T_template_test
            from .ctx import AppContext, RequestContext
            from .globals import _cv_app, _cv_request, current_app, g, request, request_ctx, session
            from .helpers import get_debug_flag, get_flashed_messages, get_load_dotenv
            from .helpers import send_from_directory
            from .sansio.scaffold import _sentinel
            from .sessions import SecureCookieSessionInterface, SessionInterface
            from .signals import appcontext_tearing_down, got_request_exception, request_finished
            from .signals import request_started, request_tearing_down
            from .templating import Environment
            from .wrappers import Request, Response
            """,
        ),
    )
