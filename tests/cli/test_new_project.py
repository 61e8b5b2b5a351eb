"""`waterspout new`: what it makes is in order, and what it refuses. `scripts/new_projects.py` uses
each project as its README says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from waterspout.cli.new_project.command import new_command

TEMPLATES, WINGS = ("minimal", "site", "api"), ("flask", "tornado", "both")


def new(*arguments: str) -> Result:
    return CliRunner().invoke(new_command, arguments)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the nine projects."""
    folder = tmp_path_factory.mktemp("projects")
    for template in TEMPLATES:
        for wing in WINGS:
            path = str(folder / f"{template}-{wing}")
            made = new(path, "--template", template, "--wing", wing)
            assert made.exit_code == 0, made.output
    return folder


def run(folder: Path, *command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_all_are_in_order_for_ruff(projects: Path) -> None:
    run(projects, "ruff", "check", "--no-cache")
    run(projects, "ruff", "format", "--check", "--no-cache")


# What all need is imported once; the tests of each project run in a fork.
ZYGOTE = """
import os, sys
import pytest, waterspout.testing, waterspout.flask.script, waterspout.tornado.web
import waterspout.ext.db, waterspout.ext.forms, waterspout.ext.logs, waterspout.ext.migrate
import waterspout.ext.sessions
failed = []
for folder in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        sys.path.insert(0, folder)
        status = pytest.main(["-q", "-p", "no:cacheprovider", "-o", "addopts="])
        sys.stdout.flush()
        os._exit(status)
    if os.waitpid(pid, 0)[1]:
        failed.append(folder)
sys.exit(str(failed) if failed else 0)
"""


@pytest.mark.timeout(200)  # they take fifteen seconds, on a busy machine a minute
def test_the_tests_of_each_pass(projects: Path) -> None:
    folders = sorted(map(str, projects.iterdir()))
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", ZYGOTE, *folders],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" passed in ") == 9


def test_what_is_needed_is_there(projects: Path) -> None:
    """Each names what it stands on, has its own key, and keeps that to itself."""
    keys = set()
    for folder in projects.iterdir():
        described = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        assert described["project"]["name"] == folder.name
        assert described["project"]["dependencies"][0].startswith("waterspout[")
        keys.add((folder / ".env").read_text(encoding="utf-8").partition("SECRET_KEY=")[2])
        assert ".env" in (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
        assert (folder / ".env").stat().st_mode & 0o077 == 0
        for name in ("README.md", "Dockerfile", "manage.py", ".env.example"):
            assert (folder / name).is_file()
    assert len(keys) == 9


def test_it_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = new("shop").output
    assert [line.strip() for line in said.splitlines() if line.startswith("  ")] == [
        "cd shop",
        "python -m pip install -e '.[dev]'",
        "waterspout db upgrade",
        "waterspout run --debug",
    ]


@pytest.mark.parametrize("name", ["7up", "my shop", "a--b", "json", "class", "waterspout", "tests"])
def test_names_that_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence that says which to take."""
    monkeypatch.chdir(tmp_path)
    made = new(name)
    assert made.exit_code == 1
    assert "take" in made.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.py").write_text("mine")
    made = new(str(tmp_path / "shop"))
    assert made.exit_code == 1
    assert "is not empty" in made.output
    assert (tmp_path / "shop" / "app.py").read_text() == "mine"
    assert new(str(tmp_path / "shop" / "app.py")).exit_code == 1


def test_an_empty_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my-shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = new(".", "--template", "minimal")
    assert made.exit_code == 0
    assert "cd " not in made.output
    assert (folder / "app.py").is_file()


def test_the_page_says_what_is_made(projects: Path) -> None:
    """docs/new.md: its files are there, in one project or another; both languages agree."""
    docs = Path(__file__).resolve().parents[2] / "docs"
    english = (docs / "new.md").read_text(encoding="utf-8")
    chinese = (docs / "new.zh-CN.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (`[^|]*`) \|", english, re.MULTILINE)
    assert re.findall(r"^\| (`[^|]*`) \|", chinese, re.MULTILINE) == listed
    cells = re.findall(r"`([^`]+)`", " ".join(listed))
    paths = [cell for cell in cells if not cell.startswith("--")]
    assert len(paths) > 12
    for path in paths:
        found = [
            folder
            for folder in projects.iterdir()
            if (folder / path.replace("shop", folder.name.replace("-", "_"))).exists()
        ]
        assert found, path
    commands = re.findall(r"^waterspout new shop.*?(?=  #)", english, re.MULTILINE)
    assert commands == re.findall(r"^waterspout new shop.*?(?=  #)", chinese, re.MULTILINE)
