"""THREAT_MODEL.md: every promise names tests, every test that is named is there, and every setting
that is named."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from waterspout.config import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| promise")
]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ATTACKERS = {"client", "page", "sibling", "user", "server", "machine"}


@cache
def functions_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)), ids=lambda text: text)
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in functions_in(path)


def test_every_promise_has_an_attacker_and_a_test() -> None:
    assert len(ROWS) > 40
    for promise, attackers, _, tests in ROWS:
        assert promise.endswith("."), promise
        assert set(attackers.split(", ")) <= ATTACKERS, promise
        assert re.search(r"`tests/[\w/]+\.py::test_\w+`", tests), promise


def test_every_setting_that_is_named_is_one() -> None:
    names = re.findall(r"`([A-Z][A-Z_]+[A-Z])`", PAGE)
    assert [name for name in names if name not in SETTINGS] == []
