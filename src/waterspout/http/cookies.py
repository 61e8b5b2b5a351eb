"""Checks on cookies to set, beyond Werkzeug's (RFC 6265bis §4.1)."""

from __future__ import annotations

import re

__all__ = ["check_cookie", "check_prefix"]

_NAME = re.compile(r"[^\x00-\x20\x7f=;,]+").fullmatch
_ATTRIBUTE = re.compile(r"[^\x00-\x1f\x7f;]*").fullmatch


def check_cookie(name: str, domain: str | None, expires: object) -> None:
    """Raise `ValueError` for a character that would end the name or an attribute early, and begin
    another attribute. Value and path are quoted; the other attributes have few possible values."""
    if _NAME(name) is None:
        raise ValueError(
            f"{name!r} cannot be a cookie's name: it is empty or has a blank, '=', ';', ',' or a"
            " control character in it."
        )
    for attribute, value in (("domain", domain), ("expires", expires)):
        if isinstance(value, str) and _ATTRIBUTE(value) is None:
            raise ValueError(f"{attribute}={value!r} has a ';' or a control character in it.")


def check_prefix(name: str, domain: str | None, path: str | None, secure: bool) -> None:
    """Raise `ValueError` for a ``__Host-`` or ``__Secure-`` name without the attributes it
    requires, since browsers would drop the cookie (RFC 6265bis §4.1.3)."""
    prefix = name[:9].lower()
    if prefix == "__secure-" and not secure:
        raise ValueError(f"The cookie {name!r} needs secure=True; browsers would drop it.")
    if prefix.startswith("__host-") and not (secure and path == "/" and not domain):
        raise ValueError(
            f"The cookie {name!r} needs secure=True, path='/' and no domain; browsers would drop"
            " it."
        )
