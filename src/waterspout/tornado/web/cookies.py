"""The cookies a handler reads and sets, plain and signed."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from time import struct_time
from typing import TYPE_CHECKING, Any

from ...typing import SettingValue
from ..escape import native_str
from ..httputil import format_timestamp
from . import signed

if TYPE_CHECKING:
    from .interfaces import Handler

_UNSAFE_IN_VALUE = re.compile(r"[\x00-\x20]")
# SECURITY: what would end an attribute, and could begin another (RFC 6265 §4.1.1).
_UNSAFE_IN_ATTRIBUTE = re.compile(r"[\x00-\x20;\x7f]")

Expiry = float | tuple[int, ...] | struct_time | datetime


def get_cookie(self: Handler, name: str, default: str | None = None) -> str | None:
    """Return the value of a cookie of the request."""
    morsel = self.request.cookies.get(name)
    return default if morsel is None else morsel.value


def set_cookie(
    self: Handler,
    name: str,
    value: str | bytes,
    domain: str | None = None,
    expires: Expiry | None = None,
    path: str = "/",
    expires_days: float | None = None,
    *,
    max_age: int | None = None,
    httponly: bool = False,
    secure: bool = False,
    samesite: str | None = None,
    **others: Any,
) -> None:
    """Set a cookie of the response (RFC 6265 §4.1).

    *expires* is a time stamp, a tuple as of `time.gmtime` or a datetime, *expires_days* a
    number of days from now, *max_age* a number of seconds. Raises ValueError for the value,
    `http.cookies.CookieError` for an attribute.
    """
    name, value = native_str(name), native_str(value)
    if _UNSAFE_IN_VALUE.search(value):
        raise ValueError(f"Invalid cookie {name!r}: {value!r}")
    named = {"name": name, "domain": domain, "path": path, "samesite": samesite, **others}
    for attribute, text in named.items():
        if text is not None and _UNSAFE_IN_ATTRIBUTE.search(str(text)):
            raise CookieError(f"Invalid cookie attribute {attribute}={text!r} for cookie {name!r}")
    if expires_days is not None and not expires:
        expires = datetime.now(UTC) + timedelta(days=expires_days)
    attributes: dict[str, Any] = {
        "domain": domain,
        "expires": format_timestamp(expires) if expires else None,
        "path": path,
        "max-age": str(int(max_age)) if max_age else None,
        "httponly": httponly,
        "secure": secure,
        "samesite": samesite,
    }
    jar = _outgoing(self)
    jar.pop(name, None)  # the later one counts, with its own attributes only
    jar[name] = value
    jar[name].update({key: value for key, value in attributes.items() if value})
    if others:
        jar[name].update(others)  # any spelling of the names, as the library takes them
        warnings.warn(
            f"Deprecated arguments to set_cookie: {set(others)} (should be lowercase)",
            DeprecationWarning,
            stacklevel=2,
        )


def _outgoing(self: Handler) -> SimpleCookie:
    """Return the cookies to set. They have no order with the header fields, and may be set
    again until the head is sent."""
    jar: SimpleCookie | None = getattr(self, "_new_cookie", None)
    if jar is None:
        jar = self._new_cookie = SimpleCookie()
    return jar


def clear_cookie(self: Handler, name: str, **kwargs: object) -> None:
    """Have the client forget a cookie.

    Raises `TypeError` for ``expires`` and ``max_age``, which this function sets.
    """
    for excluded in ("expires", "max_age"):
        if excluded in kwargs:
            raise TypeError(f"clear_cookie() got an unexpected keyword argument '{excluded}'")
    self.set_cookie(name, value="", expires=datetime.now(UTC) - timedelta(days=365), **kwargs)


def clear_all_cookies(self: Handler, **kwargs: object) -> None:
    """Have the client forget every cookie it sent."""
    for name in self.request.cookies:
        self.clear_cookie(name, **kwargs)


# -- signed ----------------------------------------------------------------------------------------


def create_signed_value(
    self: Handler, name: str, value: str | bytes, version: int | None = None
) -> bytes:
    """Return *value* signed with the setting ``cookie_secret``.

    Raises `Exception` where ``cookie_secret`` is a dict and ``key_version`` is not set.
    """
    secret = _secret(self)
    key_version = None
    if isinstance(secret, dict):
        key_version = self.application.settings.get("key_version")
        if key_version is None:
            raise Exception("key_version setting must be used for secret_key dicts")
    return signed.create_signed_value(secret, name, value, version=version, key_version=key_version)


def get_signed_cookie(
    self: Handler,
    name: str,
    value: str | None = None,
    max_age_days: float = 31,
    min_version: int | None = None,
) -> bytes | None:
    """Return what a signed cookie, or *value*, holds; None if it does not hold good."""
    secret = _secret(self)
    if value is None:
        value = self.get_cookie(name)
    return signed.decode_signed_value(
        secret, name, value, max_age_days=max_age_days, min_version=min_version
    )


def get_signed_cookie_key_version(self: Handler, name: str, value: str | None = None) -> int | None:
    """Return the version of the key a cookie was signed with."""
    _secret(self)
    if value is None:
        value = self.get_cookie(name)
    return None if value is None else signed.get_signature_key_version(value)


def _secret(self: Handler) -> SettingValue:
    self.require_setting("cookie_secret", "secure cookies")
    return self.application.settings["cookie_secret"]
