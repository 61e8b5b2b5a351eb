"""Tokens against cross-site requests, kept in the session (the names of `flask_wtf.csrf`).

The session has a secret (``session["csrf_token"]``); a token is that secret, signed with the time
it was made at, in Flask-WTF's format. Where `CSRFProtect` is set up, request handlers take their
``xsrf_token`` from the same secret (`App.keep_csrf_secrets`): what one wing has given, the other
takes.

Settings: WTF_CSRF_ENABLED (True), WTF_CSRF_CHECK_DEFAULT (True), WTF_CSRF_METHODS (POST, PUT,
PATCH, DELETE), WTF_CSRF_FIELD_NAME (``csrf_token``), WTF_CSRF_HEADERS (``X-CSRFToken``,
``X-CSRF-Token``), WTF_CSRF_META_NAME (``csrf-token``), WTF_CSRF_TIME_LIMIT (3600 seconds; None: as
long as the session), WTF_CSRF_SSL_STRICT (True: over TLS, the Referer must be of this host),
WTF_CSRF_SECRET_KEY (SECRET_KEY).
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from markupsafe import Markup, escape

from waterspout import (
    App,
    Blueprint,
    CSRFError,
    current_app,
    read_csrf_token,
    request,
    session,
)
from waterspout.ext import needs_extra
from waterspout.ext.request_notes import keep_note, read_note
from waterspout.typing import Untyped

with needs_extra("forms"):
    from wtforms import ValidationError  # type: ignore[import-untyped]  # it has no types
    from wtforms.csrf.core import CSRF  # type: ignore[import-untyped]  # as above

__all__ = [
    "CSRFError",
    "CSRFProtect",
    "csrf_meta_tag",
    "generate_csrf",
    "same_origin",
    "validate_csrf",
]

V = TypeVar("V")

logger = logging.getLogger(__name__)

#: Sets the signature apart from others made with the same key; Flask-WTF's.
_SALT = "wtf-csrf-token"
_SECRET_SIZE = 20  # bytes, as in Flask-WTF, whose tokens stay good

_DEFAULTS: dict[str, object] = {
    "WTF_CSRF_ENABLED": True,
    "WTF_CSRF_CHECK_DEFAULT": True,
    "WTF_CSRF_METHODS": ("POST", "PUT", "PATCH", "DELETE"),
    "WTF_CSRF_FIELD_NAME": "csrf_token",
    "WTF_CSRF_HEADERS": ["X-CSRFToken", "X-CSRF-Token"],
    "WTF_CSRF_META_NAME": "csrf-token",
    "WTF_CSRF_TIME_LIMIT": 3600,
    "WTF_CSRF_SSL_STRICT": True,
}


# -- tokens ----------------------------------------------------------------------------------------


def generate_csrf(secret_key: str | bytes | None = None, token_key: str | None = None) -> str:
    """Return the token for this request's pages, the same each time; in templates
    ``csrf_token()``.

    A front end may take it from a cookie:

        @app.after_request
        def give_token(response):
            response.set_cookie("csrf_token", generate_csrf())
            return response

    Raises:
        RuntimeError: There is no secret key.
    """
    key = _signing_key(secret_key)
    field = _field_name(token_key)
    made: str | None = read_note(field)
    if made is None:
        made = keep_note(field, _serializer(key).dumps(_session_secret(field)))
    elif hasattr(session, "accessed"):
        session.accessed = True  # the token is the session's: for caches
    return made


def validate_csrf(
    data: str | None,
    secret_key: str | bytes | None = None,
    time_limit: int | None = None,
    token_key: str | None = None,
) -> None:
    """Raise `wtforms.ValidationError` unless *data* is a token of this session, of `generate_csrf`
    or of a request handler's ``xsrf_token``; *time_limit* is in seconds."""
    key = _signing_key(secret_key)
    field = _field_name(token_key)
    limit = _setting("WTF_CSRF_TIME_LIMIT") if time_limit is None else time_limit
    if not data:
        raise ValidationError("The CSRF token is missing.")
    if field not in session:
        raise ValidationError("The CSRF session token is missing.")
    kept = session[field]
    try:
        sent = _serializer(key).loads(data, max_age=limit)
    except SignatureExpired as error:
        raise ValidationError("The CSRF token has expired.") from error
    except BadData as error:
        if _is_of_handler(data, kept):
            return
        raise ValidationError("The CSRF token is invalid.") from error
    if not (_is_text(sent) and _is_text(kept) and hmac.compare_digest(kept, sent)):
        raise ValidationError("The CSRF tokens do not match.")


