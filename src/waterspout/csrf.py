"""Protection against cross-site requests, for views, with the token of request handlers.

The token's secret is in a cookie that another site cannot read; a form repeats it in the field
``_xsrf`` or ``csrf_token``, a script in the header ``X-CSRFToken`` or ``X-XSRFToken``. The
formats are in `security.xsrf`; views and request handlers accept each other's tokens.

A program may keep the secret elsewhere, such as in the session, and accept other formats: it calls
`App.keep_csrf_secrets`, which both views and handlers use.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import BadRequest

from .context.request_context import after_this_request, current_app, request
from .context.request_context import request_ctx as current
from .context.variables import request_var
from .security import xsrf

if TYPE_CHECKING:
    from .http import Response

__all__ = [
    "CSRFError",
    "CSRFSource",
    "check_csrf",
    "csrf_token",
    "read_csrf_token",
    "repeats_token",
    "source_here",
]

_FIELDS = ("_xsrf", "csrf_token")
_HEADERS = ("X-CSRFToken", "X-XSRFToken")


class CSRFError(BadRequest):
    """The token that was sent with a request is missing or not that of its cookie: 400."""

    description = "CSRF validation failed."


class CSRFSource(Protocol):
    """Keeps the secret of a client, in place of the cookie; see
    `App.keep_csrf_secrets`."""

    def secret(self) -> bytes:
        """Return the secret for the running request; a new one is made if there is none."""

    def check(self, token: str | None) -> None:
        """Raise `CSRFError` unless *token* has the secret, or a token does that only this source
        knows where to look for. None: the request has none in the usual places."""


def source_here() -> CSRFSource | None:
    """Return the `CSRFSource` of the application of the running request; None: the cookie."""
    ctx = request_var.get(None)
    return None if ctx is None else ctx.app.waterspout_csrf_source


def read_csrf_token(token: str) -> bytes | None:
    """Return the secret in a token of `csrf_token`, or of a handler's ``xsrf_token``; None if it
    is neither."""
    found = xsrf.decode(token)
    return None if found is None else found.secret


def csrf_token() -> str:
    """Return the token for a form or a script of this page, other text each time; the cookie
    goes with the response if the request had none. Also in Jinja templates.

    Settings: CSRF_COOKIE_NAME; SESSION_COOKIE_SECURE and SESSION_COOKIE_SAMESITE hold for this
    cookie too.
    """
    return xsrf.encode(_token()).decode()


#: Statuses of a body that was not read: too large, no memory, no room on the disk.
_REFUSED_BODY = (413, 503, 507)


def check_csrf() -> None:
    """Raise `CSRFError` unless the request repeats the token of its cookie;
    `RequestEntityTooLarge` if the body, which may have it, was too large.

    Call it in a view, or for all requests that change something:

        @app.before_request
        def protect():
            if request.method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
                check_csrf()
    """
    sent = next(filter(None, map(request.headers.get, _HEADERS)), None)
    source = source_here()
    if source is not None and sent:
        return source.check(sent)
    refused = request.routing_exception
    if not sent and refused is not None and getattr(refused, "code", 0) in _REFUSED_BODY:
        raise refused
    sent = sent or next(filter(None, map(request.form.get, _FIELDS)), None)
    if source is not None:
        return source.check(sent)
    if not sent:
        raise CSRFError("The CSRF token is missing.")
    token = xsrf.decode(sent)
    if token is None:
        raise CSRFError("The CSRF token is invalid.")
    if not xsrf.matches(token.secret, _token().secret):
        raise CSRFError("The CSRF tokens do not match.")
    return None


def repeats_token(fields_only: bool) -> bool:
    """Tell whether the request repeats the token of its cookie; *fields_only*: in a header field,
    because its body is still to arrive."""
    if fields_only and not any(map(request.headers.get, _HEADERS)):
        return False
    try:
        check_csrf()
    except CSRFError:
        return False
    return True


def _token() -> xsrf.Token:
    """Return the token in the request's cookie, or a new one; the same all the request."""
    source = source_here()
    if source is not None:
        return xsrf.Token(None, source.secret(), int(time.time()))
    ctx: Any = current._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy's
    ctx.waterspout_client_was_asked = True  # for caches
    found: xsrf.Token | None = getattr(ctx, "_csrf", None)
    if found is None:
        cookie = request.cookies.get(current_app.config["CSRF_COOKIE_NAME"])
        found = None if cookie is None else xsrf.decode(cookie)
        if found is None:
            found = xsrf.new_token()
            after_this_request(_set_cookie)
        ctx._csrf = found
    return found


def _set_cookie(response: Response) -> Response:
    config = current_app.config
    response.set_cookie(
        config["CSRF_COOKIE_NAME"],
        csrf_token(),
        secure=config["SESSION_COOKIE_SECURE"],
        samesite=config["SESSION_COOKIE_SAMESITE"],
    )
    return response
