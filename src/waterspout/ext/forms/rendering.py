"""Fields and errors of a form as HTML: macros for Jinja, UI modules for Tornado's templates.

The markup is that of one template, ``waterspout/forms.html``: a label for each input, errors that
the input names in ``aria-describedby``, and ``aria-invalid`` where there are any. All values are
escaped. In Jinja:

    app.register_blueprint(form_macros)

    {% from "waterspout/forms.html" import form_fields, form_field, form_errors %}
    <form method="post">{{ form_errors(form) }}{{ form_fields(form) }}<button>Send</button></form>

In Tornado's templates, with `waterspout.ext.forms.ui` among the ``ui_modules``:

    {% module FormErrors(form) %}{% module FormFields(form) %}
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from waterspout import Blueprint

__all__ = ["form_macros", "render_errors", "render_field", "render_fields"]

_FOLDER = Path(__file__).parent / "templates"

#: The blueprint that lets Jinja find ``waterspout/forms.html``.
form_macros = Blueprint("waterspout_forms", __name__, template_folder=str(_FOLDER))


def render_field(field: object, **attributes: object) -> Markup:
    """Return a field with its label, description and errors; *attributes* are the input's."""
    return _render("form_field", field, **attributes)


def render_fields(form: object) -> Markup:
    """Return all fields of a form, the hidden ones first."""
    return _render("form_fields", form)


def render_errors(form: object) -> Markup:
    """Return a list of all errors of a form with links to their fields; empty if there are none."""
    return _render("form_errors", form)


def _render(macro: str, *args: object, **kwargs: object) -> Markup:
    return Markup(getattr(_macros(), macro)(*args, **kwargs))


@cache
def _macros() -> object:
    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True)
    return environment.get_template("waterspout/forms.html").module
