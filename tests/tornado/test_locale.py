"""Locales, beside Tornado's own: translations, plural forms, dates, lists and numbers."""

from __future__ import annotations

import datetime
import gettext
import inspect
import logging
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tornado.locale as theirs

from waterspout.tornado import locale as ours

#: The state of a module that has loaded no translations.
STATE: dict[str, Any] = {
    "_translations": {}, "_supported_locales": frozenset({"en_US"}), "_use_gettext": False,
    "_default_locale": "en_US",
}  # fmt: skip
FRENCH = """"school","école"
"%(name)s liked this","%(name)s ont aimé","plural"
"%(name)s liked this","%(name)s a aimé","singular"
"January"," janvier ",""
"%(commas)s and %(last)s","%(commas)s et %(last)s"
"1 hour ago","il y a une heure","singular"
"%(hours)d hours ago","il y a %(hours)d heures","plural"
"yesterday at %(time)s","hier à %(time)s"

"alone"
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Each test starts without translations, on both sides: other tests run programs that load
    theirs into this process."""
    saved = {module: {name: getattr(module, name) for name in STATE} for module in (ours, theirs)}
    for module in saved:
        vars(module).update(STATE)
        module.Locale._cache = {}
    yield
    for module, state in saved.items():
        vars(module).update(state)
        module.Locale._cache = {}


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """A folder of CSV files."""
    (tmp_path / "fr_FR.csv").write_text(FRENCH, encoding="utf-8")
    (tmp_path / "zh_CN.csv").write_text('"school","学校"\n', encoding="utf-16")
    (tmp_path / "de.csv").write_text('"school","Schule"\r\n', encoding="utf-8-sig")
    (tmp_path / "fa_IR.csv").write_text("", encoding="utf-8")
    (tmp_path / "readme.txt").write_text("not a translation", encoding="utf-8")
    return tmp_path


def mo_file(catalog: dict[str, str]) -> bytes:
    """Return *catalog* in the format of GNU gettext: a header, two tables, the strings."""
    head = {"": "Content-Type: text/plain; charset=utf-8\nPlural-Forms: nplurals=2; plural=n>1;\n"}
    items = sorted((k.encode(), v.encode()) for k, v in (head | catalog).items())
    tables: list[bytes] = []
    strings = b""
    start = 28 + 16 * len(items)
    for column in (0, 1):
        for item in items:
            tables.append(struct.pack("<II", len(item[column]), start + len(strings)))
            strings += item[column] + b"\0"
    count = len(items)
    header = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 28 + 16 * count)
    return header + b"".join(tables) + strings


@pytest.fixture
def mo(tmp_path: Path) -> Path:
    """A gettext tree."""
    folder = tmp_path / "fr_FR" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = {
        "school": "école",
        "club\0clubs": "club\0clubs (fr)",
        "law\4right": "le droit",
        "stick\4club\0stick\4clubs": "le bâton\0les bâtons",
    }
    (folder / "site.mo").write_bytes(mo_file(catalog))
    broken = tmp_path / "xx" / "LC_MESSAGES"
    broken.mkdir(parents=True)
    (broken / "site.mo").write_bytes(b"this is no catalog")
    return tmp_path


def test_the_module_has_tornados_names() -> None:
    """The same functions, classes and data, with the same parameters."""
    assert ours.LOCALE_NAMES == theirs.LOCALE_NAMES
    assert ours.CONTEXT_SEPARATOR == theirs.CONTEXT_SEPARATOR
    for name in ours.__all__:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if callable(mine):
            parameters = list(inspect.signature(mine).parameters)
            assert parameters == list(inspect.signature(other).parameters)
    methods = [name for name in vars(theirs.Locale) if callable(getattr(theirs.Locale, name))]
    for name in methods:
        mine, other = getattr(ours.Locale, name), getattr(theirs.Locale, name)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(other).parameters)


