"""`escape` and `unescape` as `werkzeug.utils` had them: plain strings in, plain strings out."""

from __future__ import annotations

import html


def escape(s: object) -> str:
    """Make *s* safe for HTML; None is the empty string, `__html__` is asked where it exists."""
    if s is None:
        return ""
    if hasattr(s, "__html__"):
        return str(s.__html__())
    return html.escape(str(s)).replace("&#x27;", "'")


def unescape(s: str) -> str:
    """Undo `escape`, and every other HTML character reference."""
    return html.unescape(s)
