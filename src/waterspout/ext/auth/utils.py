"""Logging in and out, and what asks for it (the names of `flask_login.utils`)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha512
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from waterspout import (
    current_app,
    is_local_url,
    request,
    session,
    url_for,
)

from .config import COOKIE_NAME, EXEMPT_METHODS
from .current import current_user, find_current_user, manager_here
from .guards import guarded
from .signals import user_logged_in, user_logged_out, user_login_confirmed

__all__ = [
    "confirm_login",
    "current_user",
    "decode_cookie",
    "encode_cookie",
    "expand_login_view",
    "fresh_login_required",
    "is_exempt",
    "login_fresh",
    "login_remembered",
    "login_required",
    "login_url",
    "login_user",
    "logout_user",
    "make_next_param",
    "manager_here",
    "next_url",
    "set_login_view",
]

F = TypeVar("F", bound=Callable[..., Any])

_get_user = find_current_user


# -- in and out ------------------------------------------------------------------------------------


def login_user(
    user: Any,
    remember: bool = False,
    duration: timedelta | None = None,
    force: bool = False,
    fresh: bool = True,
) -> bool:
    """Log *user* in; False if the account is not active, unless *force* is set.

    *remember* sets a cookie that logs in again after the session, for *duration*
    (REMEMBER_COOKIE_DURATION). With *fresh* False the login counts as one of that cookie.

    SECURITY: a session that is kept on the server gets a new id (``session.regenerate()``), so that
    an id which somebody else knows is worth nothing (session fixation, CWE-384).

    Raises:
        Exception: *duration* is no timedelta.
    """
    if not force and not user.is_active:
        return False
    seconds = None if duration is None or not remember else _seconds(duration)
    manager = manager_here()
    regenerate = getattr(session, "regenerate", None)
    if callable(regenerate):
        regenerate()
    session["_user_id"] = getattr(user, manager.id_attribute)()
    session["_fresh"] = fresh
    session["_id"] = manager._session_identifier_generator()
    if remember:
        session["_remember"] = "set"
        if seconds is not None:
            session["_remember_seconds"] = seconds
    manager._update_request_context_with_user(user)
    user_logged_in.send(_app(), user=find_current_user())
    return True


def _seconds(duration: Any) -> float:
    if not isinstance(duration, timedelta):
        raise Exception(f"duration must be a datetime.timedelta, instead got: {duration}")
    return duration.total_seconds()


def logout_user() -> bool:
    """Log the user out, and take back the cookie that remembers; True."""
    user = find_current_user()
    for key in ("_user_id", "_fresh", "_id"):
        if key in session:
            session.pop(key)
    if _cookie_name() in request.cookies:
        session["_remember"] = "clear"
        session.pop("_remember_seconds", None)
    user_logged_out.send(_app(), user=user)
    manager_here()._update_request_context_with_user()
    return True


def confirm_login() -> None:
    """Make the login fresh: the user has just given the password again."""
    session["_fresh"] = True
    session["_id"] = manager_here()._session_identifier_generator()
    user_login_confirmed.send(_app())


def login_fresh() -> bool:
    """Tell whether the user logged in in this session, and was not remembered."""
    fresh: bool = session.get("_fresh", False)
    return fresh


def login_remembered() -> bool:
    """Tell whether the request has a good cookie that remembers."""
    cookie = request.cookies.get(_cookie_name())
    if cookie is None or session.get("_remember") == "clear":
        return False
    return decode_cookie(cookie) is not None


# -- who must be logged in -------------------------------------------------------------------------


def login_required(func: F) -> F:
    """Let in who is logged in; for views, and for methods of request handlers. Others get what
    `LoginManager.unauthorized` gives.

        @app.get("/account")
        @login_required
        async def account():
            ...

    OPTIONS needs no login (CORS), and nothing does with the setting LOGIN_DISABLED.
    """
    return guarded(func, _login_refusal)


def fresh_login_required(func: F) -> F:
    """Do as `login_required`, and send those who were remembered to log in anew
    (`LoginManager.needs_refresh`): before a change of password, say."""
    return guarded(func, _fresh_refusal)


def is_exempt() -> bool:
    """Tell whether the running request needs no login."""
    return request.method in EXEMPT_METHODS or bool(current_app.config.get("LOGIN_DISABLED"))


def _login_refusal() -> Callable[[], Any] | None:
    if is_exempt() or current_user.is_authenticated:
        return None
    return manager_here().unauthorized


def _fresh_refusal() -> Callable[[], Any] | None:
    if is_exempt():
        return None
    if not current_user.is_authenticated:
        return manager_here().unauthorized
    return None if login_fresh() else manager_here().needs_refresh


# -- where to go -----------------------------------------------------------------------------------


def next_url(default: str = "/", param: str = "next") -> str:
    """Return where a login page sends the user: what the form or the query has in *param*, or the
    session in ``next`` (USE_SESSION_FOR_NEXT), else *default*.

    SECURITY: only a URL of this site counts, see `waterspout.is_local_url`.
    """
    found = request.form.get(param) or request.args.get(param)
    if not found and "next" in session:
        found = session.pop("next")
    return found if found and is_local_url(found) else default


def login_url(login_view: str, next_url: str | None = None, next_field: str = "next") -> str:
    """Return the URL of *login_view* (an endpoint or a URL), with *next_url* in the query argument
    *next_field*. The setting FORCE_HOST_FOR_REDIRECTS is its host."""
    base = expand_login_view(login_view)
    if next_url is None:
        return base
    parts = urlsplit(base)
    query: dict[str, Any] = parse_qs(parts.query, keep_blank_values=True)
    query[next_field] = make_next_param(base, next_url)
    netloc = current_app.config.get("FORCE_HOST_FOR_REDIRECTS") or parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, doseq=True)))


def make_next_param(login_url: str, current_url: str) -> str:
    """Return *current_url* as the login page needs it: without scheme and host where they are the
    same."""
    login, current = urlsplit(login_url), urlsplit(current_url)
    if login.scheme in ("", current.scheme) and login.netloc in ("", current.netloc):
        return urlunsplit(("", "", current.path, current.query, ""))
    return current_url


def expand_login_view(login_view: str) -> str:
    """Return the URL of *login_view*, an endpoint or a URL."""
    if login_view.startswith(("https://", "http://", "/")):
        return login_view
    return url_for(login_view)


def set_login_view(login_view: str, blueprint: Any = None) -> None:
    """Set the login view of the current application, or of *blueprint*. Once a blueprint has one,
    the application's holds where there is no blueprint."""
    manager = manager_here()
    by_blueprint = manager.blueprint_login_views
    if blueprint is None and not by_blueprint:
        manager.login_view = login_view
        return
    by_blueprint[None if blueprint is None else blueprint.name] = login_view
    if manager.login_view is not None:
        by_blueprint.setdefault(None, manager.login_view)
    manager.login_view = None


