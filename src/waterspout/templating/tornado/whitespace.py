"""The whitespace modes of templates."""

from __future__ import annotations

import re

_BLANKS = re.compile(r"[\t ]+")
_BREAKS = re.compile(r"\s*\n\s*")
_ANY = re.compile(r"\s+")


def filter_whitespace(mode: str, text: str) -> str:
    """Return *text* with its whitespace treated by *mode*.

    ``all`` keeps it. ``single`` leaves one blank or one line break of each run. ``oneline`` leaves
    one blank of each run, line breaks included.

    Raises `Exception` for another mode, as Tornado does.
    """
    match mode:
        case "all":
            return text
        case "single":
            return _BREAKS.sub("\n", _BLANKS.sub(" ", text))
        case "oneline":
            return _ANY.sub(" ", text)
    raise Exception(f"invalid whitespace mode {mode}")


def default_mode(name: str) -> str:
    """Return the mode of a file called *name*: HTML and JavaScript are sent with fewer blanks."""
    return "single" if name.endswith((".html", ".js")) else "all"
