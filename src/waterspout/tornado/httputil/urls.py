"""Query strings and the URLs they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import AnyStr
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

__all__ = ["qs_to_qsl", "url_concat"]


def url_concat(url: str, args: Mapping[str, str] | Sequence[tuple[str, str]] | None) -> str:
    """Add arguments to a URL, which may have some already; None adds nothing.

    *args* is a dict, or a list or tuple of pairs, in which a name may come more than once.
    Raises TypeError for anything else.
    """
    if args is None:
        return url
    if not isinstance(args, dict | list | tuple):
        raise TypeError(f"'args' parameter should be dict, list or tuple. Not {type(args)}")
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs.extend(args.items() if isinstance(args, dict) else args)
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def qs_to_qsl(qs: Mapping[str, Iterable[AnyStr]]) -> Iterable[tuple[str, AnyStr]]:
    """Turn what ``parse_qs`` returned back into pairs of name and value."""
    return ((name, value) for name, values in qs.items() for value in values)