# -- the cookie that remembers ---------------------------------------------------------------------


def encode_cookie(payload: str, key: str | bytes | None = None) -> str:
    """Return *payload* signed with *key* (SECRET_KEY), in Flask-Login's format."""
    return f"{payload}|{_cookie_digest(payload, key)}"


def decode_cookie(cookie: str, key: str | bytes | None = None) -> str | None:
    """Return the payload of a signed cookie, None if the signature is not of *key* (SECRET_KEY, or
    one of SECRET_KEY_FALLBACKS)."""
    payload, bar, digest = cookie.rpartition("|")
    if not bar or not digest.isascii():
        return None
    fallbacks = current_app.config.get("SECRET_KEY_FALLBACKS") if key is None else None
    for each in (key, *(fallbacks or ())):
        if hmac.compare_digest(_cookie_digest(payload, each), digest):
            return payload
    return None


def _cookie_digest(payload: str, key: str | bytes | None = None) -> str:
    return hmac.new(_secret_key(key), payload.encode(), sha512).hexdigest()


def _secret_key(key: str | bytes | None = None) -> bytes:
    found = current_app.config["SECRET_KEY"] if key is None else key
    secret: bytes = found.encode("latin-1") if isinstance(found, str) else found
    return secret


def _cookie_name() -> str:
    name: str = current_app.config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME)
    return name


# -- parts -----------------------------------------------------------------------------------------


def _create_identifier() -> str:
    """Return what tells a browser at an address from others, for session protection.

    SECURITY: the address is the request's. X-Forwarded-For counts as the server's settings say, not
    because a client has sent it.
    """
    address, agent = request.remote_addr, request.headers.get("User-Agent")
    # The texts of two bytes objects: the sessions of Flask-Login stay fresh.
    parts = [None if part is None else part.encode() for part in (address, agent)]
    return sha512(f"{parts[0]!r}|{parts[1]!r}".encode()).hexdigest()


def _user_context_processor() -> dict[str, Any]:
    return {"current_user": find_current_user()}


def _app() -> Any:
    return current_app._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy's
