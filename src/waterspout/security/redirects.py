r"""Checks on redirect targets, parsed as browsers parse them: which host do they lead to?

SECURITY: browsers read more than RFC 3986 says (URL Standard §4.4): they cut off blanks and control
characters, drop tabs and line ends anywhere, read ``\`` as ``/`` and any number of leading slashes
as two. A path of ours may so become another host (the class of CVE-2023-28370).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["has_host", "is_on_host", "scheme_and_netloc"]

_CUT_OFF = "".join(map(chr, range(0x21)))
_READ_OTHERWISE = str.maketrans({"\t": None, "\n": None, "\r": None, "\\": "/"})
_SLASHES = re.compile(r"//+")


def _as_browsers_read(url: str) -> str:
    return url.strip(_CUT_OFF).translate(_READ_OTHERWISE)


def has_host(path: str) -> bool:
    """Tell whether browsers find a host in what was to be a path: ``//host/path``."""
    return _as_browsers_read(path).startswith("//")


def scheme_and_netloc(url: str) -> tuple[str, str]:
    """Return scheme and netloc (user, host and port) that browsers see in *url*, in lower case.

    Both are empty for a relative URL. Raises `ValueError` for some malformed ones.
    """
    url = _as_browsers_read(url)
    if found := _SLASHES.match(url):
        url = "//" + url[found.end() :]
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def is_on_host(url: str, host: str) -> bool:
    """Tell whether a browser that follows *url* from a page of *host* (with its port, if it has
    one) stays on that host. False for an empty URL.

    SECURITY: CWE-601. ``https:host``, ``http:///host`` and ``javascript:…`` lead elsewhere, or
    nowhere; so does what cannot be read.
    """
    try:
        scheme, netloc = scheme_and_netloc(url)
    except ValueError:
        return False
    if not scheme and not netloc:
        return bool(url.strip(_CUT_OFF))
    return scheme in ("", "http", "https") and netloc == host.lower()
