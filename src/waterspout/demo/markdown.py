"""Posts are Markdown: rendered by markdown-it, cleaned by nh3 (a parser of browsers' HTML)."""

from __future__ import annotations

import re

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from .extensions import cache

__all__ = ["render", "summary_of"]

_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

# SECURITY: only these elements and attributes are left, whatever the Markdown was.
_TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "li",
        "ol",
    ),
    *("p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "code": {"class"}}


def render_now(text: str) -> str:
    """Return *text* as clean HTML. The page has its heading: the largest of a post is of the second
    level."""
    html = str(_parser.render(text))
    largest = min(map(int, re.findall(r"<h([1-6])>", html)), default=2)
    html = re.sub(
        r"(</?h)([1-6])>", lambda tag: f"{tag[1]}{min(int(tag[2]) - largest + 2, 6)}>", html
    )
    return nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"}
    )


@cache.memoize(timeout=3600)
def _kept(text: str) -> str:
    return render_now(text)


def render(text: str) -> Markup:
    """Return *text* as HTML that is safe in a page."""
    return Markup(_kept(text))


def summary_of(text: str, length: int = 220) -> str:
    """Return the beginning of *text* as plain text, cut between words."""
    plain = _plain(text)
    if len(plain) <= length:
        return plain
    return plain[:length].rsplit(" ", 1)[0].rstrip(",;:.") + " …"


def _plain(text: str) -> str:
    """Return the texts of *text*'s paragraphs, headings and lists, without code and tables."""
    inline = (token for token in _parser.parse(text) if token.type == "inline")
    words = (
        "".join(child.content or " " for child in token.children or () if child.type in _WORDS)
        for token in inline
    )
    return " ".join(" ".join(words).split())


_WORDS = {"text", "softbreak", "code_inline"}
