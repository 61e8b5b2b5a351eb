"""WTForms' messages in the language that Flask-Babel says, where the program has it.

WTForms brings its translations; Flask-Babel is asked for the language only, and not imported
unless the program has set it up.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from waterspout import current_app, has_request_context
from waterspout.ext import needs_extra

with needs_extra("forms"):
    from wtforms.i18n import messages_path  # type: ignore[import-untyped]  # it has no types

__all__ = ["Translations", "translations"]


def _catalog() -> Any:
    """Return the catalog for the current request, None without Flask-Babel."""
    if not has_request_context() or "babel" not in current_app.extensions:
        return None
    locale = sys.modules["flask_babel"].get_locale()
    return None if locale is None else _load(str(locale))


@lru_cache(maxsize=64)  # a site has few languages
def _load(locale: str) -> Any:
    # Flask-Babel, which is here, needs it.
    return sys.modules["babel.support"].Translations.load(
        messages_path(), [locale], domain="wtforms"
    )


class Translations:
    """What WTForms asks for its messages."""

    def gettext(self, string: str) -> str:
        """Return *string* in the language of the request."""
        catalog = _catalog()
        return string if catalog is None else str(catalog.ugettext(string))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return *singular* or *plural* in the language of the request, by the number *n*."""
        catalog = _catalog()
        if catalog is None:
            return singular if n == 1 else plural
        return str(catalog.ungettext(singular, plural, n))


translations = Translations()
