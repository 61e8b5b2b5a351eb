"""What tests of the batteries' pages in docs/ share: their programs, and both languages."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str = "python") -> list[str]:
    """Return the fenced blocks of one language on the page ``docs/{page}.md``."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def program(page: str, folder: Path) -> dict[str, Any]:
    """Run the Python blocks of a page, in their order, as one program in *folder*; return its
    names."""
    file = folder / f"page_{page}.py"
    file.write_text("\n\n".join(blocks(page)), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, file.stem, module)
        spec.loader.exec_module(module)
    return vars(module)


def assert_both_languages_agree(page: str) -> None:
    """The Chinese page has the same programs (comments apart), sections, tables and settings."""
    english, chinese = (
        (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in (page, f"{page}.zh-CN")
    )
    for language in ("python", "sh", "json", "text"):
        assert [_without_comments(block) for block in blocks(f"{page}.zh-CN", language)] == [
            _without_comments(block) for block in blocks(page, language)
        ]
    for mark in ("\n## ", "\n|", "\n- "):
        assert chinese.count(mark) == english.count(mark), mark
    first_cells = re.compile(r"^\| (`[^|]*?) \|(?: (`[^|]*?) \|)?", re.MULTILINE)
    settings = [row for row in first_cells.findall(english) if row[0][1:2].isupper()]
    assert [row for row in first_cells.findall(chinese) if row[0][1:2].isupper()] == settings


def _without_comments(block: str) -> list[str]:
    return [line.partition("  #")[0].rstrip() for line in block.splitlines()]
