"""Translations read from a folder: CSV files, or the tree of `gettext`."""

from __future__ import annotations

import codecs
import csv
import gettext
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path

_log = logging.getLogger("tornado.general")  # where Tornado programs look
_CODE = re.compile(r"[a-z]+(_[A-Z]+)?")
_FORMS = ("plural", "singular", "unknown")

CSVCatalog = dict[str, dict[str, str]]  # "plural", "singular" or "unknown" → message → translation


def read_csv_catalogs(directory: str, encoding: str | None = None) -> dict[str, CSVCatalog]:
    """Read each ``<code>.csv`` of *directory*; return the catalogs by locale code.

    A row is a message, its translation, and perhaps ``plural`` or ``singular``. Without *encoding*
    a file's byte-order mark decides between UTF-8 and UTF-16; without a mark it is UTF-8. What is
    not understood is logged and left out.
    """
    catalogs = {}
    for path in sorted(Path(directory).glob("*.csv")):
        if not _CODE.fullmatch(path.stem):
            _log.error(
                "Unrecognized locale %r (path: %s)", path.stem, os.path.join(directory, path.name)
            )
            continue
        with path.open(encoding=encoding or _encoding(path)) as file:
            catalogs[path.stem] = _read_rows(csv.reader(file), path.name)
    return catalogs


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(2)
    return "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _read_rows(rows: Iterable[list[str]], file_name: str) -> CSVCatalog:
    catalog: CSVCatalog = {}
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            continue
        message, translation, form = [cell.strip() for cell in [*row, ""][:3]]
        form = form or "unknown"
        if form in _FORMS:
            catalog.setdefault(form, {})[message] = translation
        else:
            _log.error("Unrecognized plural indicator %r in %s line %d", form, file_name, number)
    return catalog


def read_gettext_catalogs(directory: str, domain: str) -> dict[str, gettext.NullTranslations]:
    """Read each ``<code>/LC_MESSAGES/<domain>.mo`` of *directory*; return them by locale code.

    A file that cannot be read is logged and left out.
    """
    catalogs: dict[str, gettext.NullTranslations] = {}
    for path in sorted(Path(directory).glob(f"*/LC_MESSAGES/{domain}.mo")):
        code = path.parent.parent.name
        try:
            catalogs[code] = gettext.translation(domain, directory, languages=[code])
        except Exception as error:  # a broken file fails in many ways
            _log.error("Cannot load translation for '%s': %s", code, error)
    return catalogs
