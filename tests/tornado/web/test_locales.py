"""The language of a response."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rooms_site import client_of

from waterspout.tornado import locale
from waterspout.tornado.web import RequestHandler


class Hello(RequestHandler):
    def get(self) -> None:
        self.write(f"{self.locale.code} {self.locale.translate('hello')}")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    for code, word in {"fr_FR": "bonjour", "de": "hallo", "pt_BR": "olá"}.items():
        (tmp_path / f"{code}.csv").write_text(f'"hello","{word}"\n', encoding="utf-8")
    kept = locale._translations, locale._supported_locales, locale._use_gettext
    locale.load_translations(str(tmp_path))
    yield client_of(("/", Hello))
    locale._translations, locale._supported_locales, locale._use_gettext = kept
    locale.Locale._cache = {}


@pytest.mark.parametrize(
    ("accepted", "answer"),
    [
        (None, "en_US hello"),
        ("", "en_US hello"),
        ("fr-FR", "fr_FR bonjour"),
        ("de-AT", "de hallo"),
        ("it, de;q=0.5, fr-FR;q=0.8", "fr_FR bonjour"),
        ("de;q=0.5,fr-FR;q=0.5", "de hallo"),
        ("de ; q=0.1, fr-FR; q=0.9", "fr_FR bonjour"),
        ("fr-FR;q=0, de;q=0.1", "de hallo"),
        ("fr-FR;q=-1, de;q=0.1", "de hallo"),
        ("fr-FR;q=x, de;q=0.1", "de hallo"),
        ("fr-FR;q=nan, de;q=0.1", "de hallo"),
        ("fr-FR;q=0", "en_US hello"),
        (",;,;q=1,", "en_US hello"),
        ("*", "en_US hello"),
        ("pt-BR" + ",x" * 5000, "pt_BR olá"),
        ("é", "en_US hello"),
    ],
)
def test_the_browsers_language_g5(client: Any, accepted: str | None, answer: str) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    assert client.get("/", headers=headers).data.decode() == answer


def test_the_users_choice_goes_first_g5(client: Any) -> None:
    class Chosen(Hello):
        def get_user_locale(self) -> locale.Locale:
            return locale.get("de")

    class Assigned(Hello):
        def prepare(self) -> None:
            self.locale = locale.get("fr_FR")

    class Default(Hello):
        def get_browser_locale(self, default: str = "en_US") -> locale.Locale:
            return super().get_browser_locale("pt_BR")

    client = client_of(("/chosen", Chosen), ("/assigned", Assigned), ("/default", Default))
    headers = {"Accept-Language": "fr-FR"}
    assert client.get("/chosen", headers=headers).data == b"de hallo"
    assert client.get("/assigned").data == b"fr_FR bonjour"
    assert client.get("/default", headers=headers).data == b"fr_FR bonjour"
    assert client.get("/default").data.decode() == "pt_BR olá"