def csrf_meta_tag(
    name: str | None = None,
    secret_key: str | bytes | None = None,
    token_key: str | None = None,
) -> Markup:
    """Return ``<meta name="csrf-token" content="…">`` for the scripts of a page, which send the
    token in the field ``X-CSRFToken``."""
    name = _setting("WTF_CSRF_META_NAME") if name is None else name
    token = generate_csrf(secret_key, token_key)
    return Markup(f'<meta name="{escape(name)}" content="{escape(token)}">')


def same_origin(current_uri: str, compare_uri: str) -> bool:
    """Tell whether two URLs have the same scheme, host and port."""
    one, other = urlsplit(current_uri), urlsplit(compare_uri)
    try:
        return (one.scheme, one.hostname, one.port) == (other.scheme, other.hostname, other.port)
    except ValueError:  # a port that is none
        return False


def _session_secret(field: str) -> str:
    """Return the session's secret in hexadecimal digits; a new one if it has none."""
    found: object = session.get(field)
    if not _is_text(found):
        found = session[field] = secrets.token_hex(_SECRET_SIZE)
    return str(found)


def _is_of_handler(token: str, kept: Any) -> bool:
    if "csrf" not in current_app.extensions or not _is_text(kept):
        return False
    secret = read_csrf_token(token)
    return secret is not None and hmac.compare_digest(secret, _as_bytes(kept))


def _as_bytes(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret)
    except ValueError:
        return secret.encode()


def _is_text(value: object) -> bool:
    """Tell whether *value* is ASCII text, which alone can be compared in constant time."""
    return isinstance(value, str) and value.isascii()


def _serializer(key: str | bytes) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key, salt=_SALT)


def _signing_key(given: str | bytes | None) -> str | bytes:
    key = given or current_app.config.get("WTF_CSRF_SECRET_KEY") or current_app.secret_key
    if not key:
        raise RuntimeError("A secret key is required to use CSRF.")
    return key


def _field_name(given: str | None) -> str:
    name = _setting("WTF_CSRF_FIELD_NAME") if given is None else given
    if name is None:
        raise RuntimeError("A field name is required to use CSRF.")
    return str(name)


def _setting(name: str) -> Any:
    return current_app.config.get(name, _DEFAULTS[name])


class FormCSRF(CSRF):  # type: ignore[misc]  # WTForms has no types
    """The token field of a form."""

    def setup_form(self, form: Untyped) -> Any:
        self.meta = form.meta
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: object) -> str:
        return generate_csrf(self.meta.csrf_secret, self.meta.csrf_field_name)

    def validate_csrf_token(self, form: Untyped, field: Untyped) -> None:
        if read_note("csrf_valid"):
            return
        meta = self.meta
        try:
            validate_csrf(field.data, meta.csrf_secret, meta.csrf_time_limit, meta.csrf_field_name)
        except ValidationError as error:
            logger.info(error.args[0])
            raise


# -- the whole application -------------------------------------------------------------------------


#: Statuses of a body that was not read: too large, no memory, no room on the disk.
_REFUSED_BODY = (413, 503, 507)


