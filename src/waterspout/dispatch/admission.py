"""Requests that an application refuses before any of its views: those that name an untrusted host
(the setting TRUSTED_HOSTS), and those of another site's page that would change something
(CROSS_SITE_CHECK). Both are checked where the rule of a request is found, on every gateway.

SECURITY: the client chooses Host (CWE-644). Links in mails are made of it, and a page whose name
leads to 127.0.0.1 reads with it what only this machine may read (DNS rebinding). An application
that has others mounted in it asks before it hands a request on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import Forbidden, SecurityError
from werkzeug.sansio.utils import get_host

from ..security.origins import SAFE_METHODS, refusal, sender

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Request as WerkzeugRequest

    from ..http.message import Incoming
    from ..interfaces import Application

__all__ = [
    "CrossSiteRequest",
    "check_host",
    "check_sender",
    "refused_sender",
    "takes_environ",
    "takes_message",
]


class CrossSiteRequest(Forbidden):
    """A page of another site has sent a request that would change something: 403."""

    #: The browser did not say so itself; a token that the request repeats tells otherwise.
    unsure = False


def check_host(app: Application, request: WerkzeugRequest) -> None:
    """Raise `SecurityError` (400) if *request* names a host that is not trusted."""
    trusted = app.config["TRUSTED_HOSTS"]
    if trusted is not None:
        request.trusted_hosts = trusted
        # Not `request.host`: somebody may have asked for it, and it is kept.
        get_host(request.scheme, request.headers.get("Host"), request.server, trusted)


def takes_message(app: Application, incoming: Incoming) -> bool:
    """Tell whether a message names a host of *app*."""
    trusted = app.config.get("TRUSTED_HOSTS")
    if trusted is None:
        return True
    sent = incoming.header(b"host")
    return _is_trusted(incoming.scheme, sent, incoming.server, _hashable(trusted))


def takes_environ(app: Application, environ: WSGIEnvironment) -> bool:
    """Tell whether a WSGI environ names a host of *app*."""
    trusted = app.config["TRUSTED_HOSTS"]
    if trusted is None:
        return True
    server = (environ["SERVER_NAME"], int(environ["SERVER_PORT"] or 0) or None)
    sent = environ.get("HTTP_HOST")
    host = None if sent is None else sent.encode("latin-1")
    return _is_trusted(environ["wsgi.url_scheme"], host, server, _hashable(trusted))


def _hashable(trusted: str | Iterable[str]) -> str | tuple[str, ...]:
    return trusted if isinstance(trusted, str) else tuple(trusted)


@lru_cache(maxsize=256)  # PERF: a site has few names; to look at one anew takes 4 µs
def _is_trusted(
    scheme: str,
    host: bytes | None,
    server: tuple[str, int | None] | None,
    trusted: str | tuple[str, ...],
) -> bool:
    try:
        get_host(scheme, None if host is None else host.decode("latin-1"), server, trusted)
    except SecurityError:
        return False
    return True


# -- cross-site requests ---------------------------------------------------------------------------


def check_sender(app: Application, request: WerkzeugRequest, rule: Any) -> None:
    """Raise `CrossSiteRequest` if *request* changes something and a page of another site sent it,
    unless the *rule* allows that."""
    if request.method in SAFE_METHODS or not app.config["CROSS_SITE_CHECK"]:
        return
    headers = request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    error = _judged(app, rule, site, origin, request.scheme, headers.get("Host"))
    if error is not None:
        raise error


def refused_sender(app: Application, incoming: Incoming, rule: object) -> CrossSiteRequest | None:
    """Return the same as an error, None if there is none, for a message whose method is not
    safe."""
    site, origin = sender(incoming.headers)
    if site == "same-origin" or (site is None and origin is None):
        return None  # most requests; the host is not needed
    sent = incoming.header(b"host")
    host = None if sent is None else sent.decode("latin-1")
    return _judged(app, rule, site, origin, incoming.scheme, host)


def _judged(
    app: Application,
    rule: object,
    site: str | None,
    origin: str | None,
    scheme: str,
    host: str | None,
) -> CrossSiteRequest | None:
    reason = refusal(site, origin, scheme, host, app.config["CROSS_SITE_ORIGINS"])
    if reason is None or getattr(rule, "cross_site", False):
        return None
    error = CrossSiteRequest(f"The request was refused: {reason}.")
    error.unsure = site is None
    return error
