"""UI modules that show forms in Tornado's templates.

import waterspout.ext.forms.ui as form_modules

app.handler_settings["ui_modules"] = form_modules        # or Application(ui_modules=…)

{% module FormField(form.name, placeholder="Your name") %}
"""

from __future__ import annotations

from waterspout import UIModule

from .rendering import render_errors, render_field, render_fields

__all__ = ["FormErrors", "FormField", "FormFields"]


class FormField(UIModule):
    """One field with its label and errors; the keywords are attributes of the input."""

    def render(self, field: object, **attributes: object) -> str:
        return str(render_field(field, **attributes))


class FormFields(UIModule):
    """All fields of a form."""

    def render(self, form: object) -> str:
        return str(render_fields(form))


class FormErrors(UIModule):
    """All errors of a form, with links to their fields."""

    def render(self, form: object) -> str:
        return str(render_errors(form))
