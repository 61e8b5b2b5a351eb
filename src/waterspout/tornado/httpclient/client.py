"""`AsyncHTTPClient` and `HTTPClient`: fetches, their number at a time, and redirects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..concurrent import future_set_exception_unless_cancelled, future_set_result_unless_cancelled
from .exchange import Exchange
from .messages import HTTPClientError, HTTPRequest, HTTPResponse, HTTPTimeoutError

__all__ = ["AsyncHTTPClient", "HTTPClient"]

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class AsyncHTTPClient:
    """Fetches URLs, up to *max_clients* at a time; the others wait.

    *defaults* are arguments of every `HTTPRequest`. *force_instance* is accepted: each call
    makes a client of its own, and a client holds nothing but what it is fetching.
    """

    def __init__(
        self,
        force_instance: bool = False,
        max_clients: int = 10,
        defaults: Mapping[str, object] | None = None,
    ) -> None:
        self.defaults = dict(defaults or {})
        self._room = asyncio.Semaphore(max_clients)
        self._fetching: set[asyncio.Task[None]] = set()
        self._closed = False

    def close(self) -> None:
        """Give up what is being fetched; nothing can be fetched any more."""
        self._closed = True
        for task in self._fetching:
            task.cancel()

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> asyncio.Future[HTTPResponse]:
        """Fetch a URL (*kwargs* are those of `HTTPRequest`) or a request.

        An error status is raised as `HTTPClientError`, or with *raise_error* false returned as
        the response it is. Raises RuntimeError if the client is closed.
        """
        if self._closed:
            raise RuntimeError("fetch() called on closed AsyncHTTPClient")
        if not isinstance(request, HTTPRequest):
            request = HTTPRequest(request, **{**self.defaults, **kwargs})
        elif kwargs:
            raise ValueError("kwargs can't be used if request is an HTTPRequest object")
        loop = asyncio.get_event_loop()
        future: asyncio.Future[HTTPResponse] = loop.create_future()
        task = loop.create_task(self._waterspout_fetch(request, raise_error, future))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)
        return future

    async def _waterspout_fetch(
        self, request: HTTPRequest, raise_error: bool, future: asyncio.Future[HTTPResponse]
    ) -> None:
        try:
            async with self._room:
                response = await self._waterspout_timed(request)
            if raise_error or not response._error_is_response_code:
                response.rethrow()
        except asyncio.CancelledError:
            future.cancel()
            raise
        except HTTPClientError as error:
            future_set_exception_unless_cancelled(future, error)
        except Exception as error:
            future_set_exception_unless_cancelled(future, error)
        else:
            future_set_result_unless_cancelled(future, response)

    async def _waterspout_timed(self, request: HTTPRequest) -> HTTPResponse:
        try:
            async with asyncio.timeout(request.request_timeout or None):
                return await self._waterspout_follow(request)
        except TimeoutError:
            raise HTTPTimeoutError("Timeout during request") from None

    async def _waterspout_follow(self, request: HTTPRequest) -> HTTPResponse:
        """Fetch, and where the response says so fetch from somewhere else."""
        url, method, body = request.url, request.method, request.body
        headers = request.headers.copy()
        left = request.max_redirects if request.follow_redirects else 0
        at_home = True  # no redirect has led to another server yet
        while True:
            exchange = Exchange(request, url, method, headers, body, at_home)
            code, reason, fields, buffer = await exchange.run()
            if code not in _REDIRECTS or left <= 0 or "Location" not in fields:
                break
            left -= 1
            target = urljoin(url, fields["Location"])
            if (code == 303 and method != "HEAD") or (code in (301, 302) and method == "POST"):
                method, body = "GET", None
                for name in ("Content-Length", "Content-Type", "Content-Encoding"):
                    headers.pop(name, None)
            if _server_of(target) != _server_of(url):
                # SECURITY: credentials are for the server they were meant for, and for none that
                # it leads to (CVE-2018-18074, CVE-2022-27774); not for its port without TLS either.
                at_home = False
                for name in ("Authorization", "Cookie", "Host", "Proxy-Authorization"):
                    headers.pop(name, None)
            url = target
        return HTTPResponse(
            request,
            code,
            fields,
            buffer,
            url,
            request_time=time.time() - request.start_time,
            reason=reason,
            start_time=request.start_time,
        )


def _server_of(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port. Raises ValueError."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


class HTTPClient:
    """Fetches URLs and waits for the response; for scripts, not for a program with a loop."""

    def __init__(self, **kwargs: Any) -> None:
        self._runner = asyncio.Runner()
        self._kwargs = kwargs

    def fetch(self, request: str | HTTPRequest, **kwargs: Any) -> HTTPResponse:
        """Do what `AsyncHTTPClient.fetch` does, and wait."""

        async def fetch() -> HTTPResponse:
            return await AsyncHTTPClient(**self._kwargs).fetch(request, **kwargs)

        return self._runner.run(fetch())

    def close(self) -> None:
        """Close the loop it runs on."""
        self._runner.close()
