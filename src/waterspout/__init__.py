"""Waterspout: one web framework for those who write views and those who write handlers.

The public names are imported when they are first used, so that ``import waterspout``
costs next to nothing; where each one lives is said in one table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import App as App
    from .blueprints import Blueprint as Blueprint
    from .concurrency.background import run_in_thread as run_in_thread
    from .concurrency.background import spawn as spawn
    from .concurrency.private_loop import on_private_loop as on_private_loop
    from .concurrency.streaming import sse as sse
    from .concurrency.streaming import stream_with_context as stream_with_context
    from .concurrency.thread_pools import thread_stats as thread_stats
    from .config import Config as Config
    from .context.request_context import after_this_request as after_this_request
    from .context.request_context import app_ctx as app_ctx
    from .context.request_context import (
        copy_current_request_context as copy_current_request_context,
    )
    from .context.request_context import g as g
    from .context.request_context import has_app_context as has_app_context
    from .context.request_context import has_request_context as has_request_context
    from .context.request_context import request as request
    from .context.request_context import request_line as request_line
    from .context.request_context import session as session
    from .csrf import CSRFError as CSRFError
    from .csrf import CSRFSource as CSRFSource
    from .csrf import check_csrf as check_csrf
    from .csrf import csrf_token as csrf_token
    from .csrf import read_csrf_token as read_csrf_token
    from .dispatch.make_response import jsonify as jsonify
    from .dispatch.make_response import make_response as make_response
    from .files import send_file as send_file
    from .files import send_from_directory as send_from_directory
    from .flashing import flash as flash
    from .flashing import get_flashed_messages as get_flashed_messages
    from .http import Request as Request
    from .http import Response as Response
    from .http.sse import ServerSentEvent as ServerSentEvent
    from .routing.urls import abort as abort
    from .routing.urls import is_local_url as is_local_url
    from .routing.urls import redirect as redirect
    from .routing.urls import url_for as url_for
    from .templating import get_template_attribute as get_template_attribute
    from .templating import render_block as render_block
    from .templating import render_page as render_page
    from .templating import render_template as render_template
    from .templating import render_template_string as render_template_string
    from .templating import stream_template as stream_template
    from .templating import stream_template_string as stream_template_string
    from .tornado.web import RequestHandler as RequestHandler
    from .tornado.web import UIModule as UIModule
    from .tornado.web.authenticated import authenticated as authenticated
    from .tornado.websocket import WebSocketHandler as WebSocketHandler
    from .views import MethodView as MethodView
    from .views import View as View
    from .websockets import WebSocket as WebSocket
    from .websockets import WebSocketClosed as WebSocketClosed

    current_app: App

__version__ = "0.1.0"

_HOME = {
    "app": ("App",),
    "concurrency.background": ("run_in_thread", "spawn"),
    "blueprints": ("Blueprint",),
    "config": ("Config",),
    "context.request_context": (
        *("after_this_request", "app_ctx", "copy_current_request_context", "current_app", "g"),
        *("has_app_context", "has_request_context", "request", "request_line", "session"),
    ),
    "csrf": ("CSRFError", "CSRFSource", "check_csrf", "csrf_token", "read_csrf_token"),
    "files": ("send_file", "send_from_directory"),
    "flashing": ("flash", "get_flashed_messages"),
    "http": ("Request", "Response"),
    "http.sse": ("ServerSentEvent",),
    "concurrency.private_loop": ("on_private_loop",),
    "concurrency.thread_pools": ("thread_stats",),
    "dispatch.make_response": ("jsonify", "make_response"),
    "concurrency.streaming": ("sse", "stream_with_context"),
    "templating": (
        *("get_template_attribute", "render_block", "render_page", "render_template"),
        *("render_template_string", "stream_template", "stream_template_string"),
    ),
    "tornado.web": ("RequestHandler", "UIModule", "authenticated"),
    "tornado.websocket": ("WebSocketHandler",),
    "routing.urls": ("abort", "is_local_url", "redirect", "url_for"),
    "views": ("MethodView", "View"),
    "websockets": ("WebSocket", "WebSocketClosed"),
}

_HOME_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604  # names from the table, all str


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