class CSRFProtect:
    """Asks every request that changes something for a token: ``CSRFProtect(app)``.

    It holds for views and for request handlers. The token is looked for in the form field
    ``csrf_token`` (also with a prefix) and ``_xsrf``, then in the header fields. A request without
    a good one gets 400, by `CSRFError`.
    """

    def __init__(self, app: App | None = None) -> None:
        self._exempt_views: set[str] = set()
        self._exempt_classes: set[type] = set()
        self._exempt_blueprints: set[Blueprint] = set()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: App) -> None:
        """Protect *app*."""
        app.extensions["csrf"] = self
        # By the class: a program's own subclass may have a method of this name.
        App.keep_csrf_secrets(app, self)
        for name, value in _DEFAULTS.items():
            app.config.setdefault(name, value)
        app.config["WTF_CSRF_METHODS"] = set(app.config["WTF_CSRF_METHODS"])
        names = {"csrf_token": generate_csrf, "csrf_meta_tag": csrf_meta_tag}
        app.jinja_env.globals.update(names)
        app.context_processor(lambda: names)
        app.before_request(self._protect_request)

    def _protect_request(self) -> None:
        config = current_app.config
        if config["WTF_CSRF_ENABLED"] and config["WTF_CSRF_CHECK_DEFAULT"]:
            self.protect(apply_exemptions=True)

    def protect(self, apply_exemptions: bool = False) -> None:
        """Check the current request, for a program that decides itself
        (WTF_CSRF_CHECK_DEFAULT = False); with *apply_exemptions* what is `exempt` passes.

        Raises:
            CSRFError: There is no good token.
            RequestEntityTooLarge: The body, which may have one, is too large.
        """
        if apply_exemptions and (not request.endpoint or self._is_exempt(request.endpoint)):
            return
        if request.method not in current_app.config["WTF_CSRF_METHODS"]:
            return
        token = self._get_csrf_token()
        if apply_exemptions and token is None and _checks_itself(request.endpoint):
            return
        try:
            validate_csrf(token)
        except ValidationError as error:
            logger.info(error.args[0])
            self._error_response(error.args[0])
        if request.is_secure and current_app.config["WTF_CSRF_SSL_STRICT"]:
            self._check_referrer()
        keep_note("csrf_valid", True)

    def exempt(self, view: V) -> V:
        """Leave a view, a handler class, a blueprint, or what a dotted name
        (``"shop.views.hook"``) means, unprotected. Also a decorator."""
        if isinstance(view, Blueprint):
            self._exempt_blueprints.add(view)
        elif isinstance(view, str):
            self._exempt_views.add(view)
        elif isinstance(view, type):
            self._exempt_classes.add(view)
        else:
            self._exempt_views.add(_dotted_name(view))
        return view

    # -- for `App.keep_csrf_secrets`

    def secret(self) -> bytes:
        """Return the session's secret; a new one if it has none."""
        return _as_bytes(_session_secret(_field_name(None)))

    def check(self, token: str | None) -> None:
        """Raise `CSRFError` unless *token*, or the one that the request has elsewhere, is good."""
        if read_note("csrf_valid"):
            return
        try:
            validate_csrf(token or self._get_csrf_token())
        except ValidationError as error:
            raise CSRFError(error.args[0]) from error

    # -- parts

    def _get_csrf_token(self) -> str | None:
        config = current_app.config
        field_name: str = config["WTF_CSRF_FIELD_NAME"]
        refused = request.routing_exception
        if refused is not None and getattr(refused, "code", 0) in _REFUSED_BODY:
            raise refused
        # A body that the endpoint is to take in pieces is not here yet, and not ours to read.
        form = {} if getattr(request.url_rule, "stream", False) else request.form
        found = [form.get(field_name), *(form[key] for key in form if key.endswith(field_name))]
        found += [form.get("_xsrf")]
        found += [
            request.headers.get(name) for name in (*config["WTF_CSRF_HEADERS"], "X-XSRFToken")
        ]
        return next(filter(None, found), None)

    def _is_exempt(self, endpoint: str) -> bool:
        if current_app.blueprints.get(request.blueprint or "") in self._exempt_blueprints:
            return True
        view = current_app.view_functions.get(endpoint)
        if view is None:
            return False
        view_class = getattr(view, "view_class", None)
        return view_class in self._exempt_classes or _dotted_name(view) in self._exempt_views

    def _check_referrer(self) -> None:
        if not request.referrer:
            self._error_response("The referrer header is missing.")
        elif not same_origin(request.referrer, f"https://{request.host}/"):
            self._error_response("The referrer does not match the host.")

    def _error_response(self, reason: str) -> None:
        raise CSRFError(reason)


def _checks_itself(endpoint: str | None) -> bool:
    """Tell whether an endpoint is a mounted Tornado application that asks for the token when it has
    the body, which may have it (``xsrf_cookies``)."""
    view = current_app.view_functions.get(endpoint or "")
    settings = getattr(getattr(view, "application", None), "settings", {})
    return bool(settings.get("xsrf_cookies"))


def _dotted_name(view: Callable[..., object] | object) -> str:
    return f"{getattr(view, '__module__', '')}.{getattr(view, '__name__', '')}"
