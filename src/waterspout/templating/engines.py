"""The engine of a template: Jinja or Tornado's.

A name that the setting TORNADO_TEMPLATES covers is Tornado's, one that JINJA_TEMPLATES covers is
Jinja's, wherever it is rendered. Any other name is rendered by the engine of the caller: Jinja in
views, Tornado's in request handlers, so that programs for either render as they always did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..interfaces import Application

__all__ = ["JINJA", "TORNADO", "engine_of", "is_tornado"]

JINJA = "jinja"
TORNADO = "tornado"


def engine_of(app: Application, name: str) -> str | None:
    """Return the engine that the settings name for *name*; None: that of the caller."""
    if is_tornado(app, name):
        return TORNADO
    return JINJA if _covers(app.config["JINJA_TEMPLATES"], name) else None


def is_tornado(app: Application, name: str) -> bool:
    """Tell whether the settings say that the template is one of Tornado's engine."""
    return _covers(app.config["TORNADO_TEMPLATES"], name)


def _covers(places: Iterable[str], name: str) -> bool:
    """Tell whether *name* ends in one of the suffixes, or is in one of the folders, *places*."""
    for place in places:
        if name.startswith(place) if place[-1:] == "/" else name.endswith(place):
            return True
    return False
