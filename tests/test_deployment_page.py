"""docs/deployment.md says what is so: names of settings and variables, options, both languages.

Its configurations of nginx and haproxy are run by tests/proxies.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from waterspout.cli.run_commands import serve_command, settings_command
from waterspout.server.process.gunicorn_settings import MEANINGS
from waterspout.server.settings_sources import described

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {
    name: (DOCS / name).read_text(encoding="utf-8")
    for name in ("deployment.md", "deployment.zh-CN.md")
}


@pytest.mark.parametrize("name", PAGES)
def test_settings_and_variables_are_there(name: str) -> None:
    text = PAGES[name]
    settings = {setting.name for setting in described()}
    variables = {setting.variable for setting in described()}
    assert set(re.findall(r"\b(?:timeouts|limits|threads)\.\w+", text)) <= settings
    assert set(re.findall(r"WATERSPOUT_[A-Z_]+", text)) - {"WATERSPOUT_"} <= variables


@pytest.mark.parametrize("name", PAGES)
def test_options_are_there(name: str) -> None:
    """Each command line of `waterspout run` on the page has options that `run` has."""
    options = {"run": serve_command, "settings": settings_command}
    lines = re.findall(r"waterspout (run|settings)\b([^`\n]*)", PAGES[name])
    assert len(lines) > 5
    for command, rest in lines:
        known = {option for param in options[command].params for option in param.opts}
        words = shlex.split(rest.split("`")[0])
        assert {word for word in words if word.startswith("--")} <= known | {"--help"}


def test_both_languages_have_the_same_configurations() -> None:
    first, second = (
        [re.sub(r"#.*", "", block) for block in re.findall(r"```\w+\n.*?```", text, re.DOTALL)]
        for text in PAGES.values()
    )
    assert first == second


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say about it, its program is there."""
    command = shutil.which("systemd-analyze")
    if command is None:
        pytest.skip("no systemd-analyze on PATH")
    unit = re.findall(r"```ini\n(.*?)```", PAGES["deployment.md"], re.DOTALL)[0]
    program = Path(sys.executable).with_name("waterspout")
    assert unit.count("/srv/shop/.venv/bin/waterspout") == 1
    path = tmp_path / "shop.service"
    path.write_text(unit.replace("/srv/shop/.venv/bin/waterspout", str(program)))
    said = subprocess.run(
        [command, "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_table_of_gunicorns_settings() -> None:
    """Each that is not gunicorn's own business, what becomes of it and what that means."""
    said = {name: meaning for name, meaning in MEANINGS.items() if meaning.kind != "gunicorn's"}
    english, chinese = (
        {
            name: (kind, text)
            for name, kind, text in re.findall(r"^\| `(\w+)` \| (\w+) \| ?(.*?) ?\|$", page, re.M)
        }
        for page in PAGES.values()
    )
    assert english == {name: (meaning.kind, meaning.text) for name, meaning in said.items()}
    kinds = {"honoured": "生效", "ignored": "忽略", "refused": "拒绝"}
    assert {name: kind for name, (kind, _) in chinese.items()} == {
        name: kinds[meaning.kind] for name, meaning in said.items()
    }
    translated: dict[str, set[str]] = {}
    for name, (_, text) in english.items():
        translated.setdefault(text, set()).add(chinese[name][1])
    assert {text: len(ways) for text, ways in translated.items() if len(ways) > 1} == {}
    assert all(bool(text) == any(ways) for text, ways in translated.items())
