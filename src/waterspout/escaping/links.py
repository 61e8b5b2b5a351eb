"""Turn addresses in plain text into links."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from .markup import xhtml_escape

# The text is escaped before it is searched. Of its entities only &amp; and &quot; belong to an
# address; a bracket belongs to it when it is closed again; punctuation at the end does not.
# SECURITY: each part is linear. The scheme has a bound, since a search for the colon starts anew
# at each hyphen of a long word.
_CHAR = r"(?: [^\s&()] | &amp; | &quot; )*"
_ADDRESS = re.compile(
    rf"""
    \b (
        (?: ([\w-]{{1,64}}) : (/{{1,3}}) | www[.] )
        (?:
            {_CHAR} [^\s!-,.:-@\[\]^`{{|}}~]
          | \( {_CHAR} \)
        )+
    )
    """,
    re.VERBOSE,
)
_SHORT = 30  # characters, roughly


def linkify(
    text: str | bytes,
    shorten: bool = False,
    extra_params: str | Callable[[str], str] = "",
    require_protocol: bool = False,
    permitted_protocols: Collection[str] = ("http", "https"),
) -> str:
    """Return plain *text* as HTML in which its addresses are links.

    :param shorten: show a long address shortened; the whole of it is the link's title.
    :param extra_params: attributes for each link, or a function from address to attributes.
    :param require_protocol: leave ``www.example.com`` alone.
    :param permitted_protocols: the schemes that become links. ``javascript`` must not be among
        them.
    """
    fixed = "" if callable(extra_params) else extra_params and f" {extra_params.strip()}"

    def link(found: re.Match[str]) -> str:
        shown, scheme, slashes = found.groups()
        if (scheme not in permitted_protocols) if scheme else require_protocol:
            return str(shown)
        href = shown if scheme else f"http://{shown}"
        extra = f" {extra_params(href).strip()}" if callable(extra_params) else fixed
        if shorten and len(shown) > _SHORT:
            short = _shortened(shown, len(f"{scheme}:{slashes}") if scheme else 0)
            if len(short) < len(shown):
                shown = short
                extra += f' title="{href}"'
        return f'<a href="{href}"{extra}>{shown}</a>'

    return _ADDRESS.sub(link, xhtml_escape(text))


def _shortened(address: str, start: int) -> str:
    """Return the host, which begins at *start*, and the beginning of the path; then dots."""
    host, slash, path = address[start:].partition("/")
    short = address
    if slash:
        first = path.partition("/")[0][:8].partition("?")[0].partition(".")[0]
        short = f"{address[:start]}{host}/{first}"
    if len(short) > _SHORT * 1.5:
        short = short[:_SHORT]
    if short == address:
        return address
    entity = short.rfind("&")  # one near the end may have been cut
    if entity > _SHORT - 5:
        short = short[:entity]
    return f"{short}..."
