"""docs/logs.md keeps its word: its program writes the lines that the page shows."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pages

import waterspout.ext.logs


def test_both_languages_agree() -> None:
    pages.assert_both_languages_agree("logs")


def test_the_program_writes_what_is_shown(tmp_path: Path) -> None:
    """The same fields in the same order."""
    level = logging.getLogger().level
    names = pages.program("logs", tmp_path)
    try:
        answer = names["app"].test_client().post("/orders")
        assert names["logs"].flush()
        lines = (tmp_path / "instance" / "shop.log").read_text().splitlines()
    finally:
        names["logs"].close()
        logging.getLogger().setLevel(level)
    shown = json.loads(pages.blocks("logs", "json")[0])
    written = {one["message"]: one for one in map(json.loads, lines)}["paid"]
    assert list(written) == list(shown)
    same = ("order", "amount", "level", "logger", "message")
    assert {name: written[name] for name in same} == {name: shown[name] for name in same}
    assert written["request_id"] == answer.get_json()["request"]


def test_every_setting_is_on_the_page() -> None:
    folder = Path(waterspout.ext.logs.__file__).parent
    source = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    page = (pages.DOCS / "logs.md").read_text(encoding="utf-8").partition("## Settings")[2]
    read = re.findall(r'config(?:\.get\(|\[)"(LOG_\w+)"|"(LOG_FILE_\w+)"', source)
    read += re.findall(r'"(LOG_\w+)"()', source)
    assert {name for pair in read for name in pair if name} == set(re.findall(r"`(LOG_\w+)`", page))
