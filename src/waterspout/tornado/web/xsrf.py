"""Protection of a handler against cross-site requests: the ``_xsrf`` cookie and argument.

The formats of the tokens are in `waterspout.security.xsrf`. In an application whose secrets are
kept elsewhere (`App.keep_csrf_secrets`) the cookie is a copy, for the scripts of a page.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ...csrf import CSRFError, source_here
from ...escaping import xhtml_escape
from ...security import xsrf
from ...typing import Settings
from .errors import HTTPError

if TYPE_CHECKING:
    from .interfaces import Handler

_log = logging.getLogger("tornado.general")

RawToken = tuple[int | None, bytes, float]
"""The version of the cookie (None: there is none), the secret and the time it was made at."""


def xsrf_token(self: Handler) -> bytes:
    """Return the token for this response; set the cookie if the request had none.

    Settings: ``xsrf_cookie_version`` (2, or 1), ``xsrf_cookie_name`` (``_xsrf``),
    ``xsrf_cookie_kwargs`` (for `set_cookie`).
    """
    self.waterspout_client_was_asked = True
    token: bytes | None = getattr(self, "_xsrf_token", None)
    if token is not None:
        return token
    version, secret, timestamp = self._get_raw_xsrf_token()
    settings = self.settings
    raw = xsrf.Token(version, secret, int(timestamp))
    token = xsrf.encode(raw, settings.get("xsrf_cookie_version", 2))
    self._xsrf_token = token
    if version is None:
        # NOTE: a copy; the setting stays as it was for users who are not logged in.
        options = dict(settings.get("xsrf_cookie_kwargs", {}))
        if self.current_user:
            options.setdefault("expires_days", 30)
        self.set_cookie(_cookie_name(settings), token, **options)
    return token


def xsrf_form_html(self: Handler) -> str:
    """Return the hidden ``<input>`` that each form with method POST must have."""
    return f'<input type="hidden" name="_xsrf" value="{xhtml_escape(self.xsrf_token)}"/>'


def check_xsrf_cookie(self: Handler) -> None:
    """Raise `HTTPError` 403 unless the argument ``_xsrf``, or a field ``X-XSRFToken`` or
    ``X-CSRFToken``, repeats the cookie."""
    headers = self.request.headers
    submitted = (
        self.get_argument("_xsrf", None) or headers.get("X-Xsrftoken") or headers.get("X-Csrftoken")
    )
    source = source_here()
    if source is not None:
        try:
            return source.check(submitted or self.get_argument("csrf_token", None))
        except CSRFError as error:
            raise HTTPError(403, str(error.description)) from error
    if not submitted:
        raise HTTPError(403, "'_xsrf' argument missing from POST")
    _, secret, _ = self._decode_xsrf_token(submitted)
    _, expected, _ = self._get_raw_xsrf_token()
    if not secret:
        raise HTTPError(403, "'_xsrf' argument has invalid format")
    if not xsrf.matches(secret, expected):
        raise HTTPError(403, "XSRF cookie does not match POST argument")
    return None


def _get_raw_xsrf_token(self: Handler) -> RawToken:
    """Return what the cookie of the request holds, or a new secret; the same for one handler."""
    raw: RawToken | None = getattr(self, "_raw_xsrf_token", None)
    if raw is None:
        cookie = self.get_cookie(_cookie_name(self.settings))
        version, secret, timestamp = self._decode_xsrf_token(cookie or "")
        source = source_here()
        if source is not None:
            kept = source.secret()
            is_copy = secret is not None and xsrf.matches(secret, kept)
            raw = version if is_copy else None, kept, time.time()
        elif secret is None or timestamp is None:
            raw = xsrf.new_token()
        else:
            raw = version, secret, timestamp
        self._raw_xsrf_token = raw
    return raw


def _decode_xsrf_token(self: Handler, cookie: str) -> tuple[int | None, bytes | None, float | None]:
    """Return version, secret and time of a token; three times None if it is none."""
    token = xsrf.decode(cookie)
    if token is None:
        if cookie:
            _log.debug("Unreadable XSRF token %.60r", cookie)
        return None, None, None
    return token


def _cookie_name(settings: Settings) -> str:
    name: str = settings.get("xsrf_cookie_name", "_xsrf")
    return name
