"""What the forms have in common: messages in the visitor's language."""

from __future__ import annotations

from waterspout.ext.forms import FlaskForm

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


class Form(FlaskForm):
    """A form of this site; `hidden_tag()` holds its token against cross-site requests."""

    class Meta(FlaskForm.Meta):
        """The language of messages."""

        def get_translations(self, form: object) -> Translations:
            """Return where WTForms finds its messages."""
            return Translations()
