"""The Cookie field of a request, read as browsers write it."""

from __future__ import annotations

import re
from http.cookies import CookieError, SimpleCookie

__all__ = ["parse_cookie"]

_ESCAPE = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")


def parse_cookie(cookie: str) -> dict[str, str]:
    """Parse a Cookie field into names and values, both as text.

    As forgiving as browsers are, more than RFC 6265 asks: a piece without ``=`` is a value
    without a name; of two cookies with one name the later counts; a value in quotes is
    unquoted as Python's `http.cookies` quotes it.
    """
    cookies: dict[str, str] = {}
    for piece in cookie.split(";"):
        name, equals, value = piece.partition("=")
        if not equals:
            name, value = "", name
        # SECURITY: of blanks and tabs only. To `str.strip` more is a blank, such as a no-break
        # space: a name with one in front would pass as one that browsers protect (``__Host-``).
        name, value = name.strip(" \t"), value.strip(" \t")
        if name or value:
            cookies[name] = _unquote_cookie(value)
    return cookies


def morsels(cookie: str) -> SimpleCookie:
    """Parse a Cookie field into the morsels of `http.cookies`; names that cannot be one's
    are left out without a word, since it is the client that writes them."""
    found = SimpleCookie()
    for name, value in parse_cookie(cookie).items():
        try:
            found[name] = value
        except CookieError:
            pass
    return found


def _unquote_cookie(value: str) -> str:
    # SECURITY: one pass, whatever the number of backslashes (CVE-2024-7592).
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPE.sub(_unescape, value[1:-1])


def _unescape(found: re.Match[str]) -> str:
    octal: str | None = found[1]
    return chr(int(octal, 8)) if octal else str(found[2])