def test_without_translations_there_is_english() -> None:
    """The default locale says what it is given."""
    locale = ours.get("fr_FR", "xx")
    assert (locale.code, locale.name, locale.rtl) == ("en_US", "English (US)", False)
    assert locale.translate("school") == "school"
    assert locale.translate("1 dog", "%(n)d dogs", 2) == "%(n)d dogs"
    assert locale.pgettext("zoo", "dog") == "dog"
    assert ours.get_supported_locales() == {"en_US"}
    with pytest.raises(AssertionError, match="a plural message needs a count"):
        locale.translate("1 dog", "%(n)d dogs")


def test_csv_translations(csv: Path, caplog: Any) -> None:
    """Messages, plural forms, encodings by byte-order mark; another file's encoding is its own."""
    ours.load_translations(str(csv))
    assert ours.get_supported_locales() == {"en_US", "fr_FR", "zh_CN", "de", "fa_IR"}
    french = ours.get("fr_FR")
    assert isinstance(french, ours.CSVLocale)
    assert isinstance(french, ours.Locale)
    assert french.translate("school") == "école"
    assert french.translate("%(name)s liked this", "%(name)s liked this", 1) == "%(name)s a aimé"
    assert french.translate("%(name)s liked this", "%(name)s liked this", 2) == "%(name)s ont aimé"
    assert french.translate("alone") == "alone"
    assert french._months[0] == "janvier"
    assert french.list(["a", "b", "c"]) == "a, b et c"
    assert ours.get("zh_CN").translate("school") == "学校"
    assert ours.get("de").translate("school") == "Schule"
    assert ours.get("fa_IR").rtl
    assert caplog.records == []
    assert french.pgettext("place", "school") == "école"
    assert [r.getMessage() for r in caplog.records] == ["pgettext is not supported by CSVLocale"]


def test_what_a_csv_folder_has_wrong_is_logged(tmp_path: Path, caplog: Any) -> None:
    """A file of no locale and an unknown plural form are told; the rest is used."""
    (tmp_path / "French!.csv").write_text('"a","b"\n', encoding="utf-8")
    (tmp_path / "fr.csv").write_text('"a","b","dual"\n"c","d"\n', encoding="latin-1")
    ours.load_translations(str(tmp_path), encoding="latin-1")
    assert ours.get("fr").translate("c") == "d"
    assert [(r.name, r.getMessage()) for r in caplog.records] == [
        ("tornado.general", f"Unrecognized locale 'French!' (path: {tmp_path / 'French!.csv'})"),
        ("tornado.general", "Unrecognized plural indicator 'dual' in fr.csv line 1"),
    ]


def test_gettext_translations(mo: Path, caplog: Any) -> None:
    """Messages, the language's own plural rule, contexts; a broken file is logged."""
    ours.load_gettext_translations(str(mo), "site")
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "Cannot load translation for 'xx'"
    ]
    french = ours.get("fr")
    assert french.code == "en_US"  # no French without a country here
    french = ours.get("fr-fr")
    assert isinstance(french, ours.GettextLocale)
    assert french.translate("school") == "école"
    assert french.translate("club", "clubs", 0) == "club"  # French: none is singular
    assert french.translate("club", "clubs", 2) == "clubs (fr)"
    assert french.pgettext("law", "right") == "le droit"
    assert french.pgettext("side", "right") == "right"
    assert french.pgettext("stick", "club", "clubs", 1) == "le bâton"
    assert french.pgettext("stick", "club", "clubs", 2) == "les bâtons"
    assert french.pgettext("cards", "club", "clubs", 2) == "clubs (fr)"


def test_translations_loaded_anew_are_seen(csv: Path, mo: Path) -> None:
    """Either kind may follow the other, and a locale made before is made again."""
    assert ours.get("fr_FR").code == "en_US"
    ours.load_gettext_translations(str(mo), "site")
    assert isinstance(ours.get("fr_FR"), ours.GettextLocale)
    ours.load_translations(str(csv))
    assert isinstance(ours.get("fr_FR"), ours.CSVLocale)
    ours.set_default_locale("de")
    assert ours.get("unknown").translate("school") == "Schule"


