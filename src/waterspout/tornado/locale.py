"""Tornado's ``tornado.locale``: the languages of a process, which has one set of translations."""

from __future__ import annotations

import gettext
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast

from ..peers.imported_names import imported_names
from .translations import CONTEXT_SEPARATOR as CONTEXT_SEPARATOR
from .translations import LOCALE_NAMES as LOCALE_NAMES
from .translations import (
    CSVLanguage,
    GettextLanguage,
    Language,
    closest,
    read_csv_catalogs,
    read_gettext_catalogs,
)

__all__ = [
    "CONTEXT_SEPARATOR",
    "LOCALE_NAMES",
    "CSVLocale",
    "GettextLocale",
    "Locale",
    "get",
    "get_supported_locales",
    "load_gettext_translations",
    "load_translations",
    "set_default_locale",
]

_log = logging.getLogger("tornado.general")

# Programs and tests read and replace these.
_default_locale = "en_US"
#: The texts of a language: of CSV files, or of `gettext`.
Catalog: TypeAlias = "dict[str, dict[str, str]] | gettext.NullTranslations"

_translations: Mapping[str, Catalog] = {}
_supported_locales = frozenset([_default_locale])
_use_gettext = False


def get(*locale_codes: str) -> Locale:
    """Return the locale for the first of *locale_codes* that is supported, or the default one."""
    return Locale.get_closest(*locale_codes)


def set_default_locale(code: str) -> None:
    """Set the locale that messages are written in, ``en_US`` if not told. It needs no catalog."""
    global _default_locale, _supported_locales
    _default_locale = code
    _supported_locales = frozenset([*_translations, code])


def load_translations(directory: str, encoding: str | None = None) -> None:
    """Take the translations from the CSV files in *directory*, one ``<code>.csv`` a locale.

    Rows are ``message,translation`` and perhaps ``plural`` or ``singular``. The encoding, if not
    given, is found by the byte-order mark, else UTF-8.
    """
    _use(read_csv_catalogs(directory, encoding), with_gettext=False)


def load_gettext_translations(directory: str, domain: str) -> None:
    """Take the translations from ``<directory>/<code>/LC_MESSAGES/<domain>.mo``."""
    _use(read_gettext_catalogs(directory, domain), with_gettext=True)


def _use(translations: Mapping[str, Catalog], with_gettext: bool) -> None:
    global _translations, _use_gettext
    _translations = translations
    _use_gettext = with_gettext
    Locale._cache = {}
    set_default_locale(_default_locale)
    _log.debug("Supported locales: %s", sorted(_supported_locales))


def choices() -> tuple[frozenset[str], str]:
    """Return the codes of the supported locales, and that of the default one."""
    return _supported_locales, _default_locale


def get_supported_locales() -> Iterable[str]:
    """Return the codes of all locales that have translations, and the default one."""
    return _supported_locales


class Locale(Language):
    """A locale; made by `get`, `get_closest` or `get` of the module, once for each code."""

    _cache: ClassVar[dict[str, Locale]] = {}

    @classmethod
    def get_closest(cls, *locale_codes: str) -> Locale:
        """Return the locale for the first of *locale_codes* that is supported, or the default."""
        return cls.get(closest(locale_codes, _supported_locales, _default_locale))

    @classmethod
    def get(cls, code: str) -> Locale:
        """Return the locale *code*. Raises `AssertionError` if it is not supported."""
        found = cls._cache.get(code)
        if found is None:
            if code not in _supported_locales:
                raise AssertionError(f"locale {code!r} is not supported")
            found = cls._cache[code] = _make(code)
        return found


class CSVLocale(CSVLanguage, Locale):
    """A locale with translations from a CSV file, or none."""


class GettextLocale(GettextLanguage, Locale):
    """A locale with translations from `gettext`."""


def _make(code: str) -> Locale:
    translations = _translations.get(code)
    if _use_gettext and translations is not None:
        return GettextLocale(code, cast(gettext.NullTranslations, translations))
    return CSVLocale(code, cast("dict[str, dict[str, str]]", translations or {}))


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.locale",
        __package__,
        """
        import codecs, csv, datetime, glob, os, re
        from typing import Any
        from . import escape
        from .log import gen_log
        """,
    )
