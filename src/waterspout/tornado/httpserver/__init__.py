"""Tornado's ``httpserver``: `HTTPServer`, over Waterspout's server."""

from __future__ import annotations

from ..httputil import HTTPServerRequest
from .server import HTTPServer

__all__ = ["HTTPRequest", "HTTPServer"]

#: Its name in old programs.
HTTPRequest = HTTPServerRequest
