"""Tornado's ``httpserver``: `HTTPServer`, over Waterspout's server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...peers.imported_names import imported_names
from ..httputil import HTTPServerRequest
from .server import HTTPServer

__all__ = ["HTTPRequest", "HTTPServer"]

#: Its name in old programs.
HTTPRequest = HTTPServerRequest


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.httpserver",
        __package__,
        """
        import socket, ssl, typing
        from collections.abc import Awaitable, Callable
        from typing import Any
        from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
        from tornado.tcpserver import TCPServer
        from .. import httputil, iostream, netutil
        from ..escape import native_str
        from ..routing import _CallableAdapter
        from ..util import Configurable
        """,
    )
