"""Every text of the blog has its Chinese."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import waterspout.demo

HOME = Path(waterspout.demo.__file__).parent
#: What is translated but not written out in a call: roles, errors, messages of WTForms.
ELSEWHERE = 17


def texts_in_templates() -> set[str]:
    found: set[str] = set()
    for path in (HOME / "templates").rglob("*.html"):
        for call in re.findall(r"_\(((?:'[^']*'|\"[^\"]*\")(?:, \"[^\"]*\")?)", path.read_text()):
            value = ast.literal_eval(call)
            found |= {value} if isinstance(value, str) else set(value)
    return found


def texts_in_code() -> set[str]:
    found: set[str] = set()
    for path in HOME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id in {"translate", "Words"}:
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def test_every_text_is_translated() -> None:
    """Placeholders are the same, and no row is left over."""
    with (HOME / "locale" / "zh_CN.csv").open(encoding="utf-8", newline="") as file:
        rows = {row[0]: row[1] for row in csv.reader(file)}
    used = texts_in_templates() | texts_in_code()
    assert len(used) > 80
    assert used - set(rows) == set()
    assert len(set(rows) - used) <= ELSEWHERE, set(rows) - used
    for english, chinese in rows.items():
        holes = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
        assert sorted(holes.findall(english)) == sorted(holes.findall(chinese))
