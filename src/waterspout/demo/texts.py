"""What a text from a visitor may hold: no control characters, and names that a URL can carry."""

from __future__ import annotations

import re

from waterspout import Blueprint, abort, request

__all__ = ["CONTROLS", "fits_in_path", "pages"]

#: Characters that nobody types, that PostgreSQL (NUL) or XML refuses: controls but tab and
#: newlines, halves of pairs, and the two that are never characters.
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

pages = Blueprint("texts", __name__)


@pages.before_app_request
def refuse_controls() -> None:
    """Answer 404 to a path with control characters, 400 to such a query; `forms` does 422."""
    if CONTROLS.search(request.path):
        abort(404)
    if any(CONTROLS.search(text) for pair in request.args.items(multi=True) for text in pair):
        abort(400, "The query has control characters.")


def fits_in_path(name: str) -> bool:
    """Tell whether *name* can be one part of a URL's path: no slash, and not only dots."""
    return "/" not in name and (not name or bool(name.strip(".")))
