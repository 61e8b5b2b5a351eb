"""Users: login, sessions and "remember me" with Flask-Login's names; passwords, roles, OAuth.

    login_manager = LoginManager(app)

    @login_manager.user_loader
    async def load_user(user_id):
        return await User.get(user_id)

    @app.post("/login")
    async def login():
        user = await User.by_name(request.form["name"])
        if await verify_password_async(user and user.password, request.form["password"]):
            login_user(user, remember=True)
            return redirect(next_url(default="/"))
        abort(401)

The same user is ``current_user`` in views and templates, and ``self.current_user`` in request
handlers, where `login_required` and Tornado's ``@authenticated`` hold. Loaders and handlers may be
``async def``. OAuth clients are in `waterspout.ext.auth.oauth`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config import (
    AUTH_HEADER_NAME,
    COOKIE_DURATION,
    COOKIE_HTTPONLY,
    COOKIE_NAME,
    COOKIE_SECURE,
    EXEMPT_METHODS,
    ID_ATTRIBUTE,
    LOGIN_MESSAGE,
    LOGIN_MESSAGE_CATEGORY,
    REFRESH_MESSAGE,
    REFRESH_MESSAGE_CATEGORY,
)
from .current import current_user
from .destinations import login_url, make_next_param, next_url, set_login_view
from .login_manager import LoginManager
from .logins import (
    confirm_login,
    fresh_login_required,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
)
from .mixins import AnonymousUserMixin, UserMixin
from .passwords import (
    hash_password,
    hash_password_async,
    needs_rehash,
    verify_password,
    verify_password_async,
)
from .remember_cookie import decode_cookie, encode_cookie
from .roles import roles_accepted, roles_required
from .signals import (
    session_protected,
    user_accessed,
    user_loaded_from_cookie,
    user_loaded_from_request,
    user_logged_in,
    user_logged_out,
    user_login_confirmed,
    user_needs_refresh,
    user_unauthorized,
)

if TYPE_CHECKING:
    from .oauth import OAuth as OAuth
    from .test_client import FlaskLoginClient as FlaskLoginClient

__all__ = [
    "AUTH_HEADER_NAME",
    "COOKIE_DURATION",
    "COOKIE_HTTPONLY",
    "COOKIE_NAME",
    "COOKIE_SECURE",
    "EXEMPT_METHODS",
    "ID_ATTRIBUTE",
    "LOGIN_MESSAGE",
    "LOGIN_MESSAGE_CATEGORY",
    "REFRESH_MESSAGE",
    "REFRESH_MESSAGE_CATEGORY",
    "AnonymousUserMixin",
    "FlaskLoginClient",
    "LoginManager",
    "OAuth",
    "UserMixin",
    "confirm_login",
    "current_user",
    "decode_cookie",
    "encode_cookie",
    "fresh_login_required",
    "hash_password",
    "hash_password_async",
    "login_fresh",
    "login_remembered",
    "login_required",
    "login_url",
    "login_user",
    "logout_user",
    "make_next_param",
    "needs_rehash",
    "next_url",
    "roles_accepted",
    "roles_required",
    "session_protected",
    "set_login_view",
    "user_accessed",
    "user_loaded_from_cookie",
    "user_loaded_from_request",
    "user_logged_in",
    "user_logged_out",
    "user_login_confirmed",
    "user_needs_refresh",
    "user_unauthorized",
    "verify_password",
    "verify_password_async",
]

#: The Flask-Login whose names these are.
__version__ = "0.6.3"


#: Imported when they are first used: an HTTP client, and what tests need, are half of all that a
#: program would load.
_LATER = {"FlaskLoginClient": "test_client", "OAuth": "oauth"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value
