"""Logging in and out, and what asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha512
from typing import TypeVar

from waterspout import current_app, request, session
from waterspout.typing import User

from ..request_notes import keep_note
from .config import EXEMPT_METHODS
from .current import app_here, current_user, find_current_user, manager_here
from .guards import guarded
from .remember_cookie import cookie_name, decode_cookie
from .signals import user_logged_in, user_logged_out, user_login_confirmed

__all__ = [
    "confirm_login",
    "create_identifier",
    "fresh_login_required",
    "is_exempt",
    "login_fresh",
    "login_remembered",
    "login_required",
    "login_user",
    "logout_user",
]

F = TypeVar("F", bound=Callable[..., object])


# -- in and out ------------------------------------------------------------------------------------


def login_user(
    user: User,
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
    session["_id"] = manager.session_identifier()
    if remember:
        session["_remember"] = "set"
        if seconds is not None:
            session["_remember_seconds"] = seconds
    manager.note_user(user)
    user_logged_in.send(app_here(), user=find_current_user())
    return True


def _seconds(duration: object) -> float:
    if not isinstance(duration, timedelta):
        raise Exception(f"duration must be a datetime.timedelta, instead got: {duration}")
    return duration.total_seconds()


def logout_user() -> bool:
    """Log the user out, and take back the cookie that remembers; True."""
    user = find_current_user()
    for key in ("_user_id", "_fresh", "_id"):
        if key in session:
            session.pop(key)
    if cookie_name() in request.cookies:
        session["_remember"] = "clear"
        session.pop("_remember_seconds", None)
        keep_note("_login_forgotten", True)
    user_logged_out.send(app_here(), user=user)
    manager_here().note_user()
    return True


def confirm_login() -> None:
    """Make the login fresh: the user has just given the password again."""
    session["_fresh"] = True
    session["_id"] = manager_here().session_identifier()
    user_login_confirmed.send(app_here())


def login_fresh() -> bool:
    """Tell whether the user logged in in this session, and was not remembered."""
    fresh: bool = session.get("_fresh", False)
    return fresh


def login_remembered() -> bool:
    """Tell whether the request has a good cookie that remembers."""
    cookie = request.cookies.get(cookie_name())
    if cookie is None or session.get("_remember") == "clear":
        return False
    return decode_cookie(cookie) is not None


def create_identifier() -> str:
    """Return what tells a browser at an address from others, for session protection.

    SECURITY: the address is the request's. X-Forwarded-For counts as the server's settings say, not
    because a client has sent it.
    """
    address, agent = request.remote_addr, request.headers.get("User-Agent")
    # The texts of two bytes objects: the sessions of Flask-Login stay fresh.
    parts = [None if part is None else part.encode() for part in (address, agent)]
    return sha512(f"{parts[0]!r}|{parts[1]!r}".encode()).hexdigest()


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


def _login_refusal() -> Callable[[], object] | None:
    if is_exempt() or current_user.is_authenticated:
        return None
    return manager_here().unauthorized


def _fresh_refusal() -> Callable[[], object] | None:
    if is_exempt():
        return None
    if not current_user.is_authenticated:
        return manager_here().unauthorized
    return None if login_fresh() else manager_here().needs_refresh
