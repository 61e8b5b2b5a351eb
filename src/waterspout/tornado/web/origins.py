"""Requests that another site has a browser send: which of them a handler refuses.

``xsrf_cookies`` asks for the token of `xsrf`; ``cross_origin_protection`` trusts what
browsers say, in Sec-Fetch-Site or, where they do not send that, in Origin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import HTTPError

if TYPE_CHECKING:
    from .interfaces import Handler

#: Methods that change nothing (RFC 9110 §9.2.1); a browser may send them from anywhere.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def protect(self: Handler) -> None:
    """Raise `HTTPError` 403 for a request, of a method that is not safe, that the settings do
    not allow."""
    settings = self.application.settings
    if settings.get("xsrf_cookies"):
        self.check_xsrf_cookie()
    if settings.get("cross_origin_protection"):
        why = self._check_cross_origin(self.check_trusted_origin)
        if why is not None:
            raise HTTPError(403, why)


def refusal(self: Handler, trusted: Callable[[str], bool]) -> str | None:
    """Return why a request is refused, None if it is not: it comes from this site, from no
    site, or from an origin that is *trusted*."""
    headers = self.request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site in ("same-origin", "none"):  # none: an address typed, a bookmark
        return None
    if site is None:
        # An old browser, a site without TLS, or no browser at all, which sends no Origin.
        if origin is None or _is_own(origin, headers.get("Host", "")) or trusted(origin):
            return None
        return f"Origin {origin!r} not allowed"
    if origin and trusted(origin):
        return None
    return f"Sec-Fetch-Site {site} & origin {origin!r} not allowed"


def _is_own(origin: str, host: str) -> bool:
    """Whether *origin* is this host, the port included. The scheme is not looked at: behind
    a proxy it may be unknown."""
    return urlsplit(origin).netloc.lower() == host.lower()
