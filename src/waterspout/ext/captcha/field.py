"""A captcha as a field of a form (`waterspout.ext.forms`).

    class Registration(FlaskForm):
        name = StringField("Name")
        letters = CaptchaField("What do you see?")

The field is a picture, a hidden input with its id, and an input for the letters. The captcha is the
application's; with an answer that is wrong the form is shown with a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from markupsafe import Markup

from waterspout import current_app, url_for
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

from . import Captcha

with needs_extra("forms"):
    from wtforms import StringField, ValidationError  # type: ignore[import-untyped]  # no types
    from wtforms.widgets import TextInput, html_params  # type: ignore[import-untyped]  # as above

__all__ = ["CaptchaField", "CaptchaWidget"]


class CaptchaWidget(TextInput):  # type: ignore[misc]  # WTForms has no types
    """Renders the picture and both inputs; the keywords are attributes of the visible one."""

    def __call__(self, field: Untyped, **kwargs: object) -> Markup:
        kwargs.setdefault("autocomplete", "off")
        kwargs.setdefault("autocapitalize", "characters")
        kwargs["value"] = ""
        picture = html_params(
            src=url_for("captcha", id=field.captcha_id), alt=field.gettext("Letters and digits")
        )
        hidden = html_params(type="hidden", name=f"{field.name}-id", value=str(field.captcha_id))
        visible: Markup = super().__call__(field, **kwargs)
        return Markup(f"<img {picture}><input {hidden}>") + visible


class CaptchaField(StringField):  # type: ignore[misc]  # as above
    """Valid if the letters are those of the picture. *captcha* is the application's if left out."""

    widget = CaptchaWidget()

    def __init__(
        self,
        label: str | None = None,
        validators: Sequence[object] | None = None,
        captcha: Captcha | None = None,
        message: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.captcha = captcha
        self.message = message
        #: The id of the captcha to be shown.
        self.captcha_id: object = uuid4()
        self._sent_id: str | None = None

    def process(self, formdata: Untyped, *args: object, **kwargs: object) -> None:
        """Take the letters, and the id of the picture that they answer."""
        super().process(formdata, *args, **kwargs)
        if formdata is not None:
            self._sent_id = formdata.get(f"{self.name}-id")

    def pre_validate(self, form: object) -> None:
        """Check the answer, which uses the captcha up.

        Raises:
            wtforms.ValidationError: It is wrong, or the captcha is not known any more.
        """
        captcha: Captcha = self.captcha or current_app.extensions["captcha"]
        if not captcha.check(self._sent_id or "", self.data or ""):
            text = "These are not the letters of the picture, or it is too old."
            raise ValidationError(self.message or self.gettext(text))
