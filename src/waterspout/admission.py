"""Which requests an application takes at all, whatever their route: those that name a host of its
own (the setting TRUSTED_HOSTS).

SECURITY: Host is the client's word (CWE-644). Links in mails are made of it, and a page whose name
leads to 127.0.0.1 reads with it what only this machine may read (DNS rebinding). It is asked once
for a request, where its rule is looked for, which every door does; and by an application that has
others mounted in it before it hands a request on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import get_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from .app import App
    from .http.incoming import Incoming

__all__ = ["check_host", "takes_environ", "takes_message"]


def check_host(app: App, request: Any) -> None:
    """Raise `SecurityError` (400) if *request* names a host that is not trusted."""
    trusted = app.config["TRUSTED_HOSTS"]
    if trusted is not None:
        request.trusted_hosts = trusted
        # Not `request.host`: somebody may have asked for it, and it is kept.
        get_host(request.scheme, request.headers.get("Host"), request.server, trusted)


def takes_message(app: App, incoming: Incoming) -> bool:
    """Tell whether *app* takes a message for what is mounted in it."""
    if app.config.get("TRUSTED_HOSTS") is None:
        return True
    sent = incoming.header(b"host")
    host = None if sent is None else sent.decode("latin-1")
    return _is_trusted(app, incoming.scheme, host, incoming.server)


def takes_environ(app: App, environ: WSGIEnvironment) -> bool:
    """Tell the same of a request of WSGI."""
    if app.config["TRUSTED_HOSTS"] is None:
        return True
    server = (environ["SERVER_NAME"], int(environ["SERVER_PORT"] or 0) or None)
    return _is_trusted(app, environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), server)


def _is_trusted(
    app: App, scheme: str, host: str | None, server: tuple[str, int | None] | None
) -> bool:
    try:
        get_host(scheme, host, server, app.config["TRUSTED_HOSTS"])
    except SecurityError:
        return False
    return True
