"""Handlers that redirect, fail, or pass the request to another application."""

from __future__ import annotations

from collections.abc import Callable
from string import Formatter
from typing import Any

from ...security.redirects import scheme_and_netloc
from ..httputil import _FORBIDDEN_HEADER_CHARS_RE, HTTPServerRequest, qs_to_qsl, url_concat
from .errors import HTTPError
from .handler import RequestHandler
from .url_prefix import in_site

__all__ = ["ErrorHandler", "FallbackHandler", "RedirectHandler"]


class ErrorHandler(RequestHandler):
    """Answers each request with the error *status_code*."""

    def initialize(self, status_code: int) -> None:
        self.set_status(status_code)

    def prepare(self) -> None:
        """Raise `HTTPError` with the handler's status."""
        raise HTTPError(self._status_code)

    # A request that does nothing needs no protection: a POST to a wrong URL gets 404, not 403.

    def check_xsrf_cookie(self) -> None:
        pass

    def check_trusted_origin(self, origin: str) -> bool:
        return True


class RedirectHandler(RequestHandler):
    """Redirects GET requests to *url*, for good unless *permanent* is False.

    The URL may have fields for `str.format`, which the groups of the route fill in:
    ``(r"/(.*?)/(.*)", RedirectHandler, {"url": "/{1}/{0}"})``. The query of the request is added.

    SECURITY: scheme and host are the program's; a request whose groups would change them gets 400.
    """

    def initialize(self, url: str, permanent: bool = True) -> None:
        self._url = url
        self._permanent = permanent

    def get(self, *args: Any, **kwargs: Any) -> None:
        """Redirect to the URL that the path's groups are formatted into. Raises `HTTPError` (400)
        if the groups change its scheme or host, or bring characters that a header field cannot
        hold."""
        to_url = self._url.format(*args, **kwargs)
        try:
            # The query first: adding it writes the URL anew, and so may change how it reads.
            if self.request.query_arguments:
                query: list[Any] = list(qs_to_qsl(self.request.query_arguments))
                to_url = url_concat(to_url, query)
            stays = _stays_where(self._url, to_url)
        except ValueError:
            stays = False
        if not stays:
            raise HTTPError(400, "Redirect URL cannot change the scheme or netloc")
        if _FORBIDDEN_HEADER_CHARS_RE.search(to_url):
            raise HTTPError(400, "Redirect URL contains invalid characters")
        self.redirect(in_site(self.application, to_url), permanent=self._permanent)


def _stays_where(template: str, url: str) -> bool:
    """Tell whether *url* leads to the host that the *template* says before its first field."""
    literal, field = "", None
    for part, field, _, _ in Formatter().parse(template):
        literal += part
        if field is not None:
            break
    scheme, netloc = scheme_and_netloc(literal)
    if field is not None and scheme in ("http", "https") and not netloc:
        return False  # the host would come from the request
    return scheme_and_netloc(url) == (scheme, netloc)


class FallbackHandler(RequestHandler):
    """Hands the request to *fallback*: an `Application`, a WSGI container, any callable."""

    def initialize(self, fallback: Callable[[HTTPServerRequest], None]) -> None:
        self.fallback = fallback

    def prepare(self) -> None:
        self.fallback(self.request)
        self._finished = True
        self.on_finish()
