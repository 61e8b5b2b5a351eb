"""Forms by WTForms, and protection against cross-site requests: the names of Flask-WTF 1.3.

    class Registration(FlaskForm):
        name = StringField(validators=[DataRequired()])

        async def validate_name(self, field):
            if await name_is_taken(field.data):
                raise ValidationError("This name is taken.")

    @app.route("/register", methods=["GET", "POST"])
    async def register():
        form = Registration()
        if await form.validate_on_submit_async():
            ...

Beyond Flask-WTF: validators may be ``async def``; a request handler makes a form by
``Registration(handler=self)``; `FileContent` looks into files (`file`); macros and UI modules show
fields with their errors (`rendering`); and `CSRFProtect` has one token with request handlers.
"""

from __future__ import annotations

from .csrf import CSRFError, CSRFProtect, csrf_meta_tag, generate_csrf, validate_csrf
from .form import FlaskForm, Form
from .recaptcha import Recaptcha, RecaptchaField, RecaptchaWidget
from .rendering import form_macros

__all__ = [
    "CSRFError",
    "CSRFProtect",
    "FlaskForm",
    "Form",
    "Recaptcha",
    "RecaptchaField",
    "RecaptchaWidget",
    "csrf_meta_tag",
    "form_macros",
    "generate_csrf",
    "validate_csrf",
]

#: The Flask-WTF whose names these are.
__version__ = "1.3.0"