@pytest.mark.parametrize(
    "codes",
    [
        ["fr"], ["fr_FR"], ["FR-fr"], ["fr-CA", "de-AT"], ["de-AT"], ["DE"], ["", "de"],
        ["zh-Hans-CN", "zh_cn"], ["en_"], ["en"], [], ["../../etc/passwd"], ["*"], ["-"], ["_FR"],
    ],
)  # fmt: skip
def test_the_closest_locale_is_tornados(codes: list[str], csv: Path) -> None:
    """Cases, hyphens and countries are forgiven alike; odd codes lead to the default."""
    for module in (ours, theirs):
        module._translations = {"fr_FR": {}, "de": {}, "zh_CN": {}}
        module.set_default_locale("en_US")
    assert ours.get(*codes).code == theirs.get(*codes).code


def words(module: ModuleType, code: str, seed: int) -> list[str]:
    """Return dates, lists and numbers as *module* words them in one locale."""
    choose = random.Random(seed)
    locale = module.get(code)
    said = [locale.code, locale.name, str(locale.rtl)]
    now = datetime.datetime.now(datetime.UTC)
    for _ in range(200):
        span = choose.choice([40, 3000, 80_000, 86_400 * 4, 86_400 * 300, 86_400 * 900])
        past = now - datetime.timedelta(seconds=choose.randint(-span, span))
        options = {
            "gmt_offset": choose.choice([0, 60, -480, 300]),
            "relative": choose.random() < 0.6,
            "shorter": choose.random() < 0.5,
            "full_format": choose.random() < 0.2,
        }
        date = choose.choice([past, past.timestamp(), past.replace(tzinfo=None)])
        said.append(locale.format_date(date, **options))
        said.append(locale.format_day(past, options["gmt_offset"], options["shorter"]))
    said += [locale.list(list("abcde")[:n]) for n in range(5)]
    said += [locale.friendly_number(n) for n in (0, 7, 999, 1000, 123_456_789)]
    return said


@pytest.mark.parametrize("code", ["en", "en_US", "fr_FR", "zh_CN", "fa_IR"])
def test_dates_lists_and_numbers_are_those_of_tornado(
    code: str, csv: Path, monkeypatch: Any
) -> None:
    """The same words for the same moments, in every locale and with every option."""
    moment = datetime.datetime.now(datetime.UTC)

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return moment

    catalogs: dict[str, Any] = {"en": {}, "fr_FR": {"unknown": {"January": "janvier"}}}
    for module in (ours, theirs):
        module._translations = {**catalogs, "zh_CN": {}, "fa_IR": {}}
        module.set_default_locale("en_US")
    monkeypatch.setattr(datetime, "datetime", Frozen)
    assert words(ours, code, 1) == words(theirs, code, 1)


def test_a_locale_of_ones_own() -> None:
    """A subclass of Locale gives `translate`; the dates and lists come with it."""

    class Upper(ours.Locale):
        def translate(
            self, message: str, plural_message: str | None = None, count: int | None = None
        ) -> str:
            return message.replace(" and ", " AND ").replace("Sunday", "SUNDAY")

    locale = Upper("xx")
    assert locale.list(["a", "b"]) == "a AND b"
    day = datetime.datetime(2013, 4, 28, 18, 35)
    assert locale.format_day(day) == "SUNDAY, April 28"
    with pytest.raises(NotImplementedError):
        locale.pgettext("context", "message")
    with pytest.raises(NotImplementedError):
        ours.Locale("xx")


def test_the_ground_floor_keeps_no_state(csv: Path, caplog: Any) -> None:
    """The languages work without a module's translations: two applications may differ."""
    from waterspout.tornado.translations import (
        CSVLanguage,
        GettextLanguage,
        closest,
        read_csv_catalogs,
    )

    caplog.set_level(logging.CRITICAL)
    catalogs = read_csv_catalogs(str(csv))
    code = closest(["pt-BR", "fr-FR"], catalogs, "en_US")
    assert CSVLanguage(code, catalogs[code]).translate("school") == "école"
    assert GettextLanguage("en", gettext.NullTranslations()).translate("a", "b", 2) == "b"
    assert ours.get_supported_locales() == {"en_US"}
