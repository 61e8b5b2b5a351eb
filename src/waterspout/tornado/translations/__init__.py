"""Languages of users: translations, dates, lists and numbers, without any state of a program.

`languages` is what a user's language can do, `catalogs` reads translations from files, `dates`
words a point in time, `closest` chooses among what a program has.
"""

from __future__ import annotations

from .catalogs import read_csv_catalogs as read_csv_catalogs
from .catalogs import read_gettext_catalogs as read_gettext_catalogs
from .languages import CONTEXT_SEPARATOR as CONTEXT_SEPARATOR
from .languages import CSVLanguage as CSVLanguage
from .languages import GettextLanguage as GettextLanguage
from .languages import Language as Language
from .languages import closest as closest
from .names import LOCALE_NAMES as LOCALE_NAMES
