"""Redirect targets, encoded so that browsers and servers read the same URL."""

from __future__ import annotations

import re

__all__ = ["plain_location"]

# CR and LF stay: they are refused as a header value, with an error that says so.
_MISREAD = re.compile(r"^ +|[\\\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")


def plain_location(location: str) -> str:
    r"""Percent-encode what browsers drop or replace before they parse a URL (URL Standard §4.4).

    SECURITY: they drop tabs and read ``\`` as ``/``, so ``/\host`` and ``/<tab>/host`` look like
    paths of this site and lead to another one (the class of CVE-2023-28370).
    """
    if not _MISREAD.search(location):
        return location
    return _MISREAD.sub(lambda found: "".join(f"%{ord(c):02X}" for c in found[0]), location)
