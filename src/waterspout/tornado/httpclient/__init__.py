"""Tornado's ``httpclient``: fetching URLs, on asyncio alone.

For tests and for what a program asks of other services. It has the interface that Tornado
documents, without its curl client and proxies. In a process with the drop-in and an installed
Tornado this name leads to Tornado's own.
"""

from __future__ import annotations

from .client import AsyncHTTPClient, HTTPClient
from .messages import (
    HTTPClientError,
    HTTPRequest,
    HTTPResponse,
    HTTPStreamClosedError,
    HTTPTimeoutError,
)

__all__ = [
    "AsyncHTTPClient",
    "HTTPClient",
    "HTTPClientError",
    "HTTPError",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPStreamClosedError",
    "HTTPTimeoutError",
]

HTTPError = HTTPClientError
