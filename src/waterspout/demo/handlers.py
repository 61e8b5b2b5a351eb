"""What the request handlers of this site have in common: the language, and UI modules."""

from __future__ import annotations

from datetime import datetime

from waterspout import RequestHandler, UIModule, get_template_attribute, render_template
from waterspout.tornado.locale import Locale

from .models import Comment, Post, User
from .translations import current_locale

__all__ = ["MODULES", "Handler"]

MACROS = "jinja/_macros.html"


class Handler(RequestHandler):
    """A handler whose templates speak the visitor's language."""

    def get_user_locale(self) -> Locale:
        """Return the same locale as the views have."""
        return current_locale()


class Part(UIModule):
    """A part of every page, from the template that the Jinja side uses too."""

    def render(self, name: str) -> str:
        """Render one of ``head``, ``header``, ``flashes``, ``footer``."""
        return render_template(f"jinja/_{name}.html")


class Avatar(UIModule):
    """The face of a user, by the macro of the Jinja side."""

    def render(self, user: User) -> str:
        """Render it; without a picture, the first letter of the name."""
        return str(get_template_attribute(MACROS, "avatar")(user.name, user.avatar))


class When(UIModule):
    """A time, by the macro of the Jinja side."""

    def render(self, moment: datetime) -> str:
        """Render it."""
        return str(get_template_attribute(MACROS, "when")(moment))


class AdminRow(UIModule):
    """A row of the admins' lists, with what can be done."""

    def render(self, kind: str, row: User | Post | Comment) -> str:
        """Render a row of the list *kind*."""
        return self.render_string("tornado/_admin_row.html", kind=kind, row=row).decode()


MODULES = {"Part": Part, "Avatar": Avatar, "When": When, "AdminRow": AdminRow}
