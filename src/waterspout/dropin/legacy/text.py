"""`escape` and `unescape` as `werkzeug.utils` had them: plain strings in, plain strings out; and
extensions of Jinja for what it does without them."""

from __future__ import annotations

import html

from jinja2.ext import Extension


class AutoEscapeExtension(Extension):
    """Had the tag ``autoescape``."""


class WithExtension(Extension):
    """Had the tag ``with``."""


autoescape = AutoEscapeExtension
with_ = WithExtension


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
