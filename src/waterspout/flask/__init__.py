"""Flask's module names over Waterspout: everything `import flask` offers, and what it once offered.

Write `from waterspout.flask import Flask, request` where a program has `from flask import Flask,
request`; or change nothing and use `waterspout.dropin`. The modules here are thin: the work is
done on the floors below.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..peers.removed_names import removed_names
from . import json as json
from ._removed import TOP_LEVEL
from .app import Flask as Flask
from .blueprints import Blueprint as Blueprint
from .config import Config as Config
from .ctx import after_this_request as after_this_request
from .ctx import copy_current_request_context as copy_current_request_context
from .ctx import has_app_context as has_app_context
from .ctx import has_request_context as has_request_context
from .globals import current_app as current_app
from .globals import g as g
from .globals import request as request
from .globals import session as session
from .helpers import abort as abort
from .helpers import flash as flash
from .helpers import get_flashed_messages as get_flashed_messages
from .helpers import get_template_attribute as get_template_attribute
from .helpers import make_response as make_response
from .helpers import redirect as redirect
from .helpers import send_file as send_file
from .helpers import send_from_directory as send_from_directory
from .helpers import stream_with_context as stream_with_context
from .helpers import url_for as url_for
from .json import jsonify as jsonify
from .signals import appcontext_popped as appcontext_popped
from .signals import appcontext_pushed as appcontext_pushed
from .signals import appcontext_tearing_down as appcontext_tearing_down
from .signals import before_render_template as before_render_template
from .signals import got_request_exception as got_request_exception
from .signals import message_flashed as message_flashed
from .signals import request_finished as request_finished
from .signals import request_started as request_started
from .signals import request_tearing_down as request_tearing_down
from .signals import template_rendered as template_rendered
from .templating import render_template as render_template
from .templating import render_template_string as render_template_string
from .templating import stream_template as stream_template
from .templating import stream_template_string as stream_template_string
from .wrappers import Request as Request
from .wrappers import Response as Response

if not TYPE_CHECKING:  # a type checker should call a removed name what it is: missing
    #: Modules that `import flask` brings along; here they are loaded when they are asked for.
    _MODULES = frozenset({"cli", "logging", "sansio", "sessions", "typing"})

    def _other(name: str) -> object:
        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        if name == "__version__":
            return _version()
        raise AttributeError(f"module 'flask' has no attribute {name!r}")

    def _version() -> str:
        """Answer as Flask 3.1 does, by the installed Flask where there is one."""
        warnings.warn(
            "'flask.__version__' is deprecated; use importlib.metadata.version(\"flask\").",
            DeprecationWarning,
            stacklevel=5,
        )
        try:
            return importlib.metadata.version("flask")
        except importlib.metadata.PackageNotFoundError:
            return "3.1.3"  # the Flask whose names and behaviour these modules have

    __getattr__ = removed_names(
        "flask", TOP_LEVEL, imported_names("flask", __package__, "import typing as t", _other)
    )
