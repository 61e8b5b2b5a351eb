"""Tornado's ``websocket``: handlers for WebSockets, and a client.

`handler` and `client` are the two sides as programs see them; `protocol` is what both talk
through, over the core's `Link` (RFC 6455).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...peers.imported_names import imported_names
from .client import WebSocketClientConnection, websocket_connect
from .errors import WebSocketClosedError, WebSocketError
from .handler import WebSocketHandler
from .params import _default_max_message_size, _WebSocketParams
from .protocol import WebSocketProtocol, WebSocketProtocol13

__all__ = [
    "WebSocketClientConnection",
    "WebSocketClosedError",
    "WebSocketError",
    "WebSocketHandler",
    "WebSocketProtocol",
    "WebSocketProtocol13",
    "_WebSocketParams",
    "_default_max_message_size",
    "websocket_connect",
]


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.websocket",
        __package__,
        """
        import abc, asyncio, base64, functools, hashlib, logging, os, struct, sys, tornado, warnings
        import zlib
        from collections.abc import Awaitable, Callable
        from types import TracebackType
        from typing import Any, Optional, Protocol, Type, Union, cast
        from tornado import simple_httpclient
        from tornado.queues import Queue
        from tornado.tcpclient import TCPClient
        from .. import gen, httpclient, httputil
        from ..concurrent import Future, future_add_done_callback
        from ..concurrent import future_set_result_unless_cancelled
        from ..escape import native_str, to_unicode, utf8
        from ..ioloop import IOLoop
        from ..iostream import IOStream, StreamClosedError
        from ..log import app_log, gen_log
        from ..netutil import Resolver
        from ..util import _websocket_mask
        """,
    )
