"""The names of `flask_login.utils`, whose homes are modules by subject."""

from __future__ import annotations

from .current import current_user, find_current_user
from .destinations import expand_login_view, login_url, make_next_param, set_login_view
from .logins import (
    confirm_login,
    create_identifier,
    fresh_login_required,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
)
from .remember_cookie import decode_cookie, encode_cookie, secret_key

__all__ = [
    "confirm_login",
    "current_user",
    "decode_cookie",
    "encode_cookie",
    "expand_login_view",
    "fresh_login_required",
    "login_fresh",
    "login_remembered",
    "login_required",
    "login_url",
    "login_user",
    "logout_user",
    "make_next_param",
    "set_login_view",
]

_get_user = find_current_user
_create_identifier = create_identifier
_secret_key = secret_key


def _user_context_processor() -> dict[str, object]:
    return {"current_user": find_current_user()}
