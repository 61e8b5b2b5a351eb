"""docs/mail.md keeps its word: its program runs, its settings are those that are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pages
import pytest

from waterspout.ext.mail import settings


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return pages.program("mail", tmp_path_factory.mktemp("page"))


def test_both_languages_agree() -> None:
    pages.assert_both_languages_agree("mail")


@pytest.mark.parametrize(
    ("method", "path", "status", "count"),
    [
        *(("POST", f"/orders{kind}", 201, 1) for kind in ("", "/async", "/handler")),
        ("GET", "/report", 200, 1),
        ("POST", "/newsletter", 200, 2),
    ],
)
def test_the_program_runs(
    shop: dict[str, Any], method: str, path: str, status: int, count: int
) -> None:
    app, mail = shop["app"], shop["mail"]
    app.testing = True
    with mail.record_messages() as sent:
        answer = app.test_client().open(path, method=method)
    assert (answer.status_code, len(sent)) == (status, count)


def test_the_pages_own_test_passes(shop: dict[str, Any]) -> None:
    shop["test_order"]()


def test_every_setting_is_on_the_page() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    read = set(re.findall(r'config.get\("(MAIL_\w+)"|config\["(MAIL_\w+)"', source))
    page = (pages.DOCS / "mail.md").read_text(encoding="utf-8").partition("## Settings")[2]
    assert {name for pair in read for name in pair if name} == set(
        re.findall(r"`(MAIL_\w+)`", page)
    )
