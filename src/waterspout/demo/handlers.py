"""What the request handlers of this site have in common."""

from __future__ import annotations

from waterspout import RequestHandler, UIModule, render_template
from waterspout.tornado.locale import Locale

from .translations import current_locale

__all__ = ["Handler", "Part"]


class Handler(RequestHandler):
    """A handler whose templates speak the visitor's language."""

    def get_user_locale(self) -> Locale:
        """Return the same locale as the views have."""
        return current_locale()


class Part(UIModule):
    """A part of every page, from the template that the Jinja side uses too."""

    def render(self, name: str, **values: object) -> str:
        return render_template(f"jinja/_{name}.html", **values)
