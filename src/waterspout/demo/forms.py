"""What the forms have in common: messages in the visitor's language, and no control characters."""

from __future__ import annotations

from collections.abc import Mapping

from wtforms import Field, ValidationError  # type: ignore[import-untyped]  # it has no types
from wtforms.fields.core import UnboundField  # type: ignore[import-untyped]  # as above

from waterspout.ext.forms import FlaskForm

from .texts import CONTROLS
from .translations import translate

__all__ = ["Form"]


class Translations:
    """What WTForms asks for its own messages."""

    def gettext(self, string: str) -> str:
        """Return *string* in the language of the request."""
        return translate(string)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return *singular* or *plural*, by the number *n*, in the language of the request."""
        return translate(singular, plural, n)


def no_controls(form: object, field: Field) -> None:
    """Refuse a text with control characters, by a `ValidationError`."""
    if isinstance(field.data, str) and CONTROLS.search(field.data):
        raise ValidationError(translate("Control characters are not allowed."))


class Form(FlaskForm):
    """A form of this site; `hidden_tag()` holds its token against cross-site requests."""

    class Meta(FlaskForm.Meta):
        """The language of messages, and what every field refuses."""

        def bind_field(
            self, form: object, unbound_field: UnboundField, options: Mapping[str, object]
        ) -> Field:
            """Give each field `no_controls` besides its own validators."""
            validators = [no_controls, *unbound_field.kwargs.get("validators", ())]
            return super().bind_field(form, unbound_field, {**options, "validators": validators})

        def get_translations(self, form: object) -> Translations:
            """Return where WTForms finds its messages."""
            return Translations()
