"""A user's language: its translations, and how it writes dates, lists and numbers."""

from __future__ import annotations

import datetime
import gettext
import logging
from collections.abc import Collection, Iterable, Sequence

from .catalogs import CSVCatalog
from .dates import MONTHS, WEEKDAYS, Moment, clock
from .names import LOCALE_NAMES

_log = logging.getLogger("tornado.general")  # where Tornado programs look
_RIGHT_TO_LEFT = ("fa", "ar", "he")

# Between the context and the message, in the files of `gettext`.
CONTEXT_SEPARATOR = "\x04"


def closest(codes: Iterable[str | None], supported: Collection[str], default: str) -> str:
    """Return the first of *codes* that is *supported*, if need be without its country.

    ``pt-br`` is read as ``pt_BR``; codes of more than two parts are passed over.
    """
    for code in codes:
        language, _, country = (code or "").replace("-", "_").partition("_")
        if "_" in country:
            continue
        whole = f"{language.lower()}_{country.upper()}" if country else language
        for wanted in (whole, language.lower()):
            if wanted in supported:
                return wanted
    return default


class Language:
    """A language by its code, such as ``pt_BR``.

    Subclasses give `translate` and `pgettext`, and have them ready before `__init__` runs here.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.name = LOCALE_NAMES.get(code, {}).get("name", "Unknown")
        self.rtl = code.startswith(_RIGHT_TO_LEFT)
        self._months = [self.translate(month) for month in MONTHS]
        self._weekdays = [self.translate(day) for day in WEEKDAYS]

    def translate(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str:
        """Translate *message*, or the form of it and *plural_message* that *count* asks for."""
        raise NotImplementedError

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """Translate as `translate` does, a *message* that means different things by *context*."""
        raise NotImplementedError

    def format_date(
        self,
        date: float | datetime.datetime,
        gmt_offset: int = 0,
        relative: bool = True,
        shorter: bool = False,
        full_format: bool = False,
    ) -> str:
        """Word a point in time: seconds since 1970, or a datetime (UTC if it has no zone).

        :param gmt_offset: how far the user is behind UTC, in minutes.
        :param relative: say ``2 minutes ago`` within a day, ``yesterday`` after.
        :param shorter: leave the time of day out where there is a day.
        :param full_format: always ``July 10, 1980 at 6:35 pm``, as for times to come.
        """
        moment = Moment.of(date, gmt_offset, relative)
        if relative and not full_format and (ago := moment.ago()):
            return self.translate(ago.one, ago.many, ago.number) % {ago.unit: ago.number}
        pattern = moment.pattern(relative, shorter, full_format)
        return self.translate(pattern) % self._waterspout_date_words(moment.local)

    def format_day(self, date: datetime.datetime, gmt_offset: int = 0, dow: bool = True) -> str:
        """Word a day: ``Monday, January 22``, or without the weekday (*dow*)."""
        local = date - datetime.timedelta(minutes=gmt_offset)
        pattern = "%(weekday)s, %(month_name)s %(day)s" if dow else "%(month_name)s %(day)s"
        return self.translate(pattern) % self._waterspout_date_words(local)

    def _waterspout_date_words(self, local: datetime.datetime) -> dict[str, str]:
        return {
            "month_name": self._months[local.month - 1],
            "weekday": self._weekdays[local.weekday()],
            "day": str(local.day),
            "year": str(local.year),
            "time": clock(self.code, local),
        }

    def friendly_number(self, value: int) -> str:
        """Return *value* with commas between thousands in English, plain otherwise."""
        return f"{value:,}" if self.code in ("en", "en_US") else str(value)

    def list(self, parts: Sequence[str]) -> str:
        """Word a list: ``A, B and C``."""
        if len(parts) < 2:
            return parts[0] if parts else ""
        comma = " \u0648 " if self.code.startswith("fa") else ", "
        pattern = self.translate("%(commas)s and %(last)s")
        return pattern % {"commas": comma.join(parts[:-1]), "last": parts[-1]}


class CSVLanguage(Language):
    """A language with a catalog from `read_csv_catalogs`."""

    def __init__(self, code: str, translations: CSVCatalog) -> None:
        self.translations = translations
        super().__init__(code)

    def translate(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str:
        form = "unknown"
        if plural_message is not None:
            form = "singular" if _counted(count) == 1 else "plural"
            message = message if form == "singular" else plural_message
        return self.translations.get(form, {}).get(message, message)

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """Translate without the context, which the CSV format has no place for."""
        if self.translations:
            _log.warning("pgettext is not supported by CSVLocale")
        return self.translate(message, plural_message, count)


class GettextLanguage(Language):
    """A language with a catalog of `gettext`, whose plural rule holds."""

    def __init__(self, code: str, translations: gettext.NullTranslations) -> None:
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        super().__init__(code)

    def translate(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str:
        if plural_message is None:
            return self.gettext(message)
        return self.ngettext(message, plural_message, _counted(count))

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """Translate in a context, as ``xgettext --keyword=pgettext:1c,2`` collects it.

        Where the catalog lacks the context, a plural is translated without; a message stays.
        """
        key = f"{context}{CONTEXT_SEPARATOR}{message}"
        if plural_message is None:
            found = self.gettext(key)
            return message if CONTEXT_SEPARATOR in found else found
        number = _counted(count)
        found = self.ngettext(key, f"{context}{CONTEXT_SEPARATOR}{plural_message}", number)
        if CONTEXT_SEPARATOR in found:
            return self.ngettext(message, plural_message, number)
        return found


def _counted(count: int | None) -> int:
    if count is None:  # the type of error is Tornado's
        raise AssertionError("a plural message needs a count")
    return count
